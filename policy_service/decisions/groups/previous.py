"""Reads a subject's previous outcome: the last one that the policy's rules gave before a day, and since when.

    read_previous(session, place, day)       # verified against the decision records
    list_previous(session, places_and_days)  # from group lists alone, for many

| the lists say of the days before            | the last outcome                                            |
|---------------------------------------------|-------------------------------------------------------------|
| decided by rules                            | its values, each since the day it began to be the same      |
| an override took the place of the rules     | passed over: it reaches no further than its end             |
| missing facts, no rule, conflict, suspended | passed over: nobody was told another outcome                |
| nothing, or the subject was erased          | there is none                                               |
| the subject was merged into another         | there is none: no list tells of it                          |

The day of the decision itself does not count, so decisions for one day see the same, in whatever order they are made. A
decision for a past day sees what was so before that day, as far as it was recorded by then.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import date, timedelta
from itertools import groupby, pairwise, takewhile
from typing import Any

from sqlalchemy import bindparam, select
from sqlmodel import Session

from policy_service.database import cached
from policy_service.decisions.groups.model import DECIDED, Period, Place
from policy_service.decisions.groups.records import (
    Exclusions,
    is_followed_by_an_earlier_day,
    newest_record,
    newest_rows,
    records_back,
)
from policy_service.decisions.groups.rows import PERIODS, read_periods
from policy_service.decisions.macs import read_mac_keys
from policy_service.decisions.previous import PreviousOutcome, PreviousOutcomes
from policy_service.decisions.record import DecisionRecord
from policy_service.integrity import DamagedRecord

FETCH_SIZE = 500
"""Subjects per query."""
_DAY = timedelta(days=1)
_C = PERIODS.c
_BEFORE = select(PERIODS).where(
    _C.subject.in_(bindparam("subjects", expanding=True)),
    _C.kind == bindparam("its_kind"),
    _C.policy.in_(bindparam("policies", expanding=True)),
    _C.since < bindparam("day"),
)
Wanted = tuple[Place, date]
"""A subject, a policy, and the day before which the previous outcome is wanted."""


def read_previous(session: Session, where: Place, day: date) -> PreviousOutcomes:
    """Return the last outcomes of a subject by a policy before a day. Raises DamagedRecord, KeyUnavailable.

    The newest decision, and those around the day since which the outcome holds, must agree with the list: an altered
    list decides nothing. So must either the previous outcome named by the newest decision, or every decision since that
    day.
    """
    periods = _periods(session, [(where, day)])[where]
    outcomes = _last_outcomes(periods)
    claims: dict[date, Period | None] = {day: periods[-1] if periods else None}
    for before, period in pairwise((None, *periods)):
        if period and any(period.since == outcome.since for outcome in outcomes.values()):
            claims |= {period.since: before, period.since + _DAY: period}
    is_whole = all(before.until == after.since for before, after in pairwise(periods))
    newest = newest_rows(session, where, day)
    if (
        not is_whole
        or (periods and periods[-1].until < day)
        or not _is_borne_out(session, where, claims, newest)
        or not _is_unbroken(session, where, day, periods, outcomes, newest)
    ):
        raise DamagedRecord("outcome_period", f"{where.subject} {where.policy}")
    return outcomes


def list_previous(session: Session, wanted: Collection[Wanted]) -> dict[Wanted, PreviousOutcomes]:
    """Return the last outcomes of many subjects, from group lists alone."""
    periods = _periods(session, wanted)
    return {
        (where, day): _last_outcomes([each for each in periods[where] if each.since < day]) for where, day in wanted
    }


def _periods(session: Session, wanted: Collection[Wanted]) -> dict[Place, list[Period]]:
    """Return the periods that began before the last requested day, for a superset of the places."""
    found: dict[Place, list[Period]] = defaultdict(list)
    for kind, group in groupby(sorted(wanted, key=lambda each: each[0].kind), key=lambda each: each[0].kind):
        its = list(group)
        policies, subjects = sorted({each.policy for each, _ in its}), sorted({each.subject for each, _ in its})
        names: dict[str, Any] = {"its_kind": kind, "policies": policies, "day": max(day for _, day in its)}
        for start in range(0, len(subjects), FETCH_SIZE):
            names["subjects"] = subjects[start : start + FETCH_SIZE]
            found |= read_periods(session.connection().execute(_BEFORE, names))
    return found


def _last_outcomes(periods: Sequence[Period]) -> PreviousOutcomes:
    """Return the outcomes that follow from the periods before a day, newest last."""
    decided = [
        (period.since, period.assignment.group.values)
        for period in reversed(periods)
        if period.assignment.status == DECIDED and not period.assignment.override
    ]
    newest: Mapping[str, Any] = decided[0][1] if decided else {}
    return {name: PreviousOutcome(value, _since(decided, name)) for name, value in newest.items()}


def _since(decided: Sequence[tuple[date, Mapping[str, Any]]], name: str) -> date:
    """Return the first day of the newest run of periods with the same value."""
    _, same = next(groupby(decided, key=lambda each: each[1].get(name)))
    *_, (since, _) = same
    return since


def _is_borne_out(session: Session, where: Place, claims: Mapping[date, Period | None], newest: Sequence[Any]) -> bool:
    """Return True if the newest decision before each day belongs to the claimed period, or there is none."""
    macs = cached(session, "MACs of records", read_mac_keys)
    exclusions = None
    for day, period in claims.items():
        record = newest_record(session, where, day, newest, macs, exclusions)
        if exclusions is None and not _is_of(record, where, period):  # perhaps the subject was erased, or merged
            exclusions = Exclusions.read(session, [where.subject])
            record = newest_record(session, where, day, newest, macs, exclusions)
        if not _is_of(record, where, period):
            return False
    return True


def _is_unbroken(  # noqa: PLR0913, PLR0917  # what the lists say, and of whom
    session: Session,
    where: Place,
    day: date,
    periods: Sequence[Period],
    outcomes: PreviousOutcomes,
    newest: Sequence[Any],
    exclusions: Exclusions | None = None,
) -> bool:
    """Return True if no decision since the outcome began belongs to another period than the lists show for its day.

    The newest record names, under its MAC, the previous outcome it was made with. If that is the same, and no decision
    for an earlier day followed, older records need not be read.
    """
    if not outcomes:
        return True
    macs = cached(session, "MACs of records", read_mac_keys)
    records = records_back(session, where, day, newest, macs, exclusions)
    if (last := next(records, None)) is None:
        return False
    told = last.previous.get(where.policy, {})
    doubtful = [each.since for name, each in outcomes.items() if told.get(name) != each and each.since < last.as_of]
    if is_followed_by_an_earlier_day(session, where, last):
        doubtful = [each.since for each in outcomes.values()]
    first = min(doubtful, default=day)
    for record in takewhile(lambda record: record.as_of >= first, records):
        period = next((each for each in periods if each.since <= record.as_of < each.until), None)
        if not _is_of(record, where, period):  # perhaps it was made before the subject was erased
            exclusions_now = Exclusions.read(session, [where.subject])
            return exclusions is None and _is_unbroken(session, where, day, periods, outcomes, newest, exclusions_now)
    return True


def _is_of(record: DecisionRecord | None, where: Place, period: Period | None) -> bool:
    if record is None or period is None:
        return record is None and period is None
    return record.as_of >= period.since and period.assignment.is_of(record.outcomes[where.policy])
