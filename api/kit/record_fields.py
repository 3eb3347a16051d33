"""Fields of the forms that decide from the facts on record: how old these may be, and the day to decide for."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from api.kit.form_fields import Widget
from api.kit.forms import Day
from policy_service.messages import Message

MOST_DAYS = 3_650
"""The largest age of facts that a form takes, in days."""
MaxAge = Annotated[
    int,
    Widget(
        "number",
        Message("Maximum age of the facts (days)"),
        Message("Subjects with older facts are listed, not decided."),
    ),
    Field(ge=0, le=MOST_DAYS),
]
DecisionDay = Annotated[Day | None, Widget("date", Message("Decision day"), Message("Today by default."))]
