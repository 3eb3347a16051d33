"""The form of a change's author: title, reason, and the period, in the service's time zone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import Field, NaiveDatetime

from api.kit.form_fields import Widget, form_fields
from api.kit.formats import parse_instant
from api.kit.forms import FieldErrors, FormModel
from policy_service.approval.change import Afterwards, Draft
from policy_service.approval.validation import MAX_REASON, MAX_TITLE
from policy_service.messages import Message
from policy_service.population.registered.model import NAME
from policy_service.registry.model import Period

NOT_AN_INSTANT = Message("Not a valid date or time.")
END_BEFORE_START = Message("The end must be after the beginning.")
NO_STARTING_POINT = Message("There is no such policy in force.")


class ChangeForm(FormModel):
    """The fields that say what a change is and when it applies."""

    title: Annotated[str, Widget("text", Message("Title")), Field(max_length=MAX_TITLE)]
    reason: Annotated[
        str,
        Widget("area", Message("Reason"), Message("Why the rules change; signers read it first.")),
        Field(max_length=MAX_REASON),
    ]
    effective_from: Annotated[NaiveDatetime, Widget("datetime-local", Message("Effective from"))]
    effective_until: Annotated[
        NaiveDatetime | None,
        Widget(
            "datetime-local",
            Message("Effective until"),
            Message("Optional: without it, until another version follows."),
        ),
    ] = None
    simulated_over: Annotated[
        str | None,
        Widget(
            "choice",
            Message("Simulated over"),
            Message("The effect on a registered file of facts, in place of the decision records."),
            unset=Message("the decision records"),
        ),
        Field(pattern=f"^{NAME.pattern}$"),
    ] = None
    afterwards: Afterwards = "before"
    ends: tuple[Annotated[str, Field(max_length=140)], ...] = ()


CHANGE_FIELDS = form_fields(ChangeForm, "title", "reason", "effective_from", "effective_until", "simulated_over")
"""Those that are drawn from the model; the others depend on what the change is about."""


def read_period(form: ChangeForm, zone: ZoneInfo, before: Draft | None = None) -> Period | FieldErrors:
    """The period that was filled in, or what is wrong with it.

    A field shows minutes; one that was not touched keeps the instant of the draft `before` to the microsecond.
    """
    stored = before.effective if before else None
    start = parse_instant(form.effective_from, zone, stored.start if stored else None)
    until = (
        parse_instant(form.effective_until, zone, stored.until if stored else None) if form.effective_until else None
    )
    if start is None:
        return {"effective_from": NOT_AN_INSTANT}
    if form.effective_until and until is None:
        return {"effective_until": NOT_AN_INSTANT}
    if until is not None and until <= start:
        return {"effective_until": END_BEFORE_START}
    return Period(start, until)


def format_local(at: datetime | None, zone: ZoneInfo) -> str:
    """An instant as a field for a day and time has it; empty for none."""
    return at.astimezone(zone).strftime("%Y-%m-%dT%H:%M") if at else ""


def parse_selected(values: Sequence[str]) -> list[tuple[str, str]]:
    """Read the versions selected to go back to: each is written `policy@version`, and empty where none was."""
    pairs = (value.partition("@") for value in values if value)
    return [(policy, version) for policy, _, version in pairs]
