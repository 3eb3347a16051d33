"""Lists, sizes and movements are what a plain reader makes of the records, whatever history they tell."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text, update
from sqlmodel import Session, select

from policy_service.database import Database
from policy_service.decisions.groups.model import Place
from policy_service.decisions.groups.movements import MoveFilter, list_moves, movements
from policy_service.decisions.groups.previous import list_previous, read_previous
from policy_service.decisions.groups.queries import Member, MemberFilter, group_sizes, list_members
from policy_service.decisions.groups.rows import PERIODS
from policy_service.decisions.groups.service import rebuild
from policy_service.decisions.groups.tables import OutcomeCount, OutcomePeriod
from policy_service.decisions.groups.verification import group_faults
from policy_service.decisions.previous import PreviousOutcome
from policy_service.migrations.versions.v0023_previous_groups import FILL
from policy_service.paging import fetch_all
from policy_service.subject import CUSTOMER
from tests.databases import TestClock, fresh_database
from tests.decisions.desks import tier
from tests.decisions.groups.histories import DAYS, STEPS, History, Recorder, Step
from tests.decisions.setting import put_in_force
from tests.effort import effort

HISTORIES = {"sqlite": effort(100, 10_000), "postgresql": effort(5, 1_000)}


@pytest.fixture(params=HISTORIES)
def database(request: pytest.FixtureRequest) -> Iterator[Database]:
    with fresh_database(request.param) as database:
        yield database


def test_lists_and_movements_are_what_the_records_say(database: Database) -> None:
    clock, policy, numbers = TestClock(), tier(), itertools.count()
    put_in_force(database, clock, policy)
    recorder = Recorder(database, clock, policy)

    @settings(max_examples=HISTORIES[database.engine.dialect.name])
    @given(steps=STEPS, days=st.lists(st.sampled_from(DAYS), min_size=2, max_size=2))
    def check(steps: list[Step], days: list[date]) -> None:
        history = recorder.play(steps, f"h{next(numbers)}")
        with database.read() as session:
            check_lists(session, history, [None, DAYS[0] - timedelta(days=1), *days])
            check_movements(session, history, min(days), max(days))
            check_previous(session, history, [*days, DAYS[-1] + timedelta(days=9)])

    check()
    with database.read() as session:
        assert list(group_faults(session)) == []
        before = stored(session)
    assert rebuild(database, clock) > 0
    with database.read() as session:
        assert stored(session) == before
    with database.engine.begin() as connection:
        connection.execute(update(PERIODS).values(previous_entered=None, previous_status=None, previous_outcome=None))
        connection.execute(text(FILL))
    with database.read() as session:
        assert stored(session) == before


def check_lists(session: Session, history: History, days: Iterable[date | None]) -> None:
    """Compares the lists and sizes of some days."""
    names = history.names
    for day in days:
        its = {name: history.at(name, day or DAYS[-1]) for name in names}
        expected = {
            name: (decided.group, *decided.why, history.since(name, day or DAYS[-1]))
            for name, decided in its.items()
            if decided is not None
        }
        members = listed(session, MemberFilter(history.policy, day))
        results = {each.subject.id: (each.group, each.rule, each.override, each.since) for each in members}
        assert results == expected, (history, day)
        for each in members:
            decided = its[each.subject.id]
            assert decided is not None
            if day is None:
                assert each.decision.seq == decided.seq
            assert each.entry["status"] == decided.group.status
        sizes = Counter(decided.group for decided in its.values() if decided is not None)
        assert {each.group: each.subjects for each in group_sizes(session, [history.policy], day)} == sizes, history
        for group in sizes:
            its_members = listed(session, MemberFilter(history.policy, day, groups=[group]))
            assert len(its_members) == sizes[group]


def check_movements(session: Session, history: History, first: date, last: date) -> None:
    """Compares the matrix of two days, its sums, and who moved."""
    names = history.names
    pairs = Counter(
        (before.group if (before := history.at(name, first)) else None, after.group)
        for name in names
        if (after := history.at(name, last))
    )
    matrix = movements(session, history.policy, first, last)
    assert Counter({(each.before, each.after): each.subjects for each in matrix}) == pairs, (history, first, last)
    for each in group_sizes(session, [history.policy], first):
        assert each.subjects == sum(its.subjects for its in matrix if its.before == each.group)
    for each in group_sizes(session, [history.policy], last):
        assert each.subjects == sum(its.subjects for its in matrix if its.after == each.group)
    moves = list(
        fetch_all(
            lambda cursor: list_moves(session, MoveFilter(history.policy, first, last), cursor=cursor, limit=1), 99
        )
    )
    results = {
        name: after for name in names if (after := history.at(name, last)) and not same(history, name, first, last)
    }
    assert {each.subject.id: each.after for each in moves} == {name: after.group for name, after in results.items()}
    for move in moves:
        assert move.day == history.since(move.subject.id, last)
        cause = history.at(move.subject.id, move.day)
        assert cause is not None
        assert move.decision.seq == cause.seq


def check_previous(session: Session, history: History, days: Iterable[date]) -> None:
    """Compares the last tier before some days."""
    wanted = [(Place(name, CUSTOMER, history.policy), day) for name in history.names for day in days]
    by_lists = list_previous(session, wanted)
    for where, day in wanted:
        last = history.last_tier(where.subject, day)
        expected = {} if last is None else {"tier": PreviousOutcome(*last)}
        assert read_previous(session, where, day) == by_lists[where, day] == expected, (history, day)


def same(history: History, name: str, first: date, last: date) -> bool:
    before, after = history.at(name, first), history.at(name, last)
    return before is not None and after is not None and before.group == after.group


def listed(session: Session, criteria: MemberFilter) -> list[Member]:
    return list(fetch_all(lambda cursor: list_members(session, criteria, cursor=cursor, limit=2), 99))


def stored(session: Session) -> tuple[list[object], list[object]]:
    """All rows, but for sizes that changed by nothing."""
    periods = sorted(session.exec(select(OutcomePeriod)).all(), key=lambda each: str(each.model_dump()))
    counts = session.exec(select(OutcomeCount).where(OutcomeCount.change != 0)).all()
    return [each.model_dump() for each in periods], sorted((each.model_dump() for each in counts), key=str)
