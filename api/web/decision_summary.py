"""Decisions as the lists of the REST interface have them."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from api.web.schemas import ByModel, Model, UsedModel
from policy_service.decisions.record import DecisionRecord
from policy_service.paging import Page


class DecisionSummary(Model):
    """One decision; the facts are in its record."""

    decision_id: str
    subject: str
    kind: str
    as_of: date
    decided_at: datetime
    by: ByModel
    policies: dict[str, UsedModel]
    outcomes: dict[str, Any]
    overrides: list[str]


class DecisionPage(Model):
    """A page of decisions, the newest first by default, and the cursor of the next."""

    items: list[DecisionSummary]
    next_cursor: str | None


def decision_page_model(page: Page[DecisionRecord]) -> DecisionPage:
    """A page of decisions."""
    return DecisionPage(items=list(map(_summary, page.items)), next_cursor=page.next_cursor)


def _summary(record: DecisionRecord) -> DecisionSummary:
    return DecisionSummary(
        decision_id=record.decision_id,
        subject=record.subject.id,
        kind=record.subject.kind,
        as_of=record.as_of,
        decided_at=record.decided_at,
        by=ByModel.model_validate(record.by),
        policies={id_: UsedModel(version=used.version, digest=used.digest) for id_, used in record.policies.items()},
        outcomes=dict(record.outcomes),
        overrides=list(record.overrides),
    )
