"""Tables, free rules and their hit policies as written: what is accepted, and what is said of what is not."""

# ruff: noqa: E501  # a case is one line of a table

import pytest

from policy_service.language.ast import TRUE, And
from policy_service.language.policy import Aggregate, Hit
from policy_service.language.unparse import unparse
from tests.language.sample import FACTS, RULES, diagnostics_of, loaded, policy_text, rule_lines, ruled, tabled

NUMBER = "  out: {type: integer}\n"
HITS = "the hit policies are UNIQUE, ANY, FIRST, PRIORITY, RULE ORDER, OUTPUT ORDER, COLLECT"
AGGREGATES = "the aggregates are sum, min, max, count; leave it out to list the outcomes"
ID_HINT = "letters, digits and . _ + -, at most 64"
CAP = "cap the values with `min(…)` and `max(…)`"
BAND = """\
scorecard:
  rows: [{id: a, when: flag, points: "1", because: {zh: 是, en: so}}]
  bands: [{id: b, when: ">= 0", then: [yes], because: {zh: 是, en: so}}]
"""


def one(then: str, hit: str, aggregate: str | None, outcome: str) -> str:
    return policy_text(rule_lines(("a", "flag", then), hit=hit, aggregate=aggregate), outcome)


@pytest.mark.parametrize(
    ("text", "expected", "message", "hint"),
    [
        (one("[yes]", "first", None, "  out: {type: choice, of: [yes]}\n"), "first", "hit-policy: unknown hit policy `first`", "did you mean `FIRST`?"),
        (one("[yes]", "xyz", None, "  out: {type: choice, of: [yes]}\n"), "xyz", "hit-policy: unknown hit policy `xyz`", HITS),
        (one('["1"]', "COLLECT", "avg", NUMBER), "avg", "hit-policy: unknown aggregate `avg`", AGGREGATES),
        (one('["1"]', "FIRST", "sum", NUMBER), "sum", "hit-policy: `aggregate` goes with `hit: COLLECT`", None),
        (one("[yes]", "COLLECT", "sum", "  out: {type: choice, of: [yes]}\n"), "sum", "hit-policy: `aggregate: sum` needs exactly one outcome, a number or an amount", None),
        (one("[P1D]", "COLLECT", "sum", "  out: {type: duration}\n"), "sum", "hit-policy: `aggregate: sum` needs exactly one outcome, a number or an amount", None),
        (one('["1", "1"]', "COLLECT", "sum", NUMBER + "  two: {type: integer}\n"), "sum", "hit-policy: `aggregate: sum` needs exactly one outcome, a number or an amount", None),
        (one("[a b]", "COLLECT", "min", "  out: {type: text}\n"), "min", "hit-policy: `aggregate: min` needs exactly one outcome, a number, an amount, a date or a duration", None),
        (one("[a b]", "COLLECT", "max", "  out: {type: text}\n"), "max", "hit-policy: `aggregate: max` needs exactly one outcome, a number, an amount, a date or a duration", None),
        (one("", "COLLECT", "count", "  out: {type: text}\n"), "count", "hit-policy: `aggregate: count` needs exactly one outcome, an integer", None),
        (one("", "COLLECT", "count", "  out: {type: integer, min: 0}\n"), "count", "hit-policy: `aggregate: count` needs an integer without `min` and `max`", None),
        (one("", "COLLECT", "count", "  out: {type: number, scale: 2}\n"), "count", "hit-policy: `aggregate: count` needs an integer without `min` and `max`", None),
        (one('["1"]', "COLLECT", "count", NUMBER), "then", "key-not-allowed: rules that are only counted give nothing", None),
        (one('["1"]', "PRIORITY", None, NUMBER), "PRIORITY", "hit-policy: `PRIORITY` goes by the order of a choice's words, and no outcome is a choice", None),
        (one('["1"]', "OUTPUT ORDER", None, NUMBER), "OUTPUT ORDER", "hit-policy: `OUTPUT ORDER` goes by the order of a choice's words, and no outcome is a choice", None),
        (one('["spend"]', "COLLECT", "sum", "  out: {type: money, currency: CNY, max: 999}\n"), "spend", "may-exceed: the value can be anything from 0 to 1000, expected an amount in CNY with at most 2 decimals, at most 999.00", "cap it: `min(…, most)` and `max(…, least)`, or bound its facts"),
        (policy_text(""), "p", "missing-key: a policy has one of `table`, `cross_table`, `rules` and `scorecard`, this one has none", None),
        (policy_text(RULES + BAND), "p", "key-not-allowed: a policy has one of `table`, `cross_table`, `rules` and `scorecard`, this one has rules and scorecard", None),
        (ruled("flag").replace("id: one", "id: o ne"), "o ne", "invalid-name: `o ne` is no id", ID_HINT),
        (ruled("flag").replace("id: one", "id: -one"), "-one", "invalid-name: `-one` is no id", ID_HINT),
        (ruled("flag").replace("id: one", f"id: {'x' * 65}"), "x" * 65, f"invalid-name: `{'x' * 60}… (65 characters)` is no id", ID_HINT),
        (tabled("flag", "when: ['-'], then: [yes]").replace("inputs: [flag]", "inputs: [flap]"), "flap", "unknown-fact: unknown fact `flap`", "did you mean `flag`?"),
        (tabled("flag, flag", "when: ['-', '-'], then: [yes]"), "flag", "duplicate-id: `flag` is an input already", None),
        (tabled("flag, tier", "when: ['-'], then: [yes]"), "[", "wrong-cell-count: expected 2 cells, for flag, tier; found 1", None),
        (tabled("count_", "when: [1, 2], then: [yes]"), "[", "wrong-cell-count: expected 1 cell, for count_; found 2", "a cell with a comma stands in quotes"),
        (tabled("maybe", "when: ['> 1'], then: [yes]"), "maybe", "optional-not-asked: the table never says what holds when `maybe` is missing", 'add a row with "is missing" in this column'),
        (tabled("maybe", "when: ['-'], then: [yes]"), "maybe", "optional-not-asked: the table never says what holds when `maybe` is missing", 'add a row with "is missing" in this column'),
        (tabled("flag", "when: ['= ='], then: [yes]"), "=", "syntax: expected a value, found `=`", None),
    ],
)  # fmt: skip
def test_a_fault_of_the_logic_is_told(text: str, expected: str, message: str, hint: str | None) -> None:
    results = [fault for fault in diagnostics_of(text) if fault[1] != "missing-outcome: the rule gives no out"]
    assert results == [(expected, message, hint)]


