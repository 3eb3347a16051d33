"""Decisions as the lists of the REST interface have them."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any

from api.web.schemas import Answer, ByModel, PageModel, UsedModel, attribute


class DecisionSummary(Answer):
    """One decision; the facts are in its record."""

    decision_id: str
    subject: Annotated[str, attribute("subject.id")]
    kind: Annotated[str, attribute("subject.kind")]
    as_of: date
    decided_at: datetime
    by: ByModel
    policies: dict[str, UsedModel]
    outcomes: dict[str, Any]
    overrides: list[str]


class DecisionPage(PageModel[DecisionSummary]):
    """A page of decisions, the newest first by default, and the cursor of the next."""
