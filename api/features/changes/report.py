"""`/changes/{change}/report`: the analysis report of a change.

A draft is checked when it is asked for; what was submitted has the report that was frozen with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sqlmodel import Session

from api.features.changes.simulation import may_read_subjects
from api.kit.context import PageContext
from api.kit.page_route import PageRoute
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
    change: Change
    report: ReportView
    effect: EffectView | None
    """Of a draft that could be submitted now."""
    may_edit: bool


async def report_page(context: PageContext, change: str) -> ReportPage:
    """Build the page of a report: made now for a draft, the one that was frozen for what was submitted."""
    stored_change, view = await context.read(lambda session: _read(session, change))
    effect = None
    if view is None:
        check = await checked_draft(context.service, change)
        view = current_report(check, stored_change.draft.texts)
        effect = await context.read(lambda session: _effect(session, context, stored_change, check.effect))
    may_edit = approval.check_permission(stored_change, Action.EDIT, context.actor, context.frame.now) is True
    return ReportPage(stored_change, view, effect, may_edit)


ROUTES = (PageRoute("/changes/{change}/report", report_page),)


def _effect(session: Session, context: PageContext, change: Change, effect: Effect | None) -> EffectView | None:
    """The effect of a draft, with the names of who moves for those who may see them."""
    if effect is None:
        return None
    names, lang = may_read_subjects(context.actor), context.frame.lang
    return effect_view(policy_loader(session), change, effect, lang, names=names, is_stored=False)


def _read(session: Session, change: str) -> tuple[Change, ReportView | None]:
    stored_change = approval.read_change(session, change)
    return stored_change, frozen_report(session, stored_change) if stored_change.submission else None
