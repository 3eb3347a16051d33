"""`/suspensions`, `…/suspend`: suspends a version at once, ratifies and ends suspensions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Annotated, ClassVar, Literal, cast

from pydantic import Field
from sqlmodel import Session

from api.kit.context import PageContext
from api.kit.drawing import Bar, Timeline, timeline
from api.kit.form_action import FormAction, FormRequest, page_with_form
from api.kit.form_fields import HIDDEN, FormField, Proof, Reason, SignerRole, Widget, form_fields
from api.kit.forms import FormModel, FormState
from api.kit.frame import Frame
from api.kit.page_route import PageRoute
from api.kit.table import Table, TableColumn, TableFilter, TableQuery
from policy_service.access import WRITING, check_permission
from policy_service.approval import service as approval
from policy_service.approval.suspension_queries import SuspensionFilter, SuspensionStatus, list_suspensions
from policy_service.approval.validation import MAX_REASON
from policy_service.database import Transaction
from policy_service.language.policy import Bilingual
from policy_service.messages import Message
from policy_service.paging import Page

STATUS_NAMES: Mapping[SuspensionStatus, Message] = {
    "running": Message("in effect"),
    "unratified": Message("awaiting ratification"),
    "over": Message("over"),
}


def read_page(session: Session, context: PageContext, query: TableQuery) -> Page[approval.Suspension]:
    """Return one page of the suspensions that the filters leave."""
    status = cast("SuspensionStatus | None", query.filters["state"] or None)
    criteria = SuspensionFilter(query.filters["policy"] or None, status)
    return list_suspensions(session, criteria, context.frame.now, **query.paging)


def _state(suspension: approval.Suspension, frame: Frame) -> Message:
    if not suspension.is_active(frame.now):
        return Message("over")
    return Message("ratified") if suspension.ratification else Message("awaiting ratification")


SUSPENSIONS: Table[approval.Suspension] = Table(
    path="/suspensions",
    title=Message("Suspensions"),
    about=Message(
        "Versions that one director suspended in an emergency. A suspension ends automatically, by a person, or by a "
        "signed change."
    ),
    columns=(
        TableColumn("begun", Message("Begun"), lambda each, _: each.signature.at, is_sortable=True),
        TableColumn("policy", Message("Policy"), lambda each, _: each.policy),
        TableColumn("version", Message("Version"), lambda each, _: each.version, is_export_only=True),
        TableColumn("fallback", Message("Version in its place"), lambda each, _: each.fallback, is_export_only=True),
        TableColumn("state", Message("State"), _state),
        TableColumn("until", Message("Until"), lambda each, _: each.until),
        TableColumn("by", Message("Signed by"), lambda each, _: each.signature.by.printed_name),
        TableColumn("role", Message("Role"), lambda each, _: each.signature.role, is_export_only=True),
        TableColumn("reason", Message("Reason"), lambda each, _: each.signature.reason),
        TableColumn("id", Message("Identifier"), lambda each, _: each.id, is_export_only=True),
    ),
    filters=(
        TableFilter("policy", Message("Policy"), placeholder="tiering/rfm_value"),
        TableFilter("state", Message("State"), "choice", tuple(STATUS_NAMES.items())),
    ),
    sort="-begun",
    read=read_page,
    row_id=lambda each: each.id,
    cells="suspensions/_cells.html",
    empty=(
        Message("No suspensions yet."),
        Message("A director suspends a version from the page of its policy."),
    ),
    no_match=Message("No matching suspensions."),
)


class SignedReasonForm(FormModel):
    """A signature with its reason."""

    role: SignerRole
    reason: Reason
    password: Proof = None


class SuspendForm(SignedReasonForm):
    """Suspends the version that was in force when the page was made."""

    reason: Annotated[
        str,
        Widget("area", Message("Reason"), Message("What fails while this version applies.")),
        Field(max_length=MAX_REASON),
    ]
    policy: Annotated[str, HIDDEN, Field(max_length=200)]
    version: Annotated[str, HIDDEN, Field(max_length=40)]


@dataclass(frozen=True, slots=True)
class SuspendPage:
    """The form by which a director suspends, and a preview of the effect."""

    template: ClassVar[str] = "suspensions/suspend.html"
    fields: ClassVar[tuple[FormField, ...]] = form_fields(SuspendForm)
    policy: str
    title: Bilingual
    prospect: approval.SuspensionPreview | None
    """The preview; None if the version cannot be suspended."""
    permission: approval.Permission
    rollback_permission: Literal[True] | str
    """True if the reader may create a rollback, else the reason."""
    form: FormState
    until: datetime
    """The instant at which it would end automatically."""
    ratified_until: datetime
    """The instant at which it would end once ratified."""


def rejected_page(session: Session, context: PageContext, form: FormState) -> SuspendPage:
    """Return the form with what stands in it. Raises as `suspend_page` does."""
    domain, _, policy = form.value("policy").partition("/")
    return suspend_page(session, context, domain, policy, form)


def suspend_page(session: Session, context: PageContext, domain: str, policy: str, form: FormState) -> SuspendPage:
    """Return the form for a policy. Raises UnknownPolicy, DatabaseUnavailable."""
    name, actor, now, catalogue = f"{domain}/{policy}", context.actor, context.frame.now, context.service.catalogue
    try:
        prospect = approval.preview_suspension(session, actor, name, None, now)
        permission = approval.suspend_permission(prospect, actor, now)
    except approval.InvalidState as error:
        prospect, permission = None, approval.Permission(error.message)
    return SuspendPage(
        policy=name,
        title=catalogue.load(session, catalogue.snapshot(session).versions_of(name)[0].digest).title,
        prospect=prospect,
        permission=permission,
        rollback_permission=check_permission(actor, WRITING),
        form=form,
        until=now + approval.SUSPENSION_LENGTH,
        ratified_until=now + approval.RATIFIED_LENGTH,
    )


def _suspend(transaction: Transaction, form: FormRequest[SuspendForm]) -> approval.Suspension:
    return approval.suspend(transaction, form.actor, **form.values.model_dump(exclude={"password"}))


SUSPEND = FormAction(
    "/suspensions",
    SuspendForm,
    page=rejected_page,
    command=_suspend,
    done=lambda _, suspension: f"/suspensions/{suspension.id}?done=suspended",
    confirm=True,
    in_worker=True,
)


NO_VERSION = "–"
"""The timeline lane for the time without a version."""
COMMANDS: Mapping[str, tuple[str, Callable[..., approval.Suspension]]] = {
    "ratify": ("ratified", approval.ratify),
    "end": ("ended", approval.end_suspension),
}
"""Commands of the page, by the end of their address; each with the word of its notice."""


@dataclass(frozen=True, slots=True)
class SuspensionPage:
    """One suspension."""

    template: ClassVar[str] = "suspensions/suspension.html"
    notices: ClassVar[Mapping[str, Message]] = {
        "suspended": Message("The version is out of force now. Another person must ratify this."),
        "ratified": Message("You ratified the suspension."),
        "ended": Message("The suspension is over: what would be in force without it applies again."),
    }
    fields: ClassVar[tuple[FormField, ...]] = form_fields(SignedReasonForm)
    suspension: approval.Suspension
    title: Bilingual
    """The policy's title."""
    drawing: Timeline
    ratify_permission: approval.Permission
    end_permission: approval.Permission
    rollback_permission: Literal[True] | str
    """True if the reader may create a rollback, else the reason."""
    forms: Mapping[str, FormState]

    @property
    def path(self) -> str:
        """Its address."""
        return f"/suspensions/{self.suspension.id}"

    @property
    def ratified_until(self) -> datetime:
        """Until when it lasts once it is ratified."""
        return self.suspension.signature.at + approval.RATIFIED_LENGTH


