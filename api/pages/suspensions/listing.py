"""`GET /suspensions`: what was taken out of force in an emergency, the newest first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from api.cursors import close_cursor, open_cursor
from api.pages.frame import Frame
from api.pages.listing import Column, Listing
from api.pages.rendering import Pages
from api.transactions import reading
from policy_service.approval.service import Suspension, WantedSuspensions, list_suspensions
from policy_service.approval.suspensions import Standing
from policy_service.sentences import Sentence

PAGE = 50
STANDINGS: Mapping[Standing, Sentence] = {
    "running": Sentence("lasting now"),
    "unratified": Sentence("to be ratified"),
    "over": Sentence("over"),
}
COLUMNS = (
    Column("begun", Sentence("Begun"), sorts=True),
    Column("policy", Sentence("Policy")),
    Column("state", Sentence("State")),
    Column("until", Sentence("Until")),
    Column("by", Sentence("Signed by")),
    Column("reason", Sentence("Reason")),
)


@dataclass(frozen=True, slots=True)
class SuspensionList:
    """`/suspensions`."""

    template: ClassVar[str] = "suspensions/list.html"
    frame: Frame
    suspensions: tuple[Suspension, ...]
    listing: Listing

    @property
    def standings(self) -> tuple[tuple[str, Sentence], ...]:
        """How suspensions may stand, to choose from."""
        return tuple(STANDINGS.items())


def list_routes(pages: Pages) -> APIRouter:
    """The route."""
    router = APIRouter(include_in_schema=False)
    service = pages.service

    @router.get("/suspensions")
    async def suspensions(
        request: Request, policy: str = "", state: str = "", sort: str = "-begun", cursor: str | None = None
    ) -> Response:
        """Suspensions, a page at a time."""
        frame = pages.frame(request)
        wanted = WantedSuspensions(policy.strip()[:200] or None, _standing(state))
        after, newest = open_cursor(cursor) or None, sort != "begun"
        found, more = await reading(
            service,
            lambda session: list_suspensions(session, wanted, frame.now, newest_first=newest, cursor=after, limit=PAGE),
        )
        filters = {"policy": wanted.policy or "", "state": wanted.standing or ""}
        following = close_cursor(more) if more else None
        listing = Listing("/suspensions", filters, COLUMNS, "-begun" if newest else "begun", cursor, following)
        return pages.show(SuspensionList(frame, tuple(found), listing))

    return router


def _standing(text: str) -> Standing | None:
    return next((each for each in STANDINGS if each == text), None)
