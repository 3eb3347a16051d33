"""`/overrides`: overrides are listed, added, read, signed and ended, with a reason and re-authentication."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from http import HTTPStatus
from typing import Annotated, ClassVar, Literal, cast

from pydantic import Field
from sqlmodel import Session
from starlette.responses import Response

from api.auth.confirmation import reauthenticate
from api.auth.permissions import PERMISSIONS
from api.features.overrides.new_override import (
    PATH,
    OverrideSubmission,
    held_roles,
    new_override_page,
    prefilled_form,
    read_override_form,
)
from api.kit.context import Command, FormPage, PageContext
from api.kit.form_action import FormAction, FormRequest
from api.kit.form_fields import HIDDEN, FormField, Proof, SignerRole, Widget, form_fields
from api.kit.formats import UUID_TEXT
from api.kit.forms import CODE, FormModel, FormState, read_form
from api.kit.frame import Frame, Page
from api.kit.page_route import PageRoute
from api.kit.table import Table, TableColumn, TableFilter, TableQuery, denied_reason
from api.kit.table_options import OF_KIND, OF_POLICY
from api.web.problems import NOT_FOUND, ProblemError
from api.workers.preparation import prepared_override, warm_heads
from policy_service.access import check_permission
from policy_service.actor import Actor, Role
from policy_service.database import Transaction
from policy_service.decisions.override import ENDING_ROLES, MAX_REASON, Override, OverrideState, signing_roles
from policy_service.decisions.override_store import end_override
from policy_service.decisions.words.answers import outcome_cell
from policy_service.messages import Message
from policy_service.overrides.detail import OverrideDetail, read_override_detail, signing_denied_reason
from policy_service.overrides.listing import STATE_NAMES, ListedOverride, read_listed
from policy_service.overrides.queries import OverrideFilter, OverrideStatus, list_overrides
from policy_service.overrides.service import record_override, sign_override
from policy_service.paging import Page as ListPage
from policy_service.subject import kind_label

STATUS_NAMES: tuple[tuple[str, Message], ...] = (
    ("running", Message("in effect")),
    ("waiting", Message("awaiting signatures")),
    ("over", Message("over")),
)


def read_page(session: Session, context: PageContext, query: TableQuery) -> ListPage[ListedOverride]:
    """Return one page of the overrides that the filters leave. Raises InvalidSubject."""
    subject, kind, policy, status = (query.filters[name] or None for name in ("subject", "kind", "policy", "state"))
    criteria = OverrideFilter(subject, kind, policy, cast("OverrideStatus | None", status))
    now, lang = context.frame.now, context.frame.lang
    page = list_overrides(session, criteria, now, **query.paging)
    rows = read_listed(session, context.service.catalogue, page.items, now, lang)
    return ListPage(tuple(rows), page.next_cursor)


def _rules_cell(row: ListedOverride, frame: Frame) -> object:
    return outcome_cell(row.last_decision.answer.outcomes, frame.lang) if row.last_decision else ""


OVERRIDES: Table[ListedOverride] = Table(
    path=PATH,
    title=Message("Overrides"),
    about=Message(
        "Overrides of a policy for one subject, each with its effect, its reason, its end and its signatures."
    ),
    columns=(
        TableColumn("subject", Message("Subject"), lambda each, _: each.override.subject.id),
        TableColumn(
            "kind",
            Message("Kind of subject"),
            lambda each, frame: kind_label(each.override.subject.kind, frame.lang),
            is_export_only=True,
        ),
        TableColumn("policy", Message("Policy"), lambda each, _: each.override.policy),
        TableColumn("outcome", Message("New value"), lambda each, frame: outcome_cell(each.outcome, frame.lang)),
        TableColumn("rules", Message("Rules alone"), _rules_cell),
        TableColumn("reason", Message("Reason"), lambda each, _: each.override.reason),
        TableColumn("by", Message("By"), lambda each, _: each.override.printed_name),
        TableColumn("role", Message("Role"), lambda each, _: Role(each.override.role), is_export_only=True),
        TableColumn("recorded", Message("Added at"), lambda each, _: each.override.recorded_at, is_sortable=True),
        TableColumn("until", Message("Ends"), lambda each, _: each.override.ends_at),
        TableColumn("state", Message("State"), lambda each, _: STATE_NAMES[each.state], is_export_only=True),
        TableColumn("owed", Message("Awaited signatures"), lambda each, _: each.owed_roles, is_export_only=True),
        TableColumn("id", Message("Identifier"), lambda each, _: each.override.id, is_export_only=True),
    ),
    filters=(
        TableFilter("subject", Message("Subject")),
        OF_KIND,
        OF_POLICY,
        TableFilter("state", Message("Which"), "choice", STATUS_NAMES, Message("all")),
    ),
    sort="-recorded",
    read=read_page,
    row_id=lambda each: each.override.id,
    cells="overrides/_cells.html",
    empty=(
        Message("No overrides, now or earlier."),
        Message("A director adds an override where the rules do not fit one subject; every decision shows it."),
    ),
    no_match=Message("No matching overrides."),
    read_extra=denied_reason(PATH),
)


class EndForm(FormModel):
    """The reason for ending an override, and the role."""

    reason: Annotated[str, Widget("area", Message("Reason")), Field(max_length=MAX_REASON)]
    role: SignerRole
    password: Proof = None


class SignForm(EndForm):
    """The reason for signing an override, the role, and the digest that was shown."""

    digest: Annotated[str, HIDDEN, Field(max_length=71)]


@dataclass(frozen=True, slots=True)
class OverridePage:
    """One override."""

    template: ClassVar[str] = "overrides/one.html"
    notices: ClassVar[Mapping[str, Message]] = {
        "runs": Message("The override is in effect from now on."),
        "provisional": Message("The override is in effect for now. It lapses unless the others sign in time."),
        "waiting": Message("The override is recorded. It takes effect once the others have signed."),
        "signed": Message("You signed the override."),
        "ended": Message("The override was ended; the rules apply again."),
    }
    end_fields: ClassVar[tuple[FormField, ...]] = form_fields(EndForm)
    sign_fields: ClassVar[tuple[FormField, ...]] = form_fields(SignForm)
    detail: OverrideDetail
    state: OverrideState
    signer_roles: tuple[Role, ...]
    """The roles in which the reader may sign it now."""
    action: Literal["sign", "end"]
    """The act whose form is shown."""
    sign_denied_reason: str | None
    """Why the reader cannot sign it; None for those who can."""
    end_denied_reason: str | None
    """Why the reader cannot end it; None for those who can."""
    form: FormState
    ending_roles: tuple[Role, ...]
    """Those that the reader may end it in."""


def override_id(text: str) -> str:
    """Return the identifier of an override in an address. Raises ProblemError when it is none."""
    if not UUID_TEXT.fullmatch(text):
        raise ProblemError(NOT_FOUND, Message("There is no such override."))
    return text


def override_page(
    session: Session, context: PageContext, override: str, form: FormState, *, action: str | None = None
) -> OverridePage:
    """Return the page of an override, with the form that signs it or ends it (`action`). Raises UnknownOverride."""
    name, now, actor = override_id(override), context.frame.now, context.actor
    action = context.params.get("act", "") if action is None else action
    detail = read_override_detail(session, context.service.catalogue, name, now, context.frame.lang)
    signer_roles = signing_roles(detail.override, actor, now)
    return OverridePage(
        detail=detail,
        state=detail.override.state(now),
        signer_roles=signer_roles,
        action="sign" if signer_roles and action != "end" else "end",
        sign_denied_reason=signing_denied_reason(detail.override, actor, now),
        end_denied_reason=_end_denied_reason(actor, detail.override, now),
        form=form,
        ending_roles=held_roles(actor, ENDING_ROLES),
    )


def _end_denied_reason(actor: Actor, override: Override, now: datetime) -> str | None:
    permission = check_permission(actor, PERMISSIONS["POST", f"{PATH}/{{override}}/end"])
    if permission is not True:
        return permission
    return None if override.is_open(now) else Message("The override has already ended.")


PREFILLED = ("subject", "policy")
"""What an address may begin a form with."""


def show_new(session: Session, context: PageContext) -> Page:
    """Show the form, begun by what the address names."""
    form = prefilled_form(
        context.new_form(), {name: value for name, value in context.params.items() if name in PREFILLED}
    )
    if form.errors:
        context.reject(form)
        context.status = HTTPStatus.UNPROCESSABLE_ENTITY
    return new_override_page(session, context, form)


async def create(context: PageContext) -> Response:
    """Make an override."""
    service, form, form_page = context.service, await read_form(context.request), FormPage(new_override_page)
    lang = context.frame.lang
    await warm_heads(service)
    submission = await context.read(lambda session: read_override_form(service, session, form, lang))
    if not isinstance(submission, OverrideSubmission):
        return await context.render_invalid(form_page, form.bind(submission))

    async def prepare() -> Command:
        actor = await reauthenticate(service, context.request, submission.password, form.value(CODE))
        prepared = await prepared_override(service, actor, submission.override)

        def command(transaction: Transaction) -> str:
            override = record_override(transaction, actor, prepared)
            return f"{PATH}/{override.id}?done={override.state(transaction.now)}"

        return command

    return await context.execute(form, prepare, form_page)


def _sign(transaction: Transaction, form: FormRequest[SignForm]) -> None:
    fields = form.values.model_dump(exclude={"password"})
    sign_override(transaction, form.actor, override_id(form.path["override"]), **fields)


def _end(transaction: Transaction, form: FormRequest[EndForm]) -> None:
    fields = form.values.model_dump(exclude={"password"})
    end_override(transaction, form.actor, override_id(form.path["override"]), **fields)


SIGN = FormAction(
    f"{PATH}/{{override}}/sign",
    SignForm,
    page=partial(override_page, action="sign"),
    command=_sign,
    done=lambda form, _: f"{PATH}/{form.path['override']}?done=signed",
    confirm=True,
    in_worker=True,
)
END = FormAction(
    f"{PATH}/{{override}}/end",
    EndForm,
    page=partial(override_page, action="end"),
    command=_end,
    done=lambda form, _: f"{PATH}/{form.path['override']}?done=ended",
    confirm=True,
    in_worker=True,
)


ROUTES = (
    PageRoute(f"{PATH}/new", show_new),
    PageRoute(f"{PATH}/{{override}}", override_page, prefilled=()),
    PageRoute(PATH, create, method="POST"),
    SIGN,
    END,
)
