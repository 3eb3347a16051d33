"""Converts periods and counts to rows, and back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Date, func, literal, select, union_all

from policy_service.database.declared import table_of
from policy_service.decisions.groups.model import OPEN, Assignment, Group, Period, Place, PreviousGroup
from policy_service.decisions.groups.tables import OutcomeCount, OutcomePeriod

Periods = Mapping[Place, Sequence[Period]]
PERIODS = table_of(OutcomePeriod)
COUNTS = table_of(OutcomeCount)
_NOWHERE = [None, None, None]
GROUP = ("policy", "kind", "status", "outcome")


def period_row(where: Place, period: Period) -> dict[str, object]:
    """Return the row of a period."""
    return {
        **where._asdict(),
        "until": period.until,
        "since": period.since,
        "entered": period.entered,
        **period.assignment._asdict(),
        "newest": period.newest,
        "previous_entered": period.previous and period.previous.entered,
        "previous_status": period.previous and period.previous.group.status,
        "previous_outcome": period.previous and period.previous.group.outcome,
    }


def read_periods(rows: Iterable[Any]) -> dict[Place, list[Period]]:
    """Return the periods of complete rows, by place, in order."""
    periods: dict[Place, list[Period]] = defaultdict(list)
    for subject, kind, policy, until, since, entered, status, outcome, rule, override, newest, *left in rows:
        previous = None if left == _NOWHERE else PreviousGroup(left[0], Group(*left[1:]))
        period = Period(since, until, entered, Assignment(status, outcome, rule, override), newest, previous)
        periods[Place(subject, kind, policy)].append(period)
    for its in periods.values():
        its.sort()
    return periods


def subject_range(last: str, subjects: Sequence[str]) -> tuple[ColumnElement[bool], ...]:
    """Return the condition for the rows of subjects after `last`, up to the last of `subjects`.

    Without these, to the end.
    """
    behind = PERIODS.c.subject > last
    return (behind, PERIODS.c.subject <= subjects[-1]) if subjects else (behind,)


def _counted(change: int, day: ColumnElement[Any], group: Any = PERIODS) -> Any:  # noqa: ANN401  # SQLAlchemy's
    columns = [group.c[name] for name in GROUP]
    return select(*columns, day.label("day"), literal(change).label("change"))


def expected_counts() -> Any:  # noqa: ANN401  # SQLAlchemy's
    """Select the rows of `outcome_count` that follow from the periods."""
    is_entry = PERIODS.c.since == PERIODS.c.entered
    before = PERIODS.alias("before")
    follows = (
        (before.c.subject == PERIODS.c.subject)
        & (before.c.kind == PERIODS.c.kind)
        & (before.c.policy == PERIODS.c.policy)
        & (before.c.until == PERIODS.c.since)
    )
    steps = union_all(
        _counted(1, PERIODS.c.since).where(is_entry),
        _counted(-1, PERIODS.c.since, before).join_from(PERIODS, before, follows).where(is_entry),
        _counted(1, literal(OPEN, Date)).where(PERIODS.c.until == OPEN),
    ).subquery()
    total = func.sum(steps.c.change)
    names = [steps.c[column.name] for column in COUNTS.c if column.name != "change"]
    return select(*names, total.label("change")).group_by(*names).having(total != 0)
