"""`/changes/{change}/report`: the analysis report of a change.

A draft is checked when it is asked for; what was submitted has the report that was frozen with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from sqlmodel import Session
from starlette.requests import Request

from api.auth.authentication import principal_of
from api.kit.frame import Frame
from api.kit.page_route import PageRoute
from api.kit.rendering import Pages
from api.web.transactions import run_read
from policy_service.analysis.report_view import ReportView, report_of
from policy_service.approval import service as approval
from policy_service.approval.service import Action, Change


@dataclass(frozen=True, slots=True)
class ReportPage:
    """`/changes/{change}/report`."""

    template: ClassVar[str] = "changes/report.html"
    frame: Frame
    change: Change
    report: ReportView
    may_edit: bool


async def report_page(pages: Pages, request: Request, change: str) -> ReportPage:
    """Build the page of a report: made now for a draft, the one that was frozen for what was submitted."""
    stored_change, frozen = await run_read(pages.service, lambda session: _read(session, change))
    view = frozen or await current_report(pages, change, stored_change.draft.texts)
    actor, now = principal_of(request).actor, pages.service.clock.now()
    may_edit = approval.check_permission(stored_change, Action.EDIT, actor, now) is True
    return ReportPage(pages.frame(request), stored_change, view, may_edit)


ROUTES = (PageRoute("/changes/{change}/report", report_page),)


async def current_report(pages: Pages, change: str, texts: Sequence[str] = ()) -> ReportView:
    """The report of a draft, made now; `texts` are its files. Slow.

    Raises ProblemError, DatabaseUnavailable, OperationRejected.
    """
    result = await pages.draft_checker.check(change)
    view = report_of(result.report, problems=result.problems, diagnostics=result.diagnostics, frozen=False)
    numbers = {text: number for number, text in enumerate(texts, 1)}
    return replace(view, file_errors=tuple(replace(each, file=numbers.get(each.text, 0)) for each in view.file_errors))


def frozen_report(session: Session, change: Change) -> ReportView:
    """The report that was submitted with a change. Raises UnknownChange when it is a draft."""
    return report_of(approval.read_report(session, change), frozen=True)


def _read(session: Session, change: str) -> tuple[Change, ReportView | None]:
    stored_change = approval.read_change(session, change)
    return stored_change, frozen_report(session, stored_change) if stored_change.submission else None
