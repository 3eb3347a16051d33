"""`/suspensions/{suspension}`: one suspension, its signatures, how long it lasts; it is ratified and ended here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Literal

from fastapi import APIRouter
from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import Response

from api.authentication import asker
from api.confirmation import confirmed_actor
from api.pages.confirming import Confirming, confirming
from api.pages.drawing import Bar, Timeline, timeline
from api.pages.forms import Filled, Form
from api.pages.frame import Frame
from api.pages.rendering import Do, Made, Pages
from api.pages.sending import sent
from api.pages.suspensions.forms import SignedReason, may_begin
from api.transactions import reading
from policy_service.approval import service as approval
from policy_service.approval.service import RATIFIED, Suspension, Verdict
from policy_service.language.policy import Bilingual
from policy_service.sentences import Sentence

NOTICES: Mapping[str, Sentence] = {
    "suspended": Sentence("The version is out of force now. Another person must ratify this."),
    "ratified": Sentence("You ratified the suspension."),
    "ended": Sentence("The suspension is over: what would be in force without it applies again."),
}
NONE = "–"
"""The lane of the time in which no version applies."""
ACTS: Mapping[str, tuple[str, Callable[..., Suspension]]] = {
    "ratify": ("ratified", approval.ratify),
    "end": ("ended", approval.end_suspension),
}
"""What is done to a suspension, by the end of its address; each with the word of its notice."""


@dataclass(frozen=True, slots=True)
class SuspensionPage:
    """One suspension."""

    template: ClassVar[str] = "suspensions/suspension.html"
    frame: Frame
    suspension: Suspension
    title: Bilingual
    """What the policy is called."""
    drawing: Timeline
    ratify: Verdict
    end: Verdict
    forms: Mapping[str, Filled]
    confirming: Confirming

    @property
    def path(self) -> str:
        """Its address."""
        return f"/suspensions/{self.suspension.id}"

    @property
    def runs(self) -> bool:
        """Whether it lasts now."""
        return self.suspension.runs(self.frame.now)

    @property
    def may_roll_back(self) -> Literal[True] | str:
        """Whether the reader may begin a rollback."""
        return may_begin(self.frame.actor)

    @property
    def longest(self) -> datetime:
        """Until when it lasts once it is ratified."""
        return self.suspension.signed.at + RATIFIED


def one_routes(pages: Pages) -> APIRouter:
    """The routes."""
    router = APIRouter(include_in_schema=False, prefix="/suspensions/{suspension}")

    @router.get("")
    async def show(request: Request, suspension: str) -> Response:
        """One suspension."""
        return pages.show(await page_of(pages, request, suspension))

    for name, (done, act) in ACTS.items():
        router.post(f"/{name}")(_signed(pages, name, done, act))
    return router


def _signed(pages: Pages, name: str, done: str, act: Callable[..., Suspension]) -> Callable[..., Awaitable[Response]]:
    async def endpoint(request: Request, suspension: str) -> Response:
        """Does what takes a signature and a reason."""

        async def prepare(given: SignedReason, _: Form) -> Do:
            actor = await confirmed_actor(pages.service, request, given.password)
            said = given.model_dump(include={"role", "reason"})
            return lambda t: f"/suspensions/{act(t, actor, suspension, **said).id}?done={done}"

        return await sent(pages, request, SignedReason, prepare, Made(page_again, (suspension, name)))

    return endpoint


async def page_again(pages: Pages, request: Request, suspension: str, name: str, filled: Filled) -> SuspensionPage:
    """The page of a suspension with a form that was refused, by the end of its address."""
    return await page_of(pages, request, suspension, {name: filled})


async def page_of(
    pages: Pages, request: Request, suspension: str, filled: Mapping[str, Filled] | None = None
) -> SuspensionPage:
    """The page of a suspension; `filled` are forms that were refused. Raises UnknownChange, DatabaseUnavailable."""
    frame = pages.frame(request, NOTICES.get(request.query_params.get("done", "")))
    service, actor = pages.service, asker(request).actor

    def read(session: Session) -> tuple[Suspension, Bilingual]:
        found = approval.read_suspension(session, suspension)
        return found, service.catalogue.load(session, found.digest).title

    found, title = await reading(service, read)
    return SuspensionPage(
        frame=frame,
        suspension=found,
        title=title,
        drawing=timeline(_bars(found), frame.now, zone=service.zone),
        ratify=approval.ratifying(found, actor, frame.now),
        end=approval.ending(found, actor, frame.now),
        forms={name: (filled or {}).get(name) or pages.new_form() for name in ACTS},
        confirming=confirming(request, frame.now, f"/suspensions/{found.id}#acts"),
    )


def _bars(found: Suspension) -> list[Bar]:
    """How long it lasts by whose signature, and how long it did."""
    instead = found.fallback or NONE
    bars = [Bar(instead, found.signed.at, found.signed.until, "suspension", Sentence("by one signature"))]
    if found.ratified is not None:
        until, words = found.ratified.until, Sentence("ratified by a second person")
        bars = [Bar(instead, found.signed.at, until, "suspension", words)]
    if found.ended is not None:
        words = Sentence("ended by a person")
        bars = [Bar(instead, found.signed.at, found.until, "suspension", words)]
    return [
        *bars,
        Bar(found.version, found.until, None, "period", Sentence("applies again, unless replaced meanwhile")),
    ]
