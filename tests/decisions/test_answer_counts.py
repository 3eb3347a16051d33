"""Answer counts: filters by outcome and rule find what the records say, and totals are those of the records."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from itertools import product
from typing import Any

import pytest
from sqlalchemy import text
from sqlmodel import Session

from policy_service.decisions import record_queries
from policy_service.decisions.answer_counts import queries, service
from policy_service.decisions.answer_counts.queries import AnswerTotals, answer_totals, answered_rules
from policy_service.decisions.answer_counts.service import count_blocks, count_faults, last_counted
from policy_service.decisions.block_store import seal
from policy_service.decisions.record import DecisionRecord
from policy_service.decisions.record_queries import RecordFilter, find_records
from policy_service.decisions.request import DecisionRequest
from tests.databases import BACKENDS
from tests.decisions.desks import Setting, setting, signing, tier
from tests.decisions.test_record_queries import MACHINE, ONE, OTHER

Decided = tuple[Setting, list[DecisionRecord]]
FACTS: list[tuple[str, str, dict[str, Any]]] = [
    (ONE, "customer", {"amount": 500}),
    (ONE, "customer", {"amount": 5}),
    (OTHER, "change", {"domain": "other"}),
    (ONE, "customer", {}),
    (ONE, "customer", {"amount": 5, "phone": "13800000000"}),
]
"""Decided twice over; by which rule, and that none was, follows."""
WANTED = [
    (None, None),
    ("tier:A", None),
    ("tier:S", "called"),
    ("tier:A", "called"),
    ("missing_facts", None),
    ("decided", None),
    ("tier:none", None),
    (None, "big"),
    (None, "none"),
]


@pytest.fixture(scope="module", params=BACKENDS)
def decided(request: pytest.FixtureRequest) -> Iterator[Decided]:
    """Ten decisions; blocks of three of them are sealed, and two of these blocks counted."""
    with setting(request.param, tier(), signing()) as each:
        for number, (policy, kind, facts) in enumerate([*FACTS, *FACTS]):
            asked = DecisionRequest(f"C{number}", facts, policies=(policy,), kind=kind)
            asyncio.run(each.decisions.decide(asked, MACHINE))
        for number in range(3):
            with each.database.write(each.clock) as transaction:
                seal(transaction, max_records=3)
            if number < 2:
                assert count_blocks(each.database, each.clock) == 1
        yield each, each.records()


def found(each: Setting, criteria: RecordFilter, limit: int, *, oldest_first: bool) -> list[int]:
    """The numbers on all pages."""
    seqs, cursor = list[int](), None
    while True:
        with each.database.read() as session:
            page = find_records(session, criteria, oldest_first=oldest_first, cursor=cursor, limit=limit)
        seqs += [record.seq for record in page.records]
        if (cursor := page.cursor) is None:
            return seqs


def matches(record: DecisionRecord, outcome: str | None, rule: str | None) -> bool:
    entry = record.outcomes.get(ONE)
    if entry is None or (rule is not None and rule not in entry.get("rules", ())):
        return False
    return outcome in {None, entry["status"], f"tier:{(entry.get('outcome') or {}).get('tier')}"}


@pytest.mark.parametrize(("limit", "scanned"), [(1, 5_000), (50, 5_000), (2, 2)])
@pytest.mark.parametrize("oldest_first", [True, False])
def test_the_decisions_of_an_outcome_and_a_rule_are_all_found_in_order(
    decided: Decided, monkeypatch: pytest.MonkeyPatch, limit: int, scanned: int, oldest_first: bool
) -> None:
    each, every = decided
    monkeypatch.setattr(record_queries, "MAX_SCANNED", scanned)
    for outcome, rule in WANTED:
        expected = [record.seq for record in every if matches(record, outcome, rule)]
        criteria = RecordFilter(policy=ONE, outcome=outcome, rule=rule)
        assert found(each, criteria, limit, oldest_first=oldest_first) == expected[:: 1 if oldest_first else -1]


def test_blocks_without_the_answer_are_not_looked_through(decided: Decided, monkeypatch: pytest.MonkeyPatch) -> None:
    each, _ = decided
    read: list[tuple[int, int]] = []
    lines = record_queries._lines

    def spy(
        session: Session, criteria: RecordFilter, seqs: tuple[int, int], limit: int, *, oldest_first: bool
    ) -> object:
        read.append(seqs)
        return lines(session, criteria, seqs, limit, oldest_first=oldest_first)

    monkeypatch.setattr(record_queries, "_lines", spy)
    assert found(each, RecordFilter(policy=ONE, outcome="tier:S"), 50, oldest_first=True) == [5, 10]
    assert read == [(4, 7), (7, 11)], "the block of record 5, and what is not counted yet"


def totals(each: Setting, seqs: tuple[int, int]) -> AnswerTotals:
    with each.database.read() as session:
        return answer_totals(session, ONE, seqs)


def test_totals_of_any_range_are_those_of_its_records(decided: Decided) -> None:
    each, every = decided
    for first, end in product(range(1, 11), range(1, 12)):
        expected: Counter[tuple[str, str]] = Counter()
        for record in every[first - 1 : max(end - 1, first - 1)]:
            if entry := record.outcomes.get(ONE):
                expected.update((entry["status"], rule) for rule in ("", *entry.get("rules", ())))
        counted: Counter[tuple[str, str]] = Counter()
        for total in totals(each, (first, end)).items:
            counted[total.group.status, total.rule] += total.decisions
        assert counted == expected, (first, end)


def test_of_too_many_records_behind_the_blocks_the_newest_are_told_as_uncounted(
    decided: Decided, monkeypatch: pytest.MonkeyPatch
) -> None:
    each, _ = decided
    monkeypatch.setattr(queries, "MAX_READ", 3)
    result = totals(each, (1, 11))
    assert result.uncounted == 1
    assert sum(total.decisions for total in result.groups) == 7, "of nine records; two of them are of another policy"


def test_counting_goes_on_where_it_ended_and_no_block_is_counted_twice(decided: Decided) -> None:
    each, _ = decided
    with each.database.read() as session:
        assert (last_counted(session), answered_rules(session, ONE)) == (2, ["big", "called", "small"])
        assert list(count_faults(session)) == []


class Undone(Exception):
    """Raised at the end of what is to leave nothing."""


@pytest.mark.parametrize(
    ("statement", "blocks"),
    [
        ("UPDATE answer_count SET decisions = decisions + 1", [1]),
        ("UPDATE answer_count SET block = 1000000000", [1, 3, 1_000_000_000]),  # 3 is not counted
        ("DELETE FROM answer_count", [1]),
    ],
)
def test_a_count_that_was_altered_or_removed_is_found(decided: Decided, statement: str, blocks: list[int]) -> None:
    each, _ = decided
    with suppress(Undone), each.database.alter() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("ALTER TABLE answer_count DISABLE TRIGGER ALL"))
        else:
            connection.execute(text("PRAGMA defer_foreign_keys = ON"))
            triggers = "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'answer_count'"
            for (name,) in connection.execute(text(triggers)).all():
                connection.execute(text(f"DROP TRIGGER {name}"))
        connection.execute(text(f"{statement} WHERE block = 1 AND rule = 'big'"))
        faults = list(count_faults(Session(connection)))
        assert [int(re.findall(r"\d+", each)[0]) for each in faults] == blocks
        raise Undone


def test_a_block_that_cannot_be_read_ends_the_counting(decided: Decided, monkeypatch: pytest.MonkeyPatch) -> None:
    each, _ = decided

    def damaged(*_: object) -> None:
        raise ValueError

    monkeypatch.setattr(service, "count_answers", damaged)
    assert count_blocks(each.database, each.clock) == 0


def test_small_blocks_are_counted_together_and_no_more_of_them_than_others_wait_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(service, "RECORDS_PER_TRANSACTION", 3)
    monkeypatch.setattr(service, "TRANSACTIONS_AT_A_TIME", 2)
    with setting("sqlite", tier(), signing()) as each:
        for number in range(14):
            asyncio.run(each.decisions.decide(DecisionRequest(f"C{number}", FACTS[0][2]), MACHINE))
        with each.database.write(each.clock) as transaction:
            while seal(transaction, max_records=2) is not None:
                pass
        assert [count_blocks(each.database, each.clock) for _ in range(3)] == [4, 3, 0]
        with each.database.read() as session:
            assert list(count_faults(session)) == []
