"""`/changes/{change}/report`: the analysis report of a change.

A draft is checked when it is asked for; what was submitted has the report that was frozen with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sqlmodel import Session
from starlette.requests import Request

from api.auth.authentication import principal_of
from api.features.changes.simulation import may_read_subjects
from api.kit.frame import Frame
from api.kit.page_route import PageRoute
from api.kit.rendering import Pages
from api.web.transactions import run_read
from api.workers.preparation import checked_draft
from policy_service.analysis.report_view import ReportView
from policy_service.approval import service as approval
from policy_service.approval.policies import policy_loader
from policy_service.approval.service import Action, Change, Effect
from policy_service.change_detail import current_report, frozen_report
from policy_service.population.effect_view import EffectView, effect_view


@dataclass(frozen=True, slots=True)
class ReportPage:
    """`/changes/{change}/report`."""

    template: ClassVar[str] = "changes/report.html"
    frame: Frame
    change: Change
    report: ReportView
    effect: EffectView | None
    """Of a draft that could be submitted now."""
    may_edit: bool


async def report_page(pages: Pages, request: Request, change: str) -> ReportPage:
    """Build the page of a report: made now for a draft, the one that was frozen for what was submitted."""
    stored_change, frozen = await run_read(pages.service, lambda session: _read(session, change))
    frame, effect = pages.frame(request), None
    if frozen is None:
        check = await checked_draft(pages.service, change)
        view = current_report(check, stored_change.draft.texts)
        effect = await run_read(pages.service, lambda session: _effect(session, stored_change, check.effect, frame))
    else:
        view = frozen
    actor, now = principal_of(request).actor, pages.service.clock.now()
    may_edit = approval.check_permission(stored_change, Action.EDIT, actor, now) is True
    return ReportPage(frame, stored_change, view, effect, may_edit)


ROUTES = (PageRoute("/changes/{change}/report", report_page),)


def _effect(session: Session, change: Change, effect: Effect | None, frame: Frame) -> EffectView | None:
    """The effect of a draft, with the names of who moves for those who may see them."""
    if effect is None:
        return None
    names = may_read_subjects(frame)
    return effect_view(policy_loader(session), change, effect, frame.lang, names=names, is_stored=False)


def _read(session: Session, change: str) -> tuple[Change, ReportView | None]:
    stored_change = approval.read_change(session, change)
    return stored_change, frozen_report(session, stored_change) if stored_change.submission else None
