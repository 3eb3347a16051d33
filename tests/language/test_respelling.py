"""What is written as elsewhere is refused with a hint, and taking the hint gives the meaning the author had."""

# ruff: noqa: E501  # a case is one line of a table

from __future__ import annotations

import datetime
import json
import re

import pytest

from policy_service.language.diagnostics import PolicyError
from policy_service.language.evaluate import evaluate
from policy_service.language.load import load_bytes
from policy_service.language.outcome import Decided
from policy_service.language.parser import MAX_RESPELLED_LENGTH, parse
from policy_service.language.policy import Policy
from policy_service.language.respelling import foreign_function_hint, respell
from policy_service.language.tokens import ExpressionSyntaxError
from policy_service.language.types import parse_value

DAY = datetime.date(2026, 11, 21)
FACTS = {
    "n": "{type: integer, optional: true}",
    "m": "{type: integer}",
    "money": "{type: money, currency: CNY}",
    "share": "{type: number, scale: 4}",
    "day": "{type: date}",
    "word": "{type: choice, of: [it, retail, other]}",
    "flag": "{type: boolean}",
}
PLAIN = {"m": 0, "money": "0", "share": "0", "day": "2026-11-21", "word": "other", "flag": False}
WHY = "because: {zh: 因, en: why}"
WRITTEN = re.compile(r"`([^`]+)`")


def policy(rows: str) -> bytes:
    facts = "".join(f"  {name}: {kind}\n" for name, kind in FACTS.items())
    head = "policy: tests/hints\nversion: 1.0.0\ntitle: {zh: 例, en: case}\nsubject: customer\n"
    return f"{head}facts:\n{facts}outcome:\n  o: {{type: boolean}}\n{rows}".encode()


def table(column: str, cell: str) -> bytes:
    rows = [("r", cell, "true"), *([("s", "is missing", "false")] if column == "n" else [])]
    lines = (
        f"    - {{id: {name}, when: {json.dumps([when], ensure_ascii=False)}, then: {json.dumps([then])}, {WHY}}}\n"
        for name, when, then in rows
    )
    return policy(f"table:\n  hit: RULE ORDER\n  inputs: [{column}]\n  rows:\n{''.join(lines)}")


def rule(when: str) -> bytes:
    return policy(
        f'rules:\n  hit: FIRST\n  rows:\n    - {{id: r, when: {json.dumps(when, ensure_ascii=False)}, then: ["true"], because: {{zh: 因, en: why}}}}\n'
    )


def holds(text: bytes, facts: dict[str, object]) -> bool:
    """Return True if the row `r` holds."""
    loaded_policy: Policy = load_bytes(text)
    results = {name: parse_value(loaded_policy.facts[name].type, value) for name, value in {**PLAIN, **facts}.items()}
    result = evaluate(loaded_policy, results, DAY)
    return isinstance(result, Decided) and "r" in result.rules


def taken(text: bytes) -> str:
    """What the hint of the only fault of a file says to write."""
    with pytest.raises(PolicyError) as refused:
        load_bytes(text)
    [fault] = refused.value.diagnostics
    assert fault.hint is not None, fault
    [written, *_] = WRITTEN.findall(fault.hint)
    return str(written)


