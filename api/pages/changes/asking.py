"""What the author of a change asks for, as a form has it: title, reason, and the period, in the service's time zone."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import Field, NaiveDatetime

from api.pages.forms import Faults, FormModel
from policy_service.approval.change import Afterwards, Draft
from policy_service.approval.words import MAX_REASON, MAX_TITLE
from policy_service.registry.model import Period
from policy_service.sentences import Sentence

NO_INSTANT = Sentence("This is not a day or a time.")
ENDS_EARLY = Sentence("The end has to come after the beginning.")


class AskedForm(FormModel):
    """The fields that say what a change is and when it applies."""

    title: Annotated[str, Field(max_length=MAX_TITLE)]
    reason: Annotated[str, Field(max_length=MAX_REASON)]
    effective_from: NaiveDatetime
    effective_until: NaiveDatetime | None = None
    afterwards: Afterwards = "before"
    ends: tuple[Annotated[str, Field(max_length=140)], ...] = ()


def period_asked(given: AskedForm, zone: ZoneInfo, before: Draft | None = None) -> Period | Faults:
    """The period that was filled in, or what is wrong with it.

    A field shows minutes; one that was not touched keeps the instant of the draft `before` to the microsecond.
    """
    kept = before.effective if before else None
    start = instant(given.effective_from, zone, kept.start if kept else None)
    until = instant(given.effective_until, zone, kept.until if kept else None) if given.effective_until else None
    if start is None:
        return {"effective_from": NO_INSTANT}
    if given.effective_until and until is None:
        return {"effective_until": NO_INSTANT}
    if until is not None and until <= start:
        return {"effective_until": ENDS_EARLY}
    return Period(start, until)


def instant(typed: datetime, zone: ZoneInfo, before: datetime | None = None) -> datetime | None:
    """The instant of a day and time in a zone; None when it is too early or too late to be one."""
    if before is not None and typed == before.astimezone(zone).replace(tzinfo=None, second=0, microsecond=0):
        return before
    try:
        return typed.replace(tzinfo=zone).astimezone(UTC)
    except OverflowError:
        return None


def moment(at: datetime | None, zone: ZoneInfo) -> str:
    """An instant as a field for a day and time has it; empty for none."""
    return at.astimezone(zone).strftime("%Y-%m-%dT%H:%M") if at else ""
