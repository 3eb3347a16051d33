"""`GET /policies/{domain}/{policy}/suspend`, `POST /suspensions`: a version is taken out of force at once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, ClassVar, Literal

from pydantic import Field
from sqlmodel import Session
from starlette.requests import Request

from api.auth.authentication import principal_of
from api.auth.permissions import check_permission
from api.kit.form_action import FormAction, FormRequest
from api.kit.form_fields import HIDDEN, FormField, Proof, Reason, SignerRole, Widget, form_fields
from api.kit.forms import FormModel, FormState
from api.kit.frame import Frame
from api.kit.page_route import PageRoute
from api.kit.reauthentication import Reauthentication, reauthentication_state
from api.kit.rendering import Pages
from api.web.transactions import run_read
from policy_service.access import WRITING
from policy_service.actor import Actor
from policy_service.approval import service as approval
from policy_service.approval.service import (
    RATIFIED_LENGTH,
    SUSPENSION_LENGTH,
    InvalidState,
    Permission,
    Suspension,
    SuspensionPreview,
)
from policy_service.approval.validation import MAX_REASON
from policy_service.database import Transaction
from policy_service.language.policy import Bilingual
from policy_service.messages import Message


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


def change_permission(actor: Actor | None) -> Literal[True] | str:
    """Return True if a reader may create a change, such as a rollback, else the reason."""
    return check_permission(actor, WRITING) if actor is not None else ""


@dataclass(frozen=True, slots=True)
class SuspendPage:
    """The form by which one director suspends, and what that would do."""

    template: ClassVar[str] = "suspensions/suspend.html"
    fields: ClassVar[tuple[FormField, ...]] = form_fields(SuspendForm)
    frame: Frame
    policy: str
    title: Bilingual
    prospect: SuspensionPreview | None
    """What would happen; None when nobody can suspend it."""
    permission: Permission
    form: FormState
    reauthentication: Reauthentication

    @property
    def until(self) -> datetime:
        """The instant at which it would end automatically."""
        return self.frame.now + SUSPENSION_LENGTH

    @property
    def rollback_permission(self) -> Literal[True] | str:
        """True if the reader may create a rollback, else the reason."""
        return change_permission(self.frame.actor)

    @property
    def ratified_until(self) -> datetime:
        """The instant at which it would end once ratified."""
        return self.frame.now + RATIFIED_LENGTH


async def rejected_page(pages: Pages, request: Request, form_state: FormState) -> SuspendPage:
    """The form with what stands in it. Raises as `suspend_page` does."""
    return await suspend_page(pages, request, form_state.value("policy"), form_state)


async def suspend_page(pages: Pages, request: Request, policy: str, form_state: FormState) -> SuspendPage:
    """The form for a policy. Raises ProblemError when there is no such policy, DatabaseUnavailable."""
    frame, actor = pages.frame(request), principal_of(request).actor
    title, prospect = await run_read(pages.service, lambda session: _read(pages, session, actor, policy, frame.now))
    return SuspendPage(
        frame=frame,
        policy=policy,
        title=title,
        prospect=prospect if isinstance(prospect, SuspensionPreview) else None,
        permission=approval.suspend_permission(prospect, actor, frame.now)
        if isinstance(prospect, SuspensionPreview)
        else Permission(prospect.message),
        form=form_state,
        reauthentication=reauthentication_state(pages.service, request, frame.now, f"/policies/{policy}/suspend"),
    )


def _suspend(transaction: Transaction, form: FormRequest[SuspendForm]) -> Suspension:
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


def _read(
    pages: Pages, session: Session, actor: Actor, policy: str, now: datetime
) -> tuple[Bilingual, SuspensionPreview | InvalidState]:
    """Read the policy's title, and the effect of a suspension or why it cannot be suspended."""
    catalogue = pages.service.catalogue
    title = catalogue.load(session, catalogue.snapshot(session).versions_of(policy)[0].digest).title
    try:
        return title, approval.preview_suspension(session, actor, policy, None, now)
    except InvalidState as error:
        return title, error


async def _first_page(pages: Pages, request: Request, domain: str, policy: str, form: FormState) -> SuspendPage:
    return await suspend_page(pages, request, f"{domain}/{policy}", form)


ROUTES = (PageRoute("/policies/{domain}/{policy}/suspend", _first_page, prefilled=()), SUSPEND)
