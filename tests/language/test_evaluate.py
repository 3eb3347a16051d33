"""The definition, node by node: what each expression is for given facts."""

# ruff: noqa: E501  # a case is one line of a table

import datetime
from fractions import Fraction

import pytest

from policy_service.language.evaluate import (
    calculate,
    call_function,
    compare,
    evaluate,
    evaluate_expression,
    holds,
    property_value,
)
from policy_service.language.outcome import Decided, MissingFacts, NoRuleMatched
from policy_service.language.parser import parse
from policy_service.language.types import Duration, Exact, Months
from tests.language.sample import loaded, policy_text, rule_lines

DAY = datetime.date(2026, 11, 21)
SCOPE: dict[str, Exact] = {
    "as_of": DAY,
    "n": Fraction(7, 2),
    "born": datetime.date(2024, 2, 29),
    "wait": Duration(Fraction(90_000)),
    "yes": True,
    "no": False,
    "tier": "A",
    "text": "客户 ABC",
    "tags": frozenset({"vip", "A"}),
}


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("1.5", Fraction(3, 2)),
        ("n", Fraction(7, 2)),
        ("gone is missing", True),
        ("n is missing", False),
        ("n is not missing", True),
        ("not(yes)", False),
        ("not(no)", True),
        ("yes and no", False),
        ("yes and yes", True),
        ("no or yes", True),
        ("no or no", False),
        ("gone is missing or gone > 1", True),
        ("gone is not missing and gone > 1", False),
        ("n = 3.5", True),
        ("n != 3.5", False),
        ("n < 3.5", False),
        ("n < 3.6", True),
        ("n <= 3.5", True),
        ("n <= 3.4", False),
        ("n > 3.5", False),
        ("n > 3.4", True),
        ("n >= 3.5", True),
        ("n >= 3.6", False),
        ('tier = "A"', True),
        ('tier != "A"', False),
        ("yes = no", False),
        ("yes != no", True),
        ("born < as_of", True),
        ("born >= as_of", False),
        ('wait > @"P1D"', True),
        ('wait <= @"PT25H"', True),
        ('wait >= @"PT25H1S"', False),
        ('wait = @"PT25H"', True),
        ("n between 3.5 and 4", True),
        ("n between 3 and 3.5", True),
        ("n in (3.5..4]", False),
        ("n in [3..3.5)", False),
        ("n in [3.5..4)", True),
        ("n in (3..3.5]", True),
        ("n in (1, 3.5)", True),
        ("n in (1, 2)", False),
        ("n in (> 9, < 4)", True),
        ('tier in ("B", "A")', True),
        ('"vip" in tags', True),
        ('"x" in tags', False),
        ("tier in tags", True),
        ("n + 0.1", Fraction(36, 10)),
        ("n - 4", Fraction(-1, 2)),
        ("n * 2", Fraction(7)),
        ("n / 3", Fraction(7, 6)),
        ("-n", Fraction(-7, 2)),
        ("-wait", Duration(Fraction(-90_000))),
        ('wait + @"PT1S"', Duration(Fraction(90_001))),
        ('wait - @"PT1S"', Duration(Fraction(89_999))),
        ("wait * 2", Duration(Fraction(180_000))),
        ("2 * wait", Duration(Fraction(180_000))),
        ("wait / 2", Duration(Fraction(45_000))),
        ('wait / @"PT5H"', Fraction(5)),
        ("as_of - born", Duration(Fraction(996 * 86_400))),
        ("born + wait", datetime.date(2024, 3, 1)),
        ("born - wait", datetime.date(2024, 2, 27)),
        ('born + @"PT23H"', datetime.date(2024, 2, 29)),
        ('born - @"PT1S"', datetime.date(2024, 2, 28)),
        ('born + @"P1Y"', datetime.date(2025, 2, 28)),
        ('born - @"P1M"', datetime.date(2024, 1, 29)),
        ('date("2026-01-31") + @"P1M"', datetime.date(2026, 2, 28)),
        ('date("2026-03-31") - @"P1M"', datetime.date(2026, 2, 28)),
        ("round(n, 0)", Fraction(4)),
        ("round half down(n, 0)", Fraction(3)),
        ("round up(3.11, 1)", Fraction(32, 10)),
        ("round down(3.19, 1)", Fraction(31, 10)),
        ("decimal(2.5, 0)", Fraction(2)),
        ("floor(n)", Fraction(3)),
        ("floor(3.19, 1)", Fraction(31, 10)),
        ("ceiling(n)", Fraction(4)),
        ("abs(-n)", Fraction(7, 2)),
        ("abs(-wait)", Duration(Fraction(90_000))),
        ("min(n, 1, 9)", Fraction(1)),
        ("max(n, 1, 9)", Fraction(9)),
        ("min(n)", Fraction(7, 2)),
        ("max(born, as_of)", DAY),
        ('min(wait, @"PT1S")', Duration(Fraction(1))),
        ("count(tags)", Fraction(2)),
        ('list contains(tags, "vip")', True),
        ('list contains(tags, "x")', False),
        ('contains(text, "户 A")', True),
        ('contains(text, "abc")', False),
        ('starts with(text, "客户")', True),
        ('starts with(text, "户")', False),
        ('ends with(text, "BC")', True),
        ('ends with(text, "AB")', False),
        ("as_of.year", Fraction(2026)),
        ("as_of.month", Fraction(11)),
        ("as_of.day", Fraction(21)),
        ("as_of.weekday", Fraction(6)),
        ("wait.days", Fraction(1)),
        ("(-wait).days", Fraction(-1)),
    ],
)
def test_an_expression_is(text: str, result: Exact) -> None:
    actual = evaluate_expression(parse(text), SCOPE)
    assert actual == result
    assert type(actual) is type(result)


