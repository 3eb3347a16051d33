"""`GET /suspensions`: what was taken out of force in an emergency, the newest first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from api.kit.frame import Frame
from api.kit.listing import Column, Listing
from api.kit.rendering import Pages
from api.web.cursors import decode_cursor, encode_cursor
from api.web.transactions import run_read
from policy_service.approval.service import Suspension, SuspensionFilter, list_suspensions
from policy_service.approval.suspension_service import SuspensionStatus
from policy_service.messages import Message

PAGE = 50
STATUS_NAMES: Mapping[SuspensionStatus, Message] = {
    "running": Message("in effect"),
    "unratified": Message("awaiting ratification"),
    "over": Message("over"),
}
COLUMNS = (
    Column("begun", Message("Begun"), is_sortable=True),
    Column("policy", Message("Policy")),
    Column("state", Message("State")),
    Column("until", Message("Until")),
    Column("by", Message("Signed by")),
    Column("reason", Message("Reason")),
)


@dataclass(frozen=True, slots=True)
class SuspensionsPage:
    """`/suspensions`."""

    template: ClassVar[str] = "suspensions/list.html"
    frame: Frame
    suspensions: tuple[Suspension, ...]
    listing: Listing

    @property
    def statuses(self) -> tuple[tuple[str, Message], ...]:
        """The statuses to choose from."""
        return tuple(STATUS_NAMES.items())


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
        suspension_filter = SuspensionFilter(policy.strip()[:200] or None, _status(state))
        after, newest_first = decode_cursor(cursor) or None, sort != "begun"
        rows, last = await run_read(
            service,
            lambda session: list_suspensions(
                session, suspension_filter, frame.now, newest_first=newest_first, cursor=after, limit=PAGE
            ),
        )
        filters = {"policy": suspension_filter.policy or "", "state": suspension_filter.status or ""}
        next_cursor = encode_cursor(last) if last else None
        listing = Listing("/suspensions", filters, COLUMNS, "-begun" if newest_first else "begun", cursor, next_cursor)
        return pages.render(SuspensionsPage(frame, tuple(rows), listing))

    return router


def _status(text: str) -> SuspensionStatus | None:
    return next((each for each in STATUS_NAMES if each == text), None)
