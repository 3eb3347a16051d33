"""`/regulations?status=`: the rows of the regulations, and what decides each of them today."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sqlmodel import Session

from api.kit.context import PageContext
from api.kit.page_route import PageRoute
from policy_service.regulations.coverage import Coverage, Status, coverage_of


@dataclass(frozen=True, slots=True)
class RegulationsPage:
    """The regulations, row by row."""

    template: ClassVar[str] = "regulations/page.html"
    statuses: tuple[Status, ...]
    status: Status | None
    """The status that the rows are narrowed to."""
    regulations: tuple[Coverage, ...]


def regulations_page(session: Session, context: PageContext) -> RegulationsPage:
    """Build the page."""
    service, status_param = context.service, context.params.get("status", "")
    status = Status(status_param) if status_param in {*Status} else None
    policies = service.catalogue.in_force(session, context.frame.now)
    coverages = tuple(coverage_of(each, policies.values()) for each in service.regulations)
    return RegulationsPage(tuple(Status), status, coverages)


ROUTES = (PageRoute("/regulations", regulations_page),)
