"""What rules give fits the outcome for every subject, or is told of; constants are worked out once."""

# ruff: noqa: E501  # a case is one line of a table

import pytest

from policy_service.language.types import Value
from tests.language.sample import diagnostics_of, loaded, ruled

CAP = "cap it: `min(…, most)` and `max(…, least)`, or bound its facts"
INSIDE = "inside ±2^53 in its smallest unit"
ROUND = "write `round(…, %d)`, or `floor`, `ceiling`, `decimal`"
DAY = "a date such as 2026-11-21"
LONG = "a duration such as P3D or PT4H"


def gives(kind: str, then: str) -> str:
    return ruled("flag", f"['{then}']" if not then.startswith("[") else f"[{then}]", f"  out: {{{kind}}}\n")


@pytest.mark.parametrize(
    ("kind", "then", "value"),
    [
        ("type: boolean", "true", True),
        ("type: boolean", "false", False),
        ("type: integer", "5", 5),
        ("type: integer", "-5", -5),
        ("type: number, scale: 2", "0.5", 50),
        ("type: money, currency: CNY", "-1.05", -105),
        ("type: date", "2026-11-21", 739_941),
        ("type: date", 'date("2026-11-21")', 739_941),
        ("type: duration", "P1D", 86_400),
        ("type: duration", '-duration("P1D")', -86_400),
        ("type: choice, of: [yes, no]", "yes", "yes"),
        ("type: text", "a + b", "a + b"),
        ("type: tags, of: [a, b]", "[b, a]", frozenset({"a", "b"})),
    ],
)
def test_a_constant_is_kept_as_its_value(kind: str, then: str, value: Value) -> None:
    if kind == "type: date" and then.startswith("20"):
        value = loaded(gives(kind, 'date("2026-11-21")')).rules[0].then[0]  # type: ignore[assignment]
    policy = loaded(gives(kind, then.replace("'", "''"))).rules[0].then
    assert policy == (value,)
    assert type(policy[0]) is type(value)


@pytest.mark.parametrize(
    ("kind", "then"),
    [
        ("type: boolean", "flag and count_ > 5"),
        ("type: integer", "count_ + 1"),
        ("type: integer, min: -100, max: 0", "-count_"),
        ("type: integer, min: 0, max: 100", "count_"),
        ("type: integer", "round(ratio, 0)"),
        ("type: number, scale: 4", "ratio"),
        ("type: number, scale: 4", "ratio / 1"),
        ("type: money, currency: CNY, max: 20", "min(round(0.02 * spend, 2), 20)"),
        ("type: money, currency: CNY", "5"),
        ("type: money, currency: CNY", "count_"),
        ("type: money, currency: CNY, max: 10000", "min(500 * count_, 10000)"),
        ("type: money, currency: CNY", "round(0.015 * spend, 2)"),
        ("type: date", 'born + @"P1M"'),
        ("type: date", "as_of"),
        ("type: duration", "wait * 2"),
        ("type: duration", "as_of - born"),
    ],
)
def test_an_expression_that_fits_is_accepted(kind: str, then: str) -> None:
    assert diagnostics_of(gives(kind, then)) == []


def test_a_fact_with_one_value_is_still_a_fact() -> None:
    text = gives("type: integer", "-count_").replace("min: 0, max: 100", "min: 5, max: 5")
    assert not isinstance(loaded(text).rules[0].then[0], int)


def test_what_holds_no_fact_is_worked_out_once() -> None:
    assert loaded(gives("type: integer", "2 ** (5 + 3) - 1")).rules[0].then == (255,)


