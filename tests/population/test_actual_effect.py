"""What came of a change beside what was expected: cell by cell, with those who were not decided about since."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from policy_service.actor import SERVICE
from policy_service.approval import service as approval
from policy_service.approval.service import Change, OperationRejected
from policy_service.population import recorded_effect
from policy_service.population.actual_effect import (
    HEADINGS,
    EffectComparison,
    comparable_days,
    compare_effect,
    to_csv,
)
from policy_service.registry.model import ActivationKind, Period
from policy_service.registry.service import activate, read_version, record_version
from tests.approval.world import BONUS, TIER, World, bonus, tier, world
from tests.population.recorded import CUSTOMERS, NEARLY_BIG, UTC, effects, record

BOTH = (TIER, BONUS)
SHANGHAI = ZoneInfo("Asia/Shanghai")


def paid(version: str) -> bytes:
    """The bonus of the company as a sum of money."""
    text = bonus(version).replace(b"type: integer, min: 0, max: 1000", b"type: money, currency: CNY, min: 0, max: 1000")
    return text.replace(b"{bonus: 10}", b'{bonus: "10.00"}')


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, Path, Change]]:
    """600 customers with a bonus in money; in two days 6 are expected to become big."""
    keys = tmp_path_factory.mktemp("keys")
    with world() as made:
        with made.database.write(made.clock) as transaction:
            record_version(transaction, SERVICE, paid("1.1.0"), change=None)
            row = read_version(transaction.session, BONUS, "1.1.0")
            activate(transaction, SERVICE, row, Period(made.now), ActivationKind.INITIAL)
        made.move(minutes=1)
        record(made.database, made.clock, keys, CUSTOMERS, BOTH)
        change = made.create(tier("1.1.0", 95), start=made.now + timedelta(days=2), until=made.now + timedelta(days=32))
        change = made.schedule(made.sign_all(made.submit(change, effects=effects(made, keys))))
        yield made, keys, change


def compared(made: World, change: Change, until: date) -> EffectComparison:
    with made.database.read() as session:
        effect = approval.read_effect(session, change)
        assert effect is not None
        return compare_effect(session, effect, until)


def cells(comparison: EffectComparison) -> dict[tuple[str, str], tuple[int, int, int]]:
    """Expected, actual and difference of the sizes."""
    [size] = (each for each in comparison.policies if each.policy == TIER)
    return {(each.before, each.after): (each.expected, each.actual, each.difference) for each in size.cells}


def test_what_came_stands_beside_what_was_expected(
    company: tuple[World, Path, Change], monkeypatch: pytest.MonkeyPatch
) -> None:
    made, keys, change = company
    with pytest.raises(OperationRejected, match=r"takes effect on 2026-\d\d-\d\d: nothing came of it yet\."):
        comparable_days(change, made.now, UTC)

    made.move(days=2)
    first, today = comparable_days(change, made.now, UTC)
    assert (first, today) == (made.now.date(), made.now.date())
    nothing = compared(made, change, today)
    assert cells(nothing) == {("small", "big"): (6, 0, -6), ("small", "small"): (594, 600, 6)}
    assert [(each.subjects, each.not_decided) for each in nothing.policies] == [(600, 600), (600, 600)]
    assert nothing.decided == 0

    made.move(days=1)
    again = dict.fromkeys(list(NEARLY_BIG)[:4], 95) | {"C000": 20, "C001": 200, "N1": 300}
    record(made.database, made.clock, keys, again, BOTH)
    some = compared(made, change, made.now.date())
    assert cells(some) == {
        ("small", "big"): (6, 5, -1),
        ("small", "small"): (594, 595, 1),
        ("(new)", "big"): (0, 1, 1),
    }
    size, rewards = some.policies
    assert (size.kind, size.version, size.subjects, size.not_decided) == ("customer", "1.1.0", 601, 594)
    assert (size.expected_moved, size.actual_moved, some.decided) == (6, 5, 14)
    [money] = rewards.money
    assert (money.expected, money.actual, money.difference) == (Decimal("60.00"), Decimal("60.00"), Decimal(0))
    assert rewards.cells == ()

    rows = list(csv.reader(io.StringIO(to_csv(some).decode("utf-8-sig"))))
    assert rows[0] == list(HEADINGS)
    assert [TIER, "size", "small", "big", "6", "5", "-1"] in rows
    assert rows[-1] == [BONUS, "bonus", "", "", "60.00", "60.00", "0.00"]

    yesterday = compared(made, change, first)
    assert cells(yesterday) == cells(nothing)
    assert [each.not_decided for each in yesterday.policies] == [600, 600], "what came later is not of that day"

    monkeypatch.setattr(recorded_effect, "MAX_RECORDS_AT_ONCE", 0)
    [money] = compared(made, change, today).policies[1].money
    assert (money.actual, money.difference) == (None, None)


def test_words_of_statuses_and_of_policies_that_are_new(company: tuple[World, Path, Change]) -> None:
    made, _, change = company
    with made.database.read() as session:
        effect = approval.read_effect(session, change)
        assert effect is not None
        [part] = effect.document["parts"]
        size = part["policies"][0]
        gone = {"outcome": "gone", "from": "yes", "to": "(none)", "subjects": 2}
        changed = {**size, "before": None, "matrix": [gone]}
        document = {**effect.document, "parts": [{**part, "policies": [changed]}, {"kind": "lead", "problems": ["?"]}]}
        comparison = compare_effect(session, replace(effect, document=document), made.now.date())
    assert comparison.unknown == ("lead",)
    [policy] = comparison.policies
    assert ("gone", "yes", "(none)", 2, 0) in [
        (each.outcome, each.before, each.after, each.expected, each.actual) for each in policy.cells
    ]
    assert {each.before for each in policy.cells} <= {"yes", "(none)", "(not_in_force)"}


def test_days_are_those_on_which_the_change_is_in_force(company: tuple[World, Path, Change]) -> None:
    made, _, change = company
    start = change.draft.effective.start
    assert comparable_days(change, start + timedelta(days=5, hours=20), SHANGHAI) == (
        start.astimezone(SHANGHAI).date(),
        (start + timedelta(days=5, hours=20)).astimezone(SHANGHAI).date(),
    )
    _, last = comparable_days(change, start + timedelta(days=90), UTC)
    assert last == (start + timedelta(days=30)).date() - timedelta(days=start.hour == 0)
    with pytest.raises(OperationRejected, match="is not in force"):
        comparable_days(made.create(tier("1.1.9", 95)), made.now, UTC)