def test_a_condition_holds_only_when_it_is_true() -> None:
    assert holds(parse("yes"), SCOPE) is True
    assert holds(parse("no"), SCOPE) is False
    assert holds(parse("n"), SCOPE) is False


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda: compare("<", "a", "b"), "'a' < 'b'"),
        (lambda: calculate("+", "a", Fraction(1)), "'a' + Fraction(1, 1)"),
        (lambda: calculate("*", DAY, Months(1)), "datetime.date(2026, 11, 21) * Months(count=1)"),
        (lambda: call_function("nothing", [Fraction(1)]), "nothing([Fraction(1, 1)])"),
        (lambda: property_value(DAY, "days"), "datetime.date(2026, 11, 21).days"),
        (lambda: property_value(Fraction(1), "year"), "Fraction(1, 1).year"),
    ],
)
def test_what_the_checker_never_lets_through_is_an_error_and_no_answer(ask: object, message: str) -> None:
    with pytest.raises(ArithmeticError) as refused:
        ask()  # type: ignore[operator]
    assert str(refused.value) == message


FACTS = "  a: {type: integer}\n  b: {type: number, scale: 2, optional: true}\n"


def test_a_policy_names_what_is_missing_and_evaluates_nothing() -> None:
    policy = loaded(policy_text(facts=FACTS))
    assert evaluate(policy, {"b": 1}, DAY) == MissingFacts(("a",))


def test_a_policy_decides_by_its_rules_and_ignores_facts_it_does_not_know() -> None:
    logic = rule_lines(("small", "a < 5", "[yes]"), ("big", "a > 10", "[no]"))
    policy = loaded(policy_text(logic, facts=FACTS))
    assert evaluate(policy, {"a": 4, "stranger": 1}, DAY) == Decided((("yes",),), ("small",))
    assert evaluate(policy, {"a": 11}, DAY) == Decided((("no",),), ("big",))
    assert evaluate(policy, {"a": 7}, DAY) == NoRuleMatched()


def test_an_outcome_is_computed_exactly() -> None:
    logic = rule_lines(("one", "true", '["round(ratio * 3, 2)"]'))
    facts = "  ratio: {type: number, scale: 4}\n"
    policy = loaded(policy_text(logic, "  out: {type: number, scale: 2}\n", facts))
    assert evaluate(policy, {"ratio": 3350}, DAY) == Decided(((101,),), ("one",))


SCORECARD = """\
scorecard:
  base: "1.5"
  scale: "1"
  rows:
    - {id: many, when: a > 5, points: "2.5", because: {zh: 多, en: many}}
    - {id: some, when: b is not missing and b > 0, points: "round(min(max(b, -1), 1) / 2, 1)", because: {zh: 有, en: some}}
    - {id: less, when: a < 0, points: "-3", because: {zh: 少, en: less}}
  bands:
    - {id: minus, when: "< 0", then: ["0"], because: {zh: 负, en: minus}}
    - {id: plus, when: ">= 0", then: ["score * 2"], because: {zh: 正, en: plus}}
"""


@pytest.mark.parametrize(
    ("facts", "outcome", "rules"),
    [
        ({"a": 1}, 300, ("plus",)),
        ({"a": 6}, 800, ("many", "plus")),
        ({"a": 6, "b": 100}, 900, ("many", "some", "plus")),
        ({"a": -1}, 0, ("less", "minus")),
    ],
)
def test_a_scorecard_starts_at_its_base_adds_points_and_ends_in_a_band(
    facts: dict[str, int], outcome: int, rules: tuple[str, ...]
) -> None:
    policy = loaded(policy_text(SCORECARD, "  out: {type: number, scale: 2}\n", FACTS))
    assert evaluate(policy, facts, DAY) == Decided(((outcome,),), rules)
