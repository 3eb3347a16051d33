"""`/suspensions/{suspension}`: one suspension, its signatures, how long it lasts; it is ratified and ended here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import ClassVar, Literal

from sqlmodel import Session
from starlette.requests import Request

from api.auth.authentication import principal_of
from api.features.suspensions.suspend import SignedReasonForm, change_permission
from api.kit.drawing import Bar, Timeline, timeline
from api.kit.form_action import FormAction
from api.kit.form_fields import FormField, form_fields
from api.kit.forms import FormState
from api.kit.frame import Frame
from api.kit.page_route import PageRoute
from api.kit.reauthentication import Reauthentication, reauthentication_state
from api.kit.rendering import Pages
from api.web.transactions import run_read
from policy_service.approval import service as approval
from policy_service.approval.service import RATIFIED_LENGTH, Permission, Suspension
from policy_service.language.policy import Bilingual
from policy_service.messages import Message

NOTICES: Mapping[str, Message] = {
    "suspended": Message("The version is out of force now. Another person must ratify this."),
    "ratified": Message("You ratified the suspension."),
    "ended": Message("The suspension is over: what would be in force without it applies again."),
}
NO_VERSION = "–"
"""The lane of the time in which no version applies."""
COMMANDS: Mapping[str, tuple[str, Callable[..., Suspension]]] = {
    "ratify": ("ratified", approval.ratify),
    "end": ("ended", approval.end_suspension),
}
"""Commands of the page, by the end of their address; each with the word of its notice."""


@dataclass(frozen=True, slots=True)
class SuspensionPage:
    """One suspension."""

    template: ClassVar[str] = "suspensions/suspension.html"
    fields: ClassVar[tuple[FormField, ...]] = form_fields(SignedReasonForm)
    frame: Frame
    suspension: Suspension
    title: Bilingual
    """What the policy is called."""
    drawing: Timeline
    ratify_permission: Permission
    end_permission: Permission
    forms: Mapping[str, FormState]
    reauthentication: Reauthentication

    @property
    def path(self) -> str:
        """Its address."""
        return f"/suspensions/{self.suspension.id}"

    @property
    def is_running(self) -> bool:
        """True if it lasts now."""
        return self.suspension.is_active(self.frame.now)

    @property
    def rollback_permission(self) -> Literal[True] | str:
        """True if the reader may create a rollback, else the reason."""
        return change_permission(self.frame.actor)

    @property
    def ratified_until(self) -> datetime:
        """Until when it lasts once it is ratified."""
        return self.suspension.signature.at + RATIFIED_LENGTH


async def suspension_page(
    pages: Pages, request: Request, suspension_id: str, rejected_forms: Mapping[str, FormState] | None = None
) -> SuspensionPage:
    """The page of a suspension, with the forms that were rejected. Raises UnknownChange, DatabaseUnavailable."""
    frame = pages.frame(request, NOTICES)
    service, actor = pages.service, principal_of(request).actor

    def query(session: Session) -> tuple[Suspension, Bilingual]:
        suspension = approval.read_suspension(session, suspension_id)
        return suspension, service.catalogue.load(session, suspension.digest).title

    suspension, title = await run_read(service, query)
    return SuspensionPage(
        frame=frame,
        suspension=suspension,
        title=title,
        drawing=timeline(_bars(suspension), frame.now, zone=service.zone),
        ratify_permission=approval.ratify_permission(suspension, actor, frame.now),
        end_permission=approval.end_permission(suspension, actor, frame.now),
        forms={name: (rejected_forms or {}).get(name) or pages.new_form() for name in COMMANDS},
        reauthentication=reauthentication_state(
            pages.service, request, frame.now, f"/suspensions/{suspension.id}#acts"
        ),
    )


def _bars(suspension: Suspension) -> list[Bar]:
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


async def rejected_page(
    pages: Pages, request: Request, suspension: str, form_state: FormState, *, name: str
) -> SuspensionPage:
    """The page of a suspension with a form that was rejected, by the end of its address."""
    return await suspension_page(pages, request, suspension, {name: form_state})


def _action(name: str, notice: str, command: Callable[..., Suspension]) -> FormAction[SignedReasonForm]:
    return FormAction(
        f"/suspensions/{{suspension}}/{name}",
        SignedReasonForm,
        page=partial(rejected_page, name=name),
        command=lambda transaction, form: command(
            transaction, form.actor, form.path["suspension"], role=form.values.role, reason=form.values.reason
        ),
        done=lambda _, suspension: f"/suspensions/{suspension.id}?done={notice}",
        confirm=True,
        in_worker=True,
    )


ACTIONS = tuple(_action(name, notice, command) for name, (notice, command) in COMMANDS.items())
ROUTES = (PageRoute("/suspensions/{suspension}", suspension_page), *ACTIONS)
