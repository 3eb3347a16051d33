"""Writes group lists: updates them with each group of records, removes a subject, and rebuilds them all.

    record_outcomes(session, decisions)           # in the transaction that records them
    forget_subject(session, subject)              # in the transaction that erases it, or merges it into another
    rebuild(database, clock)                      # any number of times, while decisions are made

Records are written in the lane `decisions` under a lock of the lane `governance`, in which subjects are erased, and so
is each part of `rebuild`. So no two of the three run concurrently.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from functools import cache, partial
from importlib import import_module
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Table, bindparam, delete, insert, select, update
from sqlmodel import Session

from policy_service.clock import Clock
from policy_service.database import Database, LaneName, lock_lane
from policy_service.decisions.groups.merged import read_merges
from policy_service.decisions.groups.model import (
    OPEN,
    AssignmentReader,
    CountKey,
    Period,
    Place,
    PlacedDecision,
    count_into,
    place,
)
from policy_service.decisions.groups.records import Exclusions, expected_periods, next_day, next_subjects
from policy_service.decisions.groups.rows import (
    COUNTS,
    PERIODS,
    Periods,
    expected_counts,
    period_row,
    read_periods,
    subject_range,
)
from policy_service.subject import Subject

_Row = dict[str, object]
PART_SIZE = 200
"""Subjects rebuilt per transaction."""
LOOKUP_SIZE = 500
"""Subjects per query."""
_C = PERIODS.c
_OPEN_PERIODS = select(PERIODS).where(
    _C.subject.in_(bindparam("subjects", expanding=True)),
    _C.kind == bindparam("its_kind"),
    _C.policy.in_(bindparam("policies", expanding=True)),
    _C.until == OPEN,
)
_PERIODS_FROM = (
    select(PERIODS)
    .where(
        _C.subject == bindparam("at_subject"),
        _C.kind == bindparam("at_kind"),
        _C.policy == bindparam("at_policy"),
        _C.until >= bindparam("at_until"),
    )
    .order_by(_C.until)
)
_AT_KEY = [column == bindparam(f"at_{column.name}") for column in PERIODS.primary_key]
_DELETE = delete(PERIODS).where(*_AT_KEY)
_EXTEND = update(PERIODS).where(*_AT_KEY).values(newest=bindparam("its_newest"))


def record_outcomes(session: Session, decisions: Iterable[PlacedDecision]) -> None:
    """Update the lists with newly recorded decisions, in the order of their records."""
    by_place: dict[Place, list[PlacedDecision]] = defaultdict(list)
    for decision in decisions:
        by_place[decision.place].append(decision)
    merges = read_merges(session, {each.subject for each in by_place}) if by_place else {}
    for where in [each for each in by_place if Subject(each.subject, each.kind) in merges]:
        del by_place[where]
    connection = session.connection()
    open_periods = _open_periods(connection, by_place)
    before: dict[Place, Sequence[Period]] = {}
    after: dict[Place, Sequence[Period]] = {}
    for where, its in by_place.items():
        periods = open_periods.get(where, ())
        if periods and all(_says_the_same(periods[0], each) for each in its):
            continue
        if periods and any(_needs_history(periods[0], each) for each in its):
            periods = _periods_from(connection, where, min(each.day for each in its))
        before[where] = periods
        for each in its:
            periods = place(periods, each, partial(next_day, session, each))
        after[where] = periods
    _replace(connection, before, after)


def forget_subject(session: Session, subject: Subject) -> None:
    """Remove a subject that was erased or merged from all lists, including those of past days."""
    connection = session.connection()
    rows = connection.execute(select(PERIODS).where(_C.subject == subject.id, _C.kind == subject.kind))
    _replace(connection, read_periods(rows), {})


def lacks_groups(database: Database) -> bool:
    """Return True if there are records but group lists were never built from them. Raises DatabaseUnavailable."""
    with database.read() as session:
        connection = session.connection()
        has_sizes = connection.execute(select(COUNTS.c.policy).limit(1)).first() is not None
        return not has_sizes and bool(next_subjects(session, "", 1))


def rebuild(database: Database, clock: Clock, on_progress: Callable[[int], object] = lambda _: None) -> int:
    """Rebuild all lists from the records; return the number of subjects.

    It works in parts, each of which leaves the lists consistent: it can be interrupted and run again, while decisions
    are recorded in between. Raises DatabaseUnavailable.
    """
    reader, last, count = AssignmentReader(), "", 0
    while True:
        with database.write(clock, LaneName.DECISIONS) as transaction:
            session = transaction.session
            lock_lane(session, LaneName.GOVERNANCE)
            subjects = next_subjects(session, last, PART_SIZE)
            _rebuild_part(session, reader, last, subjects)
        count += len(subjects)
        on_progress(count)
        if not subjects:
            return count
        last = subjects[-1]


def _rebuild_part(session: Session, reader: AssignmentReader, last: str, subjects: Sequence[str]) -> None:
    """Rebuild the rows of the subjects after `last`; after the last subject, all counts."""
    connection = session.connection()
    connection.execute(delete(PERIODS).where(*subject_range(last, subjects)))
    if subjects:
        _insert(connection, expected_periods(session, reader, Exclusions.read(session), subjects))
    else:
        connection.execute(delete(COUNTS))
        connection.execute(insert(COUNTS).from_select([column.name for column in COUNTS.c], expected_counts()))


def _says_the_same(current: Period, decision: PlacedDecision) -> bool:
    """Return True if a decision changes nothing, like most of those after the first of a day."""
    is_known = current.newest is not None and current.since <= decision.day <= current.newest
    return is_known and decision.assignment == current.assignment


def _needs_history(current: Period, decision: PlacedDecision) -> bool:
    """Return True if a decision changes more than the open period and later ones."""
    return decision.day < current.since or (decision.day == current.since and decision.assignment != current.assignment)


def _open_periods(connection: Connection, places: Iterable[Place]) -> Periods:
    """Return the open periods of a superset of some places."""
    periods: dict[Place, Sequence[Period]] = {}
    by_kind = groupby(sorted(places, key=lambda each: each.kind), key=lambda each: each.kind)
    for kind, group in by_kind:
        its = list(group)
        policies, subjects = sorted({each.policy for each in its}), sorted({each.subject for each in its})
        for start in range(0, len(subjects), LOOKUP_SIZE):
            names = {"its_kind": kind, "policies": policies, "subjects": subjects[start : start + LOOKUP_SIZE]}
            periods |= read_periods(connection.execute(_OPEN_PERIODS, names))
    return periods


def _periods_from(connection: Connection, where: Place, day: date) -> Sequence[Period]:
    """Return the periods of a place, from the last that ended by a day."""
    return read_periods(connection.execute(_PERIODS_FROM, _key(where, day)))[where]


def _replace(connection: Connection, before: Periods, after: Periods) -> None:
    """Write the differences; of a period that only has a newer day, no more than that day."""
    removed, extended, written = list[_Row](), list[_Row](), list[_Row]()
    changes: Counter[CountKey] = Counter()
    for where in before.keys() | after.keys():
        old = {each.until: each for each in before.get(where, ())}
        new = {each.until: each for each in after.get(where, ())}
        removed += [_key(where, until) for until in old.keys() - new.keys()]
        for until, period in new.items():
            if until not in old or old[until]._replace(newest=period.newest) != period:
                written.append(period_row(where, period))
            elif old[until] != period:
                extended.append({**_key(where, until), "its_newest": period.newest})
        count_into(changes, where, [*new.values()])
        count_into(changes, where, [*old.values()], -1)
    for statement, rows in ((_DELETE, removed), (_EXTEND, extended), (_upsert(connection, PERIODS), written)):
        if rows:
            connection.execute(statement, rows)
    _count(connection, changes)


def _key(where: Place, until: date) -> _Row:
    return {"at_subject": where.subject, "at_kind": where.kind, "at_policy": where.policy, "at_until": until}


def _insert(connection: Connection, periods: Periods) -> None:
    rows = [period_row(where, each) for where, its in periods.items() for each in its]
    if rows:
        connection.execute(insert(PERIODS), rows)


def _count(connection: Connection, changes: Mapping[CountKey, int]) -> None:
    rows = [
        {"policy": policy, "day": day, "kind": kind, "status": group.status, "outcome": group.outcome, "change": change}
        for (policy, day, kind, group), change in changes.items()
        if change
    ]
    if rows:
        connection.execute(_upsert(connection, COUNTS), rows)


def _upsert(connection: Connection, table: Table) -> Any:  # noqa: ANN401  # the two dialects have no type in common
    """Return the statement that inserts rows, or alters those with their keys: counts are added up."""
    return _upserts(connection.dialect.name)[table]


@cache
def _upserts(dialect: str) -> Mapping[Table, Any]:
    # That of PostgreSQL takes a fiftieth of a second to import, and most services have SQLite.
    make_insert = import_module(f"sqlalchemy.dialects.{dialect}").insert
    periods, counts = make_insert(PERIODS), make_insert(COUNTS)
    values = {name: value for name, value in periods.excluded.items() if name not in PERIODS.primary_key}
    added = {"change": COUNTS.c.change + counts.excluded.change}
    return {
        PERIODS: periods.on_conflict_do_update(index_elements=list(PERIODS.primary_key), set_=values),
        COUNTS: counts.on_conflict_do_update(index_elements=list(COUNTS.primary_key), set_=added),
    }
