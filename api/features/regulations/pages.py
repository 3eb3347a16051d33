"""`/regulations?status=`: the rows of the regulations, and what decides each of them today."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from starlette.requests import Request

from api.kit.frame import Frame
from api.kit.page_route import PageRoute
from api.kit.rendering import Pages
from api.web.transactions import run_read
from policy_service.regulations.coverage import Coverage, Status, coverage_of


@dataclass(frozen=True, slots=True)
class RegulationsPage:
    """The regulations, row by row."""

    template: ClassVar[str] = "regulations/page.html"
    frame: Frame
    statuses: tuple[Status, ...]
    status: Status | None
    """The status that the rows are narrowed to."""
    regulations: tuple[Coverage, ...]


async def regulations_page(pages: Pages, request: Request) -> RegulationsPage:
    """Build the page."""
    service, frame = pages.service, pages.frame(request)
    status_param = request.query_params.get("status", "")
    status = Status(status_param) if status_param in {*Status} else None
    policies = await run_read(service, lambda session: service.catalogue.in_force(session, frame.now))
    coverages = tuple(coverage_of(each, policies.values()) for each in service.regulations)
    return RegulationsPage(frame, tuple(Status), status, coverages)


ROUTES = (PageRoute("/regulations", regulations_page),)