def suspension_page(
    session: Session,
    context: PageContext,
    suspension_id: str,
    rejected_forms: Mapping[str, FormState] | None = None,
) -> SuspensionPage:
    """Return the page of a suspension, with the forms that were rejected. Raises UnknownChange, DatabaseUnavailable."""
    service, actor, now = context.service, context.actor, context.frame.now
    suspension = approval.read_suspension(session, suspension_id)
    return SuspensionPage(
        suspension=suspension,
        title=service.catalogue.load(session, suspension.digest).title,
        drawing=timeline(_bars(suspension), now, zone=service.zone),
        ratify_permission=approval.ratify_permission(suspension, actor, now),
        end_permission=approval.end_permission(suspension, actor, now),
        rollback_permission=check_permission(actor, WRITING),
        forms={name: (rejected_forms or {}).get(name) or context.new_form() for name in COMMANDS},
    )


def _bars(suspension: approval.Suspension) -> list[Bar]:
    """Return the bars of its duration by each signature, and of its actual duration."""
    lane = suspension.fallback or NO_VERSION
    bars = [Bar(lane, suspension.signature.at, suspension.signature.until, "suspension", Message("by one signature"))]
    if suspension.ratification is not None:
        until, label = suspension.ratification.until, Message("ratified by a second person")
        bars = [Bar(lane, suspension.signature.at, until, "suspension", label)]
    if suspension.end is not None:
        label = Message("ended by a person")
        bars = [Bar(lane, suspension.signature.at, suspension.until, "suspension", label)]
    return [
        *bars,
        Bar(suspension.version, suspension.until, None, "period", Message("applies again, unless replaced meanwhile")),
    ]


def _action(name: str, notice: str, command: Callable[..., approval.Suspension]) -> FormAction[SignedReasonForm]:
    return FormAction(
        f"/suspensions/{{suspension}}/{name}",
        SignedReasonForm,
        page=partial(page_with_form, page=suspension_page, name=name),
        command=lambda transaction, form: command(
            transaction, form.actor, form.path["suspension"], role=form.values.role, reason=form.values.reason
        ),
        done=lambda _, suspension: f"/suspensions/{suspension.id}?done={notice}",
        confirm=True,
        in_worker=True,
    )


ACTIONS = tuple(_action(name, notice, command) for name, (notice, command) in COMMANDS.items())


ROUTES = (
    PageRoute("/policies/{domain}/{policy}/suspend", suspend_page, prefilled=()),
    SUSPEND,
    PageRoute("/suspensions/{suspension}", suspension_page),
    *ACTIONS,
)