CELLS = [
    # column, as written, hint, values for which it holds, values for which it does not
    ("m", "10-20", "[10..20]", [10, 15, 20], [9, 21, -10]),
    ("m", "10 - 20", "[10..20]", [10, 20], [9, 21]),
    ("m", "10~20", "[10..20]", [10, 20], [9, 21]),
    ("m", "10～20", "[10..20]", [10, 20], [9, 21]),
    ("m", "10至20", "[10..20]", [10, 20], [9, 21]),
    ("m", "10到20", "[10..20]", [10, 20], [9, 21]),
    ("m", "10→20", "[10..20]", [10, 20], [9, 21]),
    ("m", "10 to 20", "[10..20]", [10, 20], [9, 21]),
    ("m", "10..20", "[10..20]", [10, 20], [9, 21]),
    ("m", "between 10 and 20", "[10..20]", [10, 20], [9, 21]),
    ("m", "（10..20）", "(10..20)", [11, 19], [10, 20]),
    ("m", "> 10 and <= 20", "(10..20]", [11, 20], [10, 21]),
    ("m", "<= 20 && > 10", "(10..20]", [11, 20], [10, 21]),
    ("m", ">=10 AND <20", "[10..20)", [10, 19], [9, 20]),
    ("m", "大于10且小于等于20", "(10..20]", [11, 20], [10, 21]),
    ("m", "< 5 or > 10", "< 5, > 10", [4, 11], [5, 10]),
    ("m", "1 || 2", "1, 2", [1, 2], [3]),
    ("m", "1、2、3", "1,2,3", [1, 3], [4]),
    ("m", "m > 5", "> 5", [6], [5]),
    ("m", "m > 5 and m < 9", "(5..9)", [6, 8], [5, 9]),
    ("m", "m in (1, 2)", "? in (1, 2)", [1, 2], [3]),
    ("m", "≥ 5", ">= 5", [5, 6], [4]),
    ("m", "＞＝５", ">=5", [5, 6], [4]),
    ("m", "=< 5", "<= 5", [5, 4], [6]),
    ("m", "≠5", "!=5", [4, 6], [5]),
    ("m", "<> 5", "!= 5", [4, 6], [5]),
    ("m", "== 5", "= 5", [5], [4]),
    ("m", "5以上", ">= 5", [5, 6], [4]),
    ("m", "5以下", "<= 5", [5, 4], [6]),
    ("m", "不低于5", ">= 5", [5, 6], [4]),
    ("m", "至多5", "<= 5", [5, 4], [6]),
    ("m", "<= 30天", "<= 30", [30], [31]),
    ("m", "> 1e3", "> 1000", [1001], [1000]),
    ("m", "> 1,000", "> 1000", [1001], [1000, 1, 0]),
    ("m", "> 1 000", "> 1000", [1001], [1000]),
    ("m", "> 007", "> 7", [8], [7]),
    ("money", "> 1,000,000", "> 1000000", ["1000000.01"], ["1000000", "2.00", "0"]),
    ("money", "≥10万", ">=100000", ["100000"], ["99999.99"]),
    ("money", "> ¥500", "> 500", ["500.01"], ["500"]),
    ("money", "5万元以上", ">= 50000", ["50000"], ["49999.99"]),
    ("money", "1,000.50 ~ 2,000", "[1000.50..2000]", ["1000.5", "2000"], ["1000.49", "2000.01"]),
    ("share", ">= 80%", ">= 0.8", ["0.8"], ["0.7999"]),
    ("share", "10%-20%", "[0.1..0.2]", ["0.1", "0.2"], ["0.0999", "0.2001"]),
    ("day", "> 2026-01-31", '> @"2026-01-31"', ["2026-02-01"], ["2026-01-31"]),
    ("day", "2026-01-01 ~ 2026-12-31", '[@"2026-01-01"..@"2026-12-31"]', ["2026-01-01", "2026-12-31"], ["2025-12-31", "2027-01-01"]),
    ("day", "< today()", "< as_of", ["2026-11-20"], ["2026-11-21"]),
    ("m", "[10-20]", "[10..20]", [10, 20], [9, 21, -10]),
    ("m", "1-5, 7~9", "[1..5], [7..9]", [1, 5, 7, 9], [0, 6, 10, -4]),
    ("m", "(1, 5)", "(1..5)", [2, 4], [1, 5]),
    ("m", "[1,5)", "[1..5)", [1, 4], [0, 5]),
    ("m", "5<m<=10", "? in (5..10]", [6, 10], [5, 11]),
    ("m", "in [1,2]", "? in [1,2]", [1, 2], [3]),
    ("m", "[0...5]", "[0..5]", [0, 5], [-1, 6]),
    ("m", "not 5", "not(5)", [4, 6], [5]),
    ("m", "!> 5", "not(> 5)", [5], [6]),
    ("m", "at least 5", ">= 5", [5, 6], [4]),
    ("m", "5 or more", ">= 5", [5, 6], [4]),
    ("m", "未满5", "< 5", [4], [5]),
    ("m", "*", "-", [-1, 0, 5], []),
    ("m", "不限", "-", [-1, 0, 5], []),
    ("money", "10万（含）以上", ">= 100000", ["100000"], ["99999.99"]),
    ("money", "5万元以内", "<= 50000", ["50000"], ["50000.01"]),
    ("money", "(1,000..2,000)", "(1000..2000)", ["1000.01"], ["1000", "2000"]),
    ("day", "≥2026年1月31日", '>=@"2026-01-31"', ["2026-01-31"], ["2026-01-30"]),
    ("day", "< today() - 30", '< as_of - @"P30D"', ["2026-10-21"], ["2026-10-22"]),
    ("word", "‘it’", '"it"', ["it"], ["retail"]),
    ("word", '"it、retail"', '"it", "retail"', ["it", "retail"], ["other"]),
    ("word", '"it" or "retail"', '"it", "retail"', ["it", "retail"], ["other"]),
    ("word", "“it”，“retail”", '"it","retail"', ["it", "retail"], ["other"]),
    ("word", "'it'", '"it"', ["it"], ["other"]),
    ("word", 'not "it"', 'not("it")', ["retail", "other"], ["it"]),
    ("n", "null", "is missing", [None], [1]),
    ("n", "!= null", "is not missing", [1], [None]),
    ("n", "not(null)", "is not missing", [1], [None]),
    ("n", "5, null", "5, is missing", [5, None], [6]),
    ("n", "为空", "is missing", [None], [1]),
]  # fmt: skip


