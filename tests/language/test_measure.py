"""Measures are read in one spelling, and refused with what is wrong with them."""

from __future__ import annotations

import re
from fractions import Fraction

import pytest

from policy_service.language.measure import Measure, MeasureError, parse_measure, type_problem
from policy_service.language.types import ChoiceType, NumberType
from tests.language.sample import diagnostics_of, loaded, policy_text

INTEGER, NUMBER = NumberType("integer"), NumberType("number", 2)
GROUPS = "groups are made by a choice that is given"
FORMS = "write one such as `mean(amount_12m) by industry`, `quantile(amount_12m, 0.8)` or `count() by region`"
CNY, JPY = NumberType("money", 2, currency="CNY"), NumberType("money", 0, currency="JPY")


@pytest.mark.parametrize(
    ("text", "measure"),
    [
        ("mean(amount) by industry", Measure("mean", "amount", None, ("industry",))),
        ("count()", Measure("count", None, None, ())),
        ("share() by region, size", Measure("share", None, None, ("region", "size"))),
        ("quantile(amount, 0.8)", Measure("quantile", "amount", Fraction(4, 5), ())),
        (
            "least(amount) within 0.75 of sum(amount) by channel",
            Measure("least", "amount", Fraction(3, 4), ("channel",)),
        ),
    ],
)
def test_a_measure_has_one_spelling(text: str, measure: Measure) -> None:
    assert parse_measure(text) == parse_measure(text.replace("(", " ( ").replace(", ", " ,")) == measure
    assert str(measure) == text


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("the mean", "`the mean` is no measure", "write one such as"),
        ("meen(a)", "unknown statistic `meen`", "did you mean `mean`?"),
        ("zzz(a)", "unknown statistic `zzz`", "the statistics are count, sum"),
        ("mean()", "`mean` measures a fact", "write one"),
        ("mean(a, 0.5)", "`quantile` has a fact and a part", "write one"),
        ("quantile(a)", "`quantile` has a fact and a part", "write one"),
        ("quantile(a, 1.5)", "is no measure", "write one"),
        ("quantile(a, 0.00)", "a part lies between 0 and 1", "write one"),
        ("least(a)", "`least` is the least of a fact within a part of its own sum", "write one"),
        ("least(a) within 0.5 of sum(b)", "`least` is the least of a fact within a part of its own sum", "write one"),
        ("share(a)", "`share` compares groups", "write one"),
        ("mean(a) by b, b", "at most 5 different facts", "write one"),
        ("mean(a) by b, c, d, e, f, g", "at most 5 different facts", "write one"),
    ],
)
def test_a_text_that_is_no_measure_is_told(text: str, message: str, hint: str) -> None:
    with pytest.raises(MeasureError, match=re.escape(message)) as refused:
        parse_measure(text)
    assert hint in str(refused.value.hint)


@pytest.mark.parametrize(
    ("measure", "kind", "measured", "problem"),
    [
        ("mean(a)", CNY, CNY, None),
        ("mean(a)", NUMBER, INTEGER, None),
        ("mean(a)", CNY, None, None),
        ("count()", INTEGER, None, None),
        ("share(a) by b", NUMBER, CNY, None),
        ("mean(a)", ChoiceType(("x",)), CNY, "a figure is a number or an amount, and not one of x"),
        ("count(a)", NUMBER, CNY, "a count is an integer"),
        ("mean(a)", NUMBER, ChoiceType(("x",)), "`a` is one of x, and only numbers and amounts are measured"),
        ("share() by b", INTEGER, None, "a share is a number with a scale"),
        ("sum(a)", JPY, CNY, "the figure is in JPY, and what it measures in CNY"),
        ("sum(a)", NUMBER, CNY, "the figure is no money, and what it measures in CNY"),
    ],
)
def test_a_figure_is_of_the_type_of_what_it_measures(
    measure: str, kind: NumberType, measured: NumberType | None, problem: str | None
) -> None:
    assert type_problem(parse_measure(measure), kind, measured) == problem