@pytest.mark.parametrize("id_", ["a", "A", "1", "a.b_c+d-e", "x" * 64])
def test_a_rule_may_be_called(id_: str) -> None:
    assert loaded(ruled("flag").replace("id: one", f"id: {id_}")).rules[0].id == id_


def test_two_rules_with_one_name_are_refused() -> None:
    text = policy_text(rule_lines(("a", "flag", "[yes]"), ("a", "flag", "[no]")))
    assert [fault[:2] for fault in diagnostics_of(text)] == [("a", "duplicate-id: `a` is used twice")]


@pytest.mark.parametrize(
    ("outcome", "then", "aggregate"),
    [
        (NUMBER, '["1"]', "sum"),
        ("  out: {type: money, currency: CNY}\n", '["1"]', "sum"),
        ("  out: {type: number, scale: 1}\n", '["1"]', "min"),
        ("  out: {type: date}\n", "[2026-01-01]", "max"),
        ("  out: {type: duration}\n", "[P1D]", "min"),
        (NUMBER, "", "count"),
    ],
)
def test_an_aggregate_goes_with_these_outcomes(outcome: str, then: str, aggregate: str) -> None:
    policy = loaded(one(then, "COLLECT", aggregate, outcome))
    assert (policy.hit, policy.aggregate, policy.returns_list) == (Hit.COLLECT, Aggregate(aggregate), False)