@pytest.mark.parametrize(
    ("kind", "then", "expected", "message", "hint"),
    [
        ("type: boolean", "1", "1", "type-mismatch: expected true or false, found a number", None),
        ("type: boolean", "True", "True", "unknown-fact: unknown fact `True`", "write `true`"),
        ("type: integer", "tier", "tier", f"type-mismatch: expected a whole number, {INSIDE}, found one of S, A, B", None),
        ("type: integer", "true", "true", f"type-mismatch: expected a whole number, {INSIDE}, found true or false", None),
        ("type: integer", "1 +", "'", "syntax: expected a value, found the end", None),
        ("type: integer", "spend", "spend", f"type-mismatch: expected a whole number, {INSIDE}, found an amount in CNY", None),
        ("type: money, currency: CNY", "yen", "yen", f"type-mismatch: expected an amount in CNY with at most 2 decimals, {INSIDE}, found an amount in JPY", None),
        ("type: integer", "ratio", "ratio", "unrounded: the value can have more than 0 decimals", ROUND % 0),
        ("type: integer", "0.5", "0.5", "unrounded: the value can have more than 0 decimals", ROUND % 0),
        ("type: money, currency: CNY", "spend / 3", "spend / 3", "unrounded: the value can have more than 2 decimals", ROUND % 2),
        ("type: duration", "wait / 2", "wait / 2", "unrounded: the value can have parts of a second", "multiply by whole numbers only"),
        ("type: integer, max: 3", "5", "5", "may-exceed: the value is 5, expected a whole number, at most 3", None),
        ("type: integer, min: 3", "-5", "-5", "may-exceed: the value is -5, expected a whole number, at least 3", None),
        ("type: integer, max: 99", "count_", "count_", "may-exceed: the value can be anything from 0 to 100, expected a whole number, at most 99", CAP),
        ("type: integer, min: 1", "count_", "count_", "may-exceed: the value can be anything from 0 to 100, expected a whole number, at least 1", CAP),
        ("type: number, scale: 4, max: 1", "ratio", "ratio", "may-exceed: the value can be anything from -900719925474.1 to 900719925474.1, expected a number with at most 4 decimals, at most 1.0000", CAP),
        ("type: integer", "whole * whole", "whole * whole", f"may-exceed: the value can be anything from less than -10^15 to more than 10^15, expected a whole number, {INSIDE}", CAP),
        ("type: date, max: 2020-12-31", 'born + @"P1D"', 'born + @"P1D"', "may-exceed: the value can be anything from 1950-01-02 to 2021-01-01, expected a date such as 2026-11-21, at least 0001-01-01 and at most 2020-12-31", CAP),
        ("type: duration, max: P1D", "wait", "wait", f"may-exceed: the value can be anything from PT0S to P30D, expected {LONG}, at most P1D", CAP),
        ("type: date, min: 0001-01-02", "0001-01-01", "0001-01-01", "type-mismatch: expected a date such as 2026-11-21, at least 0001-01-02 and at most 9999-12-31, found `0001-01-01`", None),
        ("type: date", "wait", "wait", f"type-mismatch: expected {DAY}, found a duration", None),
        ("type: duration", "P1M", "P1M", f"type-mismatch: expected {LONG}, {INSIDE}, found `P1M`", None),
        ("type: duration", "5", "5", f"type-mismatch: expected {LONG}, {INSIDE}, found a number", None),
        ("type: choice, of: [yes, no]", "yess", "yess", "unknown-choice: expected one of yes, no, found `yess`", "did you mean `yes`?"),
        ("type: tags, of: [a, b]", "[c]", "[", "unknown-choice: expected a list of words out of a, b, found `['c']`", None),
        ("type: tags, of: [a, b]", "a", "a", "unknown-choice: expected a list of words out of a, b, found `a`", None),
        ("type: text", "[a]", "[", "type-mismatch: expected text of at most 1,000 characters, found `['a']`", None),
        ("type: integer", "maybe", "maybe", "optional-not-asked: optional fact `maybe` is used before it is asked about", "write `maybe is not missing and …`, or leave `optional` out"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_told(kind: str, then: str, expected: str, message: str, hint: str | None) -> None:
    diagnostics = diagnostics_of(gives(kind, then))
    assert [(fault[1], fault[2]) for fault in diagnostics] == [(message, hint)]
    assert diagnostics[0][0].strip("'") == expected.strip("'")


@pytest.mark.parametrize(
    ("kind", "expected", "code"),
    [
        ("type: integer", f"a whole number, {INSIDE}", "type-mismatch"),
        ("type: boolean", "true or false", "type-mismatch"),
        ("type: choice, of: [yes]", "one of yes", "type-mismatch"),
    ],
)
def test_nothing_is_no_value(kind: str, expected: str, code: str) -> None:
    text = ruled("flag", "[~]", f"  out: {{{kind}}}\n")
    assert diagnostics_of(text) == [("~", f"{code}: expected {expected}, found nothing", None)]


TWO = "  a: {type: integer}\n  b: {type: integer}\n"


@pytest.mark.parametrize(
    ("then", "faults"),
    [
        ('["1", "2"]', []),
        ('{b: "2", a: "1"}', []),
        ('["1"]', [("[", "missing-outcome: expected 2 values, for a, b; found 1", None)]),
        ('["1", "2", "3"]', [("[", "missing-outcome: expected 2 values, for a, b; found 3", "a value with a comma stands in quotes")]),
        ('{a: "1"}', [("{", "missing-outcome: the rule gives no b", None)]),
        ('{a: "1", b: "2", bb: "3"}', [("bb", "unknown-outcome: unknown outcome `bb`", None)]),
        ("~", [("id", "missing-outcome: the rule gives no a, b", "add `then`")]),
        ('["x", "y"]', [("x", "unknown-fact: unknown fact `x`", None), ("y", "unknown-fact: unknown fact `y`", None)]),
    ],
)  # fmt: skip
def test_a_rule_gives_every_outcome(then: str, faults: list[tuple[str, str, str | None]]) -> None:
    diagnostics = diagnostics_of(ruled("flag", then, TWO))
    assert [fault[1] for fault in diagnostics] == [fault[1] for fault in faults]
    assert [fault[2] for fault in diagnostics if fault[2] != "did you mean `b`?"] == [
        fault[2] for fault in faults if fault[0] != "bb"
    ]
    if not faults:
        assert loaded(ruled("flag", then, TWO)).rules[0].then == (1, 2)