@pytest.mark.parametrize(("column", "written", "hint", "inside", "outside"), CELLS)
def test_taking_the_hint_of_a_cell_gives_what_was_meant(
    column: str, written: str, hint: str, inside: list[object], outside: list[object]
) -> None:
    assert taken(table(column, written)) == hint
    for value in inside:
        assert holds(table(column, hint), {} if value is None else {column: value})
    for value in outside:
        assert not holds(table(column, hint), {} if value is None else {column: value})


RULES = [
    # as written, hint, facts for which it holds, facts for which it does not
    ("m > 1 && flag", "m > 1 and flag", [{"m": 2, "flag": True}], [{"m": 2}, {"flag": True}]),
    ("m > 1 || flag", "m > 1 or flag", [{"m": 2}, {"flag": True}], [{}]),
    ("m > 1 AND flag", "m > 1 and flag", [{"m": 2, "flag": True}], [{"m": 2}]),
    ("m > 1 或 flag", "m > 1 or flag", [{"m": 2}, {"flag": True}], [{}]),
    ("not flag", "not(flag)", [{}], [{"flag": True}]),
    ("!flag and m = 0", "not(flag) and m = 0", [{}], [{"flag": True}]),
    ("NOT(flag)", "not(flag)", [{}], [{"flag": True}]),
    ("n is null", "n is missing", [{}], [{"n": 1}]),
    ("n is not null", "n is not missing", [{"n": 1}], [{}]),
    ("n = null", "n is missing", [{}], [{"n": 1}]),
    ("null != n", "n is not missing", [{"n": 1}], [{}]),
    ("n is null or n > 3", "n is missing or n > 3", [{}, {"n": 4}], [{"n": 3}]),
    ("day < today()", "day < as_of", [{"day": "2026-11-20"}], [{}]),
    ("day < NOW()", "day < as_of", [{"day": "2026-11-20"}], [{}]),
    ("m <> 1", "m != 1", [{}], [{"m": 1}]),
    ("m == 1", "m = 1", [{"m": 1}], [{}]),
    ("m ≥ 1", "m >= 1", [{"m": 1}], [{}]),
    ("m ^ 2 = 9", "m ** 2 = 9", [{"m": -3}], [{"m": 9}]),
    ("m % 3 = 1", "modulo(m, 3) = 1", [{"m": 4}, {"m": -2}], [{"m": 3}]),
    ("money×2 > 5万", "money*2 > 50000", [{"money": "25000.01"}], [{"money": "25000"}]),
    ("word in （“it”，“retail”）", 'word in ("it","retail")', [{"word": "it"}], [{}]),
    ("word = 'it'", 'word = "it"', [{"word": "it"}], [{}]),
    ("share >= 12.5%", "share >= 0.125", [{"share": "0.125"}], [{"share": "0.1249"}]),
]  # fmt: skip


