"""Exceptions on record: made by directors, ended, told in the log, kept in memory; on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import col, select

from policy_service.actor import Role
from policy_service.audit.tables import AuditEntry
from policy_service.database import Database, transaction_count
from policy_service.decisions.override import Override
from policy_service.decisions.override_store import (
    OverrideCache,
    OverridePermissionDenied,
    OverrideRejected,
    UnknownOverride,
    end_override,
    read_override,
    read_overrides,
)
from policy_service.subject import InvalidSubject, Subject
from tests.databases import BACKENDS, TestClock, fresh_database
from tests.decisions.policies import LISTED, TIER, policy
from tests.decisions.setting import person, put_in_force
from tests.overrides.alone import record_alone

SIGN_OFF = policy("""
policy: governance/small
version: 1.0.0
title: {zh: 签署, en: sign-off}
subject: change
facts:
  large: {type: boolean}
outcome:
  role: {type: choice, of: [compliance, author]}
rules:
  hit: FIRST
  rows:
    - {id: all, when: "true", then: {role: compliance}, because: {zh: 全部, en: all}}
""")

COMPLAINTS = policy(
    TIER.text.replace("subject: customer", "subject: complaint").replace("tiering/small", "service_levels/small")
)


@pytest.fixture(params=BACKENDS)
def database(request: pytest.FixtureRequest) -> Iterator[Database]:
    with fresh_database(request.param) as database:
        put_in_force(database, TestClock(), TIER, LISTED, SIGN_OFF, COMPLAINTS)
        yield database


def make(database: Database, clock: TestClock, **changes: object) -> Override:
    arguments: dict[str, Any] = {
        "subject": Subject("C1"),
        "policy": "tiering/small",
        "outcome": {"tier": "S"},
        "role": Role.SALES_DIRECTOR,
        "reason": "a partner of ten years",
        "until": clock.now() + timedelta(days=30),
    } | changes
    director = person("director", Role.SALES_DIRECTOR, confirmed_at=clock.now())
    with database.write(clock) as transaction:
        return record_alone(transaction, arguments.pop("by", director), **arguments)


def end(database: Database, clock: TestClock, override: str, **changes: object) -> Override:
    arguments: dict[str, Any] = {"role": Role.COMPLIANCE, "reason": "not justified"} | changes
    compliance = person("compliance", Role.COMPLIANCE, confirmed_at=clock.now())
    with database.write(clock) as transaction:
        return end_override(transaction, arguments.pop("by", compliance), override, **arguments)


def events(database: Database) -> list[str]:
    with database.read() as session:
        names = session.exec(select(AuditEntry.event).order_by(col(AuditEntry.seq)))
        return [name for name in names if name.startswith("override")]


def test_an_exception_is_kept_as_it_was_made_and_told_in_the_log(database: Database) -> None:
    clock = TestClock()
    made = make(database, clock)
    assert (made.version, made.printed_name, made.recorded_at) == ("1.0.0", "Director", clock.now())
    with database.read() as session:
        assert read_override(session, made.id) == made
        assert read_overrides(session, subject="C1", active_at=clock.now()) == [(1, made)]
    assert events(database) == ["override_recorded"]


def test_an_exception_ends_early_when_compliance_says_so(database: Database) -> None:
    clock = TestClock()
    made = make(database, clock)
    clock.move(days=1)
    ended = end(database, clock, made.id)
    assert ended.ended_at == clock.now()
    assert events(database) == ["override_recorded", "override_ended"]
    with database.read() as session:
        assert read_overrides(session, active_at=clock.now()) == []
        assert read_overrides(session, active_at=clock.now() - timedelta(hours=1)) == [(1, ended)]
        assert read_overrides(session, after=1) == []
    with pytest.raises(OverrideRejected, match="has already ended"):
        end(database, clock, made.id)


def test_exceptions_are_listed_from_either_end_by_subject_and_policy_from_any_place_on(database: Database) -> None:
    clock = TestClock()
    made = [
        make(database, clock, subject=Subject(f"C{number % 3}"), policy=policy, outcome=outcome)
        for number, (policy, outcome) in enumerate([("tiering/small", {"tier": "S"}), (LISTED.id, [])] * 3)
    ]
    with database.read() as session:
        every = list(enumerate(made, 1))
        assert read_overrides(session) == every
        assert read_overrides(session, newest_first=True) == every[::-1]
        assert read_overrides(session, newest_first=True, after=5, limit=2) == [every[3], every[2]]
        assert read_overrides(session, policy=LISTED.id, newest_first=True) == every[1::2][::-1]
        assert read_overrides(session, policy=LISTED.id, subject="C1") == [
            each for each in every if (each[1].policy, each[1].subject) == (LISTED.id, Subject("C1"))
        ]
        assert read_overrides(session, after=10**15) == []
        assert read_overrides(session, after=10**15, newest_first=True) == every[::-1]


def test_an_exception_past_its_end_is_not_ended_again(database: Database) -> None:
    clock = TestClock()
    made = make(database, clock)
    clock.move(days=31)
    with pytest.raises(OverrideRejected) as refused:
        end(database, clock, made.id, reason=" ")
    assert refused.value.problems == ("Give a reason.", "The override has already ended.")


def test_an_exception_nobody_made_is_not_ended(database: Database) -> None:
    with pytest.raises(UnknownOverride, match="There is no such override"):
        end(database, TestClock(), "o-none")


def test_who_is_no_director_makes_no_exception_and_who_is_neither_ends_none(database: Database) -> None:
    clock = TestClock()
    author = person("author", Role.AUTHOR, confirmed_at=clock.now())
    with pytest.raises(OverridePermissionDenied, match="You do not hold the role sales_director"):
        make(database, clock, by=author)
    made = make(database, clock)
    with pytest.raises(OverridePermissionDenied, match="Only a director or compliance"):
        end(database, clock, made.id, by=author, role=Role.AUTHOR)
    assert events(database) == ["override_recorded"]


def test_everything_wrong_with_an_exception_is_named_at_once(database: Database) -> None:
    clock = TestClock()
    with pytest.raises(OverrideRejected) as refused:
        make(database, clock, subject=Subject(""), outcome={"tier": "Z"}, reason="", until=clock.now())
    assert refused.value.problems == (
        "The subject: write at least one character.",
        "The end must lie in the future.",
        "Give a reason.",
        '`tier`: expected one of S, A, C, found "Z"',
    )


@pytest.mark.parametrize(
    ("policy", "problem"),
    [
        ("tiering/none", "tiering/none is not in force."),
        ("governance/small", "Policies of governance cannot be overridden."),
    ],
)
def test_nobody_is_excepted_from_what_is_not_in_force_nor_from_governance(
    database: Database, policy: str, problem: str
) -> None:
    with pytest.raises(OverrideRejected) as refused:
        make(database, TestClock(), policy=policy)
    assert refused.value.problems == (problem,)


def test_a_subject_has_one_exception_from_a_policy_at_a_time(database: Database) -> None:
    clock = TestClock()
    first = make(database, clock)
    with pytest.raises(OverrideRejected, match="C1 already has an override of tiering/small"):
        make(database, clock)
    make(database, clock, subject=Subject("C2"))
    make(database, clock, policy="rewards/listed", outcome=[{"gift": "gold", "rebate": "1.5"}])
    end(database, clock, first.id)
    make(database, clock)


def test_the_book_knows_what_was_made_and_ended_since(database: Database) -> None:
    clock, book = TestClock(), OverrideCache()
    with database.read() as session:
        book.refresh(session)
    assert book.active_overrides(Subject("C1"), clock.now()) == {}
    made = make(database, clock)
    assert book.active_overrides(Subject("C1"), clock.now()) == {}
    with database.read() as session:
        book.refresh(session)
        book.refresh(session)
    assert book.active_overrides(Subject("C1"), clock.now()) == {"tiering/small": made}
    assert book.active_overrides(Subject("C1"), made.until) == {}
    assert book.active_overrides(Subject("C2"), clock.now()) == {}
    end(database, clock, made.id)
    with database.read() as session:
        book.refresh(session)
    assert book.active_overrides(Subject("C1"), clock.now()) == {}


def test_the_book_stays_as_it_is_when_only_something_else_was_done(database: Database) -> None:
    clock, book = TestClock(), OverrideCache()
    made = make(database, clock)
    with database.read() as session:
        book.refresh(session)
    with database.write(clock):
        pass
    with database.read() as session:
        book.refresh(session)
    assert book.active_overrides(Subject("C1"), clock.now()) == {"tiering/small": made}


def test_the_book_never_forgets_what_it_knew_because_of_an_older_snapshot(database: Database) -> None:
    clock, book = TestClock(), OverrideCache()
    with database.read() as older:
        transaction_count(older)
        made = make(database, clock)
        with database.read() as newer:
            book.refresh(newer)
        book.refresh(older)
    assert book.active_overrides(Subject("C1"), clock.now()) == {"tiering/small": made}


def test_everything_wrong_with_the_subject_of_an_exception_is_named(database: Database) -> None:
    with pytest.raises(OverrideRejected) as refused:
        make(database, TestClock(), subject=Subject("C900 ", "complaint"))
    assert refused.value.problems == (
        "The subject: leave out the blanks around it.",
        "tiering/small is about a subject of the kind `customer`, not `complaint`.",
    )
    with pytest.raises(OverrideRejected, match="The kind of the subject: write small letters"):
        make(database, TestClock(), subject=Subject("C900", "Customer"))


def test_exceptions_go_by_identifier_and_kind(database: Database) -> None:
    clock, book = TestClock(), OverrideCache()
    customer = make(database, clock)
    complaint = make(database, clock, subject=Subject("C1", "complaint"), policy=COMPLAINTS.id)
    other = make(database, clock, subject=Subject("C2", "complaint"), policy=COMPLAINTS.id)
    with database.read() as session:
        book.refresh(session)

        def listed(**filters: Any) -> list[Override]:  # noqa: ANN401
            return [each for _, each in read_overrides(session, **filters)]

        assert listed(subject="C1") == [customer, complaint]
        assert listed(subject="C1", kind="complaint") == [complaint]
        assert listed(kind="complaint") == [complaint, other]
        assert listed(subject="C1", kind="order") == []
        for filters in ({"subject": "C1 "}, {"subject": "C1", "kind": "Order"}):
            with pytest.raises(InvalidSubject):
                listed(**filters)
    assert book.active_overrides(Subject("C1"), clock.now()) == {"tiering/small": customer}
    assert book.active_overrides(Subject("C1", "complaint"), clock.now()) == {COMPLAINTS.id: complaint}
    assert book.active_overrides(Subject("C1", "order"), clock.now()) == {}