@pytest.mark.parametrize("hit", Hit)
def test_outcomes_are_listed_by_three_hit_policies(hit: Hit) -> None:
    policy = loaded(policy_text(rule_lines(("a", "flag", "[yes]"), hit=hit)))
    assert (policy.hit, policy.aggregate) == (hit, None)
    assert policy.returns_list is (hit in (Hit.RULE_ORDER, Hit.OUTPUT_ORDER, Hit.COLLECT))


SUM = "  out: {type: integer, min: %s, max: %s}\n"


@pytest.mark.parametrize(
    ("values", "low", "high", "reach"),
    [
        (("5", "5"), "0", "10", None),
        (("5", "6"), "0", "10", "from 0 to 11, expected a whole number, at least 0 and at most 10"),
        (("-5", "5"), "-5", "10", None),
        (("-5", "-1"), "-5", "10", "from -6 to 0, expected a whole number, at least -5 and at most 10"),
        (("count_", "-1"), "-5", "100", None),
    ],
)
def test_a_sum_fits_whichever_rules_match(values: tuple[str, str], low: str, high: str, reach: str | None) -> None:
    rules = [(f"r{index}", "flag", f'["{value}"]') for index, value in enumerate(values)]
    diagnostics = diagnostics_of(policy_text(rule_lines(*rules, hit="COLLECT", aggregate="sum"), SUM % (low, high)))
    message = f"may-exceed: the sum can be anything {reach}"
    assert diagnostics == ([("sum", message, CAP)] if reach else [])


def test_a_row_is_the_and_of_its_cells_with_optional_facts_asked_first() -> None:
    policy = loaded(
        tabled(
            "maybe, flag, count_",
            "when: ['> 1', '-', '< 5'], then: [yes]",
            "when: ['is missing', '-', '-'], then: [no]",
            "when: ['-', '-', '-'], then: [no]",
            "when: ['is missing, > 3', 'true', '-'], then: [no]",
            "when: ['-', '-', '> maybe'], then: [no]",
        ).replace("'> maybe'", "'> 5'")
    )
    assert [unparse(rule.when) for rule in policy.rules] == [
        "maybe is not missing and maybe in (> 1) and count_ in (< 5)",
        "maybe is missing",
        "true",
        "(maybe is missing or maybe in (> 3)) and flag in (true)",
        "count_ in (> 5)",
    ]
    assert isinstance(policy.rules[0].when, And)
    assert policy.rules[0].cells[1] == TRUE
    assert [len(rule.cells) for rule in policy.rules] == [3] * 5
    assert (policy.form, policy.inputs) == ("table", ("maybe", "flag", "count_"))


def test_a_cell_may_use_an_optional_fact_that_an_earlier_cell_asked_about() -> None:
    missing = "when: ['is missing', '-'], then: [no]"
    assert diagnostics_of(tabled("maybe, count_", "when: ['> 1', '> maybe'], then: [yes]", missing)) == []
    assert diagnostics_of(tabled("maybe, count_", "when: ['is not missing', '> maybe'], then: [yes]", missing)) == []
    for cell in ("-", "is missing", "is missing, > 3"):
        text = tabled("maybe, count_", f"when: ['{cell}', '> maybe'], then: [yes]", missing)
        assert [fault[1].partition(":")[0] for fault in diagnostics_of(text)] == ["optional-not-asked"]


def test_free_rules_have_no_columns_and_outcomes_may_use_what_the_condition_asked() -> None:
    policy = loaded(one('["maybe"]', "FIRST", None, NUMBER).replace("when: 'flag'", "when: 'maybe is not missing'"))
    assert (policy.form, policy.inputs, policy.rules[0].cells) == ("rules", (), ())
    [fault] = diagnostics_of(one('["maybe"]', "FIRST", None, NUMBER))
    assert fault[:2] == ("maybe", "optional-not-asked: optional fact `maybe` is used before it is asked about")


def test_as_of_may_be_a_column() -> None:
    assert loaded(tabled("as_of", "when: ['> born'], then: [yes]")).inputs == ("as_of",)
    assert "maybe" in FACTS