@pytest.mark.parametrize(("written", "hint", "inside", "outside"), RULES)
def test_taking_the_hint_of_a_condition_gives_what_was_meant(
    written: str, hint: str, inside: list[dict[str, object]], outside: list[dict[str, object]]
) -> None:
    assert taken(rule(written)) == hint
    assert all(holds(rule(hint), facts) for facts in inside)
    assert not any(holds(rule(hint), facts) for facts in outside)


@pytest.mark.parametrize(
    ("when", "hint"),
    [
        ("flag = TRUE", "write `true`"),
        ("flag = False", "write `false`"),
        ("upper case(word) = 1", "text is only compared"),
        ("is defined(n)", "write `x is missing` or `x is not missing`"),
        ("flag = none", "write `x is missing` or `x is not missing`"),
        ("flag = all", "write `-` for any value"),
        ("day > as_of - (m + 1)", 'write a duration: `@"P30D"`'),
        ("m > 2026-01", 'a date is written `@"2026-01-31"`'),
        ("if m > 1 then flag else flag", "write a rule for each case"),
        ("day of week(day) = 1", "write `x.year`, `x.month`, `x.day` or `x.weekday`"),
        ("sum(m, m) > 1", "write `x + y`; of many, give the figure as a fact"),
        ("power(m, 2) > 1", "write `x ** 2`; the exponent is a whole number"),
        ("datediff(day, day) > 1", 'write `(x - y).days`, or `x + @"P30D"` and `x + @"P3M"`'),
        ("matches(word, 1)", "text is only compared"),
        ('(as_of - day) > @"P3M"', 'months have no fixed length: compare days, `x < as_of - @"P3M"`'),
        ("m = 3个月", None),
    ],
)
def test_what_has_no_spelling_here_gets_the_nearest_advice(when: str, hint: str | None) -> None:
    with pytest.raises(PolicyError) as refused:
        load_bytes(rule(when))
    hints = [fault.hint for fault in refused.value.diagnostics]
    assert any((each or "").startswith(hint) if hint else each is None for each in hints), refused.value


@pytest.mark.parametrize(
    "cell",
    [
        "> 5 and > 10",
        "> 5 and < 10 and < 8",
        "10 - 1/3",
        "10-20-30",
        "2026-1",
        "> 9 and < 9",
        "9 < m < 5",
        "10~50万",
        "10-20%",
        "$5",
        "not 5, 6",
    ],
)
def test_a_cell_with_no_one_meaning_gets_no_hint(cell: str) -> None:
    with pytest.raises(PolicyError) as refused:
        load_bytes(table("m", cell))
    assert [fault.hint for fault in refused.value.diagnostics] == [None]


@pytest.mark.parametrize("cell", ["1,00", "1,0000", "1.000,00", "1,000,00", "1,234,5"])
def test_a_number_that_is_grouped_otherwise_is_not_guessed(cell: str) -> None:
    with pytest.raises(PolicyError) as refused:
        load_bytes(table("m", cell))
    assert [(fault.hint or "").partition(";")[0] for fault in refused.value.diagnostics] == [
        "leave the commas out of a number"
    ]


def test_a_text_is_left_as_it_is() -> None:
    assert respell('word = "a && b，c" && flag') == 'word = "a && b，c" and flag'


def test_a_long_text_is_not_tried() -> None:
    long = " && ".join(["flag"] * MAX_RESPELLED_LENGTH)
    with pytest.raises(ExpressionSyntaxError) as fault:
        parse(long)
    assert fault.value.hint is None


@pytest.mark.parametrize("text", ["", "x > 1", "-", '"it", "retail"', "[1..2)", "x is not missing and x < 3", "1e99"])
def test_what_is_spelt_right_or_cannot_be_helped_stays(text: str) -> None:
    assert respell(text) == text
    assert foreign_function_hint(text) is None
