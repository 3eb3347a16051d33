"""The decision records in order: everybody's, of a subject, a kind, a policy, a time; and how often rules decided."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from policy_service.actor import Actor, Role
from policy_service.decisions import firings as counting
from policy_service.decisions import record_queries
from policy_service.decisions.firings import firings
from policy_service.decisions.record import DecisionRecord
from policy_service.decisions.record_queries import RecordFilter, find_records, seq_range, subject_history
from policy_service.decisions.request import DecisionRequest
from policy_service.subject import Subject
from tests.databases import BACKENDS, START
from tests.decisions.desks import Setting, put, setting, signing, tier

MACHINE = Actor("0197a000-0000-7000-8000-000000000009", "shop", "shop", frozenset({Role.INTEGRATION}), "machine")
ONE, OTHER = "tiering/one", "governance/signing"
KINDS = {ONE: "customer", OTHER: "change"}
"""What each policy is about."""
REGULAR = "a regular"
"""The identifier of the subject of every second decision, whatever its kind."""


def ask(each: Setting, policy: str, number: int) -> None:
    """One decision about somebody."""
    facts: dict[str, Any] = {"amount": number * 50} if policy == ONE else {"domain": "other"}
    asyncio.run(
        each.decisions.decide(
            DecisionRequest(REGULAR if number % 2 else f"C{number}", facts, policies=(policy,), kind=KINDS[policy]),
            MACHINE,
        )
    )


@pytest.fixture(scope="module", params=BACKENDS)
def decided(request: pytest.FixtureRequest) -> Iterator[tuple[Setting, list[DecisionRecord]]]:
    """Twelve decisions of two policies, an hour apart, the last of them by a second version; and their records."""
    with setting(request.param, tier(), signing()) as each:
        for number in range(12):
            each.clock.move(hours=1)
            if number == 9:
                put(each.database, each.clock, tier("1.1.0", 500))
            ask(each, OTHER if number % 3 == 1 else ONE, number)
        yield each, each.records()


def numbers_found_by(
    each: Setting, criteria: RecordFilter, limit: int = 50, *, oldest_first: bool = False
) -> list[int]:
    """The numbers of what the pages hold, one after another."""
    seqs: list[int] = []
    cursor = None
    while True:
        with each.database.read() as session:
            page = find_records(session, criteria, oldest_first=oldest_first, cursor=cursor, limit=limit)
        seqs += [record.seq for record in page.records]
        cursor = page.cursor
        if cursor is None:
            return seqs


def history_of(each: Setting, kind: str) -> list[DecisionRecord]:
    """All records of one of the subjects that have several."""
    with each.database.read() as session:
        return subject_history(session, Subject(REGULAR, kind)).records


def ordered(seqs: list[int], oldest_first: bool) -> list[int]:
    """Numbers that count up, in the order that is wanted."""
    return seqs if oldest_first else seqs[::-1]


@pytest.mark.one_in(4)
@pytest.mark.parametrize("limit", [1, 5, 12, 50])
@pytest.mark.parametrize("policy", [None, ONE, OTHER, "no/such"])
@pytest.mark.parametrize("scanned", [1, 2, 5, 5_000])
@pytest.mark.parametrize("oldest_first", [True, False])
def test_the_pages_hold_all_of_a_policy_in_order_however_many_are_looked_through(
    decided: tuple[Setting, list[DecisionRecord]],
    monkeypatch: pytest.MonkeyPatch,
    limit: int,
    policy: str | None,
    scanned: int,
    oldest_first: bool,
) -> None:
    each, every = decided
    monkeypatch.setattr(record_queries, "MAX_SCANNED", scanned)
    expected = [record.seq for record in every if policy is None or policy in record.outcomes]
    assert numbers_found_by(each, RecordFilter(policy=policy), limit, oldest_first=oldest_first) == ordered(
        expected, oldest_first
    )


@pytest.mark.parametrize("oldest_first", [True, False])
@pytest.mark.parametrize("limit", [1, 2, 50])
def test_those_of_a_subject_are_listed_narrowed_to_a_policy_and_a_time(
    decided: tuple[Setting, list[DecisionRecord]], monkeypatch: pytest.MonkeyPatch, limit: int, oldest_first: bool
) -> None:
    each, every = decided
    monkeypatch.setattr(record_queries, "MAX_SCANNED", 2)
    mine = [record for record in every if record.subject.id == REGULAR]
    assert len(mine) == 6
    for kind in KINDS.values():
        assert history_of(each, kind) == [record for record in mine[::-1] if record.subject.kind == kind] != []
    since, until = mine[1].decided_at, mine[5].decided_at
    for policy in (None, ONE, OTHER, "no/such"):
        expected = [record.seq for record in mine if policy is None or policy in record.outcomes]
        assert numbers_found_by(each, RecordFilter(REGULAR, policy), limit, oldest_first=oldest_first) == ordered(
            expected, oldest_first
        )
        criteria = RecordFilter(REGULAR, policy, since=since, until=until)
        expected = [r.seq for r in mine[1:5] if policy is None or policy in r.outcomes]
        assert numbers_found_by(each, criteria, limit, oldest_first=oldest_first) == ordered(expected, oldest_first)
    assert numbers_found_by(each, RecordFilter("nobody"), limit, oldest_first=oldest_first) == []


@pytest.mark.parametrize("oldest_first", [True, False])
@pytest.mark.parametrize("kind", [*KINDS.values(), "complaint"])
@pytest.mark.parametrize("subject", [None, REGULAR, "C2"])
@pytest.mark.parametrize("policy", [None, ONE])
def test_those_of_a_kind_are_listed_of_everybody_and_of_a_subject(
    decided: tuple[Setting, list[DecisionRecord]],
    monkeypatch: pytest.MonkeyPatch,
    subject: str | None,
    policy: str | None,
    kind: str,
    oldest_first: bool,
) -> None:
    each, every = decided
    monkeypatch.setattr(record_queries, "MAX_SCANNED", 2)
    expected = [
        record.seq
        for record in every
        if record.subject.kind == kind
        and subject in {None, record.subject.id}
        and (policy is None or policy in record.outcomes)
    ]
    criteria = RecordFilter(subject, policy, kind=kind)
    assert numbers_found_by(each, criteria, 2, oldest_first=oldest_first) == ordered(expected, oldest_first)


def test_those_of_a_time_are_listed(decided: tuple[Setting, list[DecisionRecord]]) -> None:
    each, every = decided
    instants = [START - timedelta(days=1), *(record.decided_at for record in every), START + timedelta(days=9)]
    with each.database.read() as session:
        for since in instants:
            assert seq_range(session, since) == (1 + sum(r.decided_at < since for r in every), len(every) + 1)
            for until in instants:
                expected = [r.seq for r in every[::-1] if since <= r.decided_at < until]
                page = find_records(session, RecordFilter(since=since, until=until))
                assert ([r.seq for r in page.records], page.cursor) == (expected, None)


def test_firings_are_what_the_answers_of_the_last_decisions_name(decided: tuple[Setting, list[DecisionRecord]]) -> None:
    each, every = decided
    mine = [record for record in every[::-1] if ONE in record.outcomes]
    for last in (1, 3, 1_000):
        with each.database.read() as session:
            counted = firings(session, ONE, max_counted=last)
        rules = Counter(rule for record in mine[:last] for rule in record.outcomes[ONE]["rules"])
        assert (dict(counted.rules), counted.total) == (dict(rules), min(last, len(mine)))
        assert counted.since == mine[: counted.total][-1].decided_at


def test_firings_look_through_so_many_records_and_no_more(
    decided: tuple[Setting, list[DecisionRecord]], monkeypatch: pytest.MonkeyPatch
) -> None:
    each, every = decided
    monkeypatch.setattr(counting, "MAX_SCANNED", 4)
    with each.database.read() as session:
        counted = firings(session, ONE)
        assert counted.total == sum(ONE in record.outcomes for record in every[-4:])
        nothing = firings(session, "no/such")
    assert (nothing.rules, nothing.total, nothing.since) == ({}, 0, None)


def test_where_nothing_was_decided_nothing_is_found() -> None:
    with setting("sqlite") as each, each.database.read() as session:
        assert (
            find_records(session)
            == find_records(session, RecordFilter(policy=ONE))
            == find_records(session, oldest_first=True)
            == ([], None)
        )
        assert firings(session, ONE).total == 0
        assert seq_range(session, START, START) == (1, 1)