@pytest.mark.parametrize(
    ("measure", "fault", "hint"),
    [
        ("mean(x)", "type-mismatch: the figure is no money, and what it measures in CNY", None),
        ("mean(far)", "type-mismatch: `far` is one of Y, Z, and only numbers and amounts are measured", None),
        ("mean(whole) by fra", "unknown-fact: unknown fact `fra`", "did you mean `far`?"),
        ("mean(whole) by whole", "type-mismatch: `whole` makes no groups", GROUPS),
        ("mean(whole) by taken", "type-mismatch: `taken` makes no groups", GROUPS),
        ("mean(m)", "type-mismatch: `m` is not given, and only facts that are given are measured", None),
        ("the mean", "syntax: `the mean` is no measure", FORMS),
    ],
)
def test_a_measure_is_of_facts_that_are_given(measure: str, fault: str, hint: str | None) -> None:
    facts = f"""\
  x: {{type: money, currency: CNY}}
  whole: {{type: integer}}
  far: {{type: choice, of: [Y, Z]}}
  taken: {{type: choice, of: [A], from: tiering/rfm_value.tier}}
  m: {{type: integer, from: benchmark, measure: {measure}}}
"""
    assert diagnostics_of(policy_text(facts=facts)) == [(measure, fault, hint)]


def test_what_is_declared_wrongly_is_not_judged_again() -> None:
    facts = """\
  a: {type: x}
  b: {type: y, from: benchmark, measure: mean(a)}
  c: {type: integer, from: benchmark, measure: mean(a) by a}
"""
    assert [fault[1].split(":")[0] for fault in diagnostics_of(policy_text(facts=facts))] == ["invalid-value"] * 2


def test_a_fact_may_let_the_caller_give_another_value() -> None:
    fact = "  c: {type: integer, from: benchmark, measure: count(), replaceable: true}\n"
    one, other = (loaded(policy_text(facts=text)) for text in (fact, fact.replace(", replaceable: true", "")))
    assert one.facts["c"].replaceable
    assert not other.facts["c"].replaceable
    assert one.meaning != other.meaning
    diagnostics = diagnostics_of(policy_text(facts="  c: {type: integer, replaceable: true}\n"))
    assert diagnostics == [("replaceable", "key-not-allowed: `replaceable` goes with `from: benchmark`", None)]


@pytest.mark.parametrize(
    ("outcome", "fault"),
    [
        ("type: money, currency: CNY, measure: mean(a) by tier", None),
        ("type: integer, measure: the mean", ("the mean", "syntax: `the mean` is no measure", FORMS)),
        (
            "type: boolean, measure: count() by tier",
            ("count() by tier", "type-mismatch: a figure is a number or an amount, and not true or false", None),
        ),
        (
            "type: integer, measure: count()",
            ("count()", "key-not-allowed: the groups of a figure are the facts of its policy, which are tier", None),
        ),
        ("type: x, measure: count()", ("x", "invalid-value: unknown type `x`", None)),
    ],
)
def test_an_outcome_may_be_a_figure_of_its_group(outcome: str, fault: tuple[str, str, str | None] | None) -> None:
    text = policy_text(facts="  tier: {type: choice, of: [A]}\n", outcome=f"  out: {{{outcome}}}\n")
    if fault is None:
        values = text.replace("then: [yes]", "then: [1]")
        policy = loaded(values)
        assert policy.outcomes["out"].measure == "mean(a) by tier"
        assert policy.has_figures
        assert policy.meaning != loaded(values.replace("mean(a)", "max(a)")).meaning
        return
    faults = [each for each in diagnostics_of(text) if each[1].split(":")[0] == fault[1].split(":")[0]]
    assert [each[:2] for each in faults] == [fault[:2]]


def test_the_domain_of_benchmark_sets_has_no_policies() -> None:
    diagnostics = diagnostics_of(policy_text().replace("tests/sample", "benchmarks/sample"))
    message = "invalid-name: the domain `benchmarks` is that of benchmark sets"
    assert diagnostics == [("benchmarks/sample", message, "name another domain")]
