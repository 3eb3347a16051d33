"""`GET /policies/{domain}/{policy}/suspend`, `POST /suspensions`: a version is taken out of force at once."""

from __future__ import annotations

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
from api.pages.forms import Filled, Form
from api.pages.frame import Frame
from api.pages.rendering import Do, Made, Pages
from api.pages.sending import sent
from api.pages.suspensions.forms import Suspend, may_begin
from api.transactions import reading
from policy_service.actor import Actor
from policy_service.approval import service as approval
from policy_service.approval.service import ALONE, RATIFIED, OutOfState, Prospect, Verdict
from policy_service.database import Transaction
from policy_service.language.policy import Bilingual


@dataclass(frozen=True, slots=True)
class SuspendPage:
    """The form by which one director suspends, and what that would do."""

    template: ClassVar[str] = "suspensions/suspend.html"
    frame: Frame
    policy: str
    title: Bilingual
    prospect: Prospect | None
    """What would happen; None when nobody can suspend it."""
    verdict: Verdict
    form: Filled
    confirming: Confirming

    @property
    def until(self) -> datetime:
        """When it would end by itself."""
        return self.frame.now + ALONE

    @property
    def may_roll_back(self) -> Literal[True] | str:
        """Whether the reader may begin a rollback."""
        return may_begin(self.frame.actor)

    @property
    def longest(self) -> datetime:
        """When it would end once it is ratified."""
        return self.frame.now + RATIFIED


def suspending_routes(pages: Pages) -> APIRouter:
    """The routes."""
    router = APIRouter(include_in_schema=False)

    @router.get("/policies/{domain}/{policy}/suspend")
    async def show(request: Request, domain: str, policy: str) -> Response:
        """What a suspension would do, and the form for it."""
        return pages.show(await page_of(pages, request, f"{domain}/{policy}", pages.new_form()))

    @router.post("/suspensions")
    async def suspend(request: Request) -> Response:
        """Takes the version in force out of force, signed by one director."""

        async def prepare(given: Suspend, _: Form) -> Do:
            actor = await confirmed_actor(pages.service, request, given.password)
            said = given.model_dump(exclude={"password"})

            def do(transaction: Transaction) -> str:
                return f"/suspensions/{approval.suspend(transaction, actor, **said).id}?done=suspended"

            return do

        return await sent(pages, request, Suspend, prepare, Made(page_again))

    return router


async def page_again(pages: Pages, request: Request, filled: Filled) -> SuspendPage:
    """The form with what stands in it. Raises as `page_of` does."""
    return await page_of(pages, request, filled.value("policy"), filled)


async def page_of(pages: Pages, request: Request, policy: str, filled: Filled) -> SuspendPage:
    """The form for a policy. Raises ProblemError when there is no such policy, DatabaseUnavailable."""
    frame, actor = pages.frame(request), asker(request).actor
    title, found = await reading(pages.service, lambda session: _read(pages, session, actor, policy, frame.now))
    return SuspendPage(
        frame=frame,
        policy=policy,
        title=title,
        prospect=found if isinstance(found, Prospect) else None,
        verdict=approval.suspending(found, actor, frame.now)
        if isinstance(found, Prospect)
        else Verdict(found.sentence),
        form=filled,
        confirming=confirming(request, frame.now, f"/policies/{policy}/suspend"),
    )


def _read(
    pages: Pages, session: Session, actor: Actor, policy: str, now: datetime
) -> tuple[Bilingual, Prospect | OutOfState]:
    """What a policy is called, and what a suspension would do or why nobody can suspend it."""
    catalogue = pages.service.catalogue
    title = catalogue.load(session, catalogue.versions(session, policy)[0].digest).title
    try:
        return title, approval.prospect(session, actor, policy, None, now)
    except OutOfState as refused:
        return title, refused
