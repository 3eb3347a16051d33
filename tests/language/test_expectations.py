"""Examples and invariants as written: what they become, and what is said of those that say nothing."""

# ruff: noqa: E501  # a case is one line of a table

import pytest

from policy_service.language.expectations import is_ordered
from policy_service.language.policy import Always, Bilingual, Monotone, Total
from policy_service.language.types import (
    BooleanType,
    ChoiceType,
    DateType,
    DurationType,
    NumberType,
    TagsType,
    TextType,
    Type,
)
from policy_service.language.unparse import unparse
from tests.language.sample import OUTCOME, RULES, diagnostics_of, loaded, policy_text, rule_lines

EXAMPLES = "examples:\n"
ONE_OF = "example-expectation: an example expects one of `outcome` with `rule`, `missing`, or `status`"
LAWS = "an invariant is `total`, or has `increasing`/`decreasing` with `never_lowers`/`never_raises`, or `always`"
ORDER = "a choice needs `ordered: best-first`"
DAY = "a date such as 2026-11-21, from 1900 to 2199"
BEST = "  out: {type: choice, of: [yes, no], ordered: best-first}\n  size: {type: integer}\n  word: {type: text}\n"
BEST_RULES = RULES.replace("[yes]", '[yes, "1", x]')


def example(keys: str, name: str = "x") -> str:
    return policy_text(rest=f"examples:\n  - {{name: {name}, {keys}}}\n")


def law(keys: str, outcome: str = BEST, rules: str = BEST_RULES) -> str:
    return policy_text(rules, outcome, rest=f"invariants:\n  - {{id: law, says: a law, {keys}}}\n")


def test_an_example_is_kept_as_values() -> None:
    keys = "as_of: 2026-11-21, source: [R-1], facts: {flag: true, spend: '5.00', tags: [vip], note: ~}, outcome: {out: yes}, rule: one"
    [result] = loaded(example(keys)).examples
    assert (result.name, result.as_of, result.source) == ("x", "2026-11-21", ("R-1",))
    assert result.facts == {"flag": True, "spend": 500, "tags": frozenset({"vip"})}
    assert (result.status, result.outcome, result.rules, result.missing) == ("decided", {"out": "yes"}, ("one",), ())


@pytest.mark.parametrize(
    ("keys", "status", "missing", "rules"),
    [
        ("missing: [flag, spend]", "missing_facts", ("flag", "spend"), None),
        ("missing: []", "missing_facts", (), None),
        ("status: no_rule_matched", "no_rule_matched", (), None),
        ("status: conflict, rules: [one]", "conflict", (), ("one",)),
    ],
)
def test_an_example_may_expect_no_outcome(
    keys: str, status: str, missing: tuple[str, ...], rules: tuple[str, ...] | None
) -> None:
    [result] = loaded(example(f"facts: {{}}, {keys}")).examples
    assert (result.status, result.missing, result.rules, result.outcome) == (status, missing, rules, None)


def test_a_list_of_outcomes_is_expected_where_the_policy_lists_them() -> None:
    logic = rule_lines(("a", "flag", "[yes]"), ("b", "flag", "[no]"), hit="COLLECT")
    rest = "examples:\n  - {name: x, facts: {flag: true}, outcome: [{out: yes}, {out: no}], rules: [a, b]}\n"
    [result] = loaded(policy_text(logic, rest=rest)).examples
    assert (result.outcome, result.rules) == (({"out": "yes"}, {"out": "no"}), ("a", "b"))
    one = rest.replace("[{out: yes}, {out: no}]", "{out: yes}")
    assert [fault[1] for fault in diagnostics_of(policy_text(logic, rest=one))] == [
        "example-expectation: this policy's outcome is a list with one entry a rule"
    ]


GIVES = "outcome: {out: yes}, rule: one"


@pytest.mark.parametrize(
    ("keys", "expected", "message", "hint"),
    [
        ("facts: {}", "{", ONE_OF, None),
        (f"facts: {{}}, {GIVES}, missing: [flag]", "{", ONE_OF, None),
        ("facts: {}, missing: [flag], status: conflict", "{", ONE_OF, None),
        ("facts: {}, outcome: {out: yes}", "{", "example-expectation: an expected outcome names its `rule`, or its `rules`", None),
        (f"facts: {{}}, {GIVES}, rules: [one]", "{", "example-expectation: an expected outcome names its `rule`, or its `rules`", None),
        ("facts: {}, outcome: {out: yes}, rule: onne", "onne", "unknown-rule: unknown rule `onne`", "did you mean `one`?"),
        ("facts: {}, outcome: {out: yes}, rules: [one, two]", "[", "unknown-rule: unknown rule `two`", None),
        ("facts: {}, outcome: [{out: yes}], rule: one", "[", "example-expectation: this policy's outcome is one value for each outcome", None),
        ("facts: {}, outcome: {}, rule: one", "{", "example-expectation: the example does not say which out", None),
        ("facts: {}, outcome: {out: yes, outt: no}, rule: one", "outt", "unknown-outcome: unknown outcome `outt`", "did you mean `out`?"),
        ("facts: {}, outcome: {out: maybe}, rule: one", "maybe", "example-expectation: expected one of yes, no, found `maybe`", None),
        ("facts: {}, outcome: {out: ~}, rule: one", "~", "example-expectation: expected one of yes, no, found nothing", None),
        ("facts: {}, missing: [flagg]", "flagg", "unknown-fact: unknown fact `flagg`", None),
        (f"facts: {{spent: 1}}, {GIVES}", "spent", "unknown-fact: unknown fact `spent`", "did you mean `spend`?"),
        (f"facts: {{flag: yes}}, {GIVES}", "yes", "example-facts: expected true or false, found `yes`", None),
        (f"facts: {{flag: [a]}}, {GIVES}", "[", "example-facts: expected true or false, found `['a']`", None),
        (f"facts: {{count_: 101}}, {GIVES}", "101", "example-facts: expected a whole number, at least 0 and at most 100, found `101`", None),
        (f"facts: {{}}, as_of: today, {GIVES}", "today", f"example-facts: expected {DAY}, found `today`", None),
        (f"facts: {{}}, as_of: 0001-01-01, {GIVES}", "0001-01-01", f"example-facts: expected {DAY}, found `0001-01-01`", None),
    ],
)  # fmt: skip
def test_a_fault_of_an_example_is_told(keys: str, expected: str, message: str, hint: str | None) -> None:
    assert diagnostics_of(example(keys)) == [(expected, message, hint)]


def test_two_examples_with_one_name_are_refused() -> None:
    line = f"  - {{name: same, facts: {{}}, {GIVES}}}\n"
    assert diagnostics_of(policy_text(rest=EXAMPLES + line + line)) == [
        ("same", "duplicate-id: `same` is used twice", None)
    ]


def test_an_example_of_a_policy_whose_rules_have_faults_is_read_all_the_same() -> None:
    text = example(f"facts: {{flag: x}}, {GIVES}").replace("hit: FIRST", "hit: FRIST")
    assert [fault[1].partition(":")[0] for fault in diagnostics_of(text)] == ["hit-policy", "example-facts"]


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("increasing: spend, never_lowers: out", Monotone("spend", rising=True, outcome="out", never_lowers=True)),
        ("decreasing: spend, never_lowers: out", Monotone("spend", rising=False, outcome="out", never_lowers=True)),
        ("increasing: tier, never_raises: out", Monotone("tier", rising=True, outcome="out", never_lowers=False)),
        ("decreasing: born, never_raises: size", Monotone("born", rising=False, outcome="size", never_lowers=False)),
    ],
)
def test_a_monotone_law_is_kept(keys: str, expected: Monotone) -> None:
    [result] = loaded(law(keys)).invariants
    assert (result.id, result.says, result.law) == ("law", Bilingual("a law", "a law"), expected)


def test_a_law_is_said_in_one_language_or_in_both() -> None:
    [result] = loaded(law("always: flag").replace("says: a law", "says: {zh: 法, en: law}")).invariants
    assert result.says == Bilingual("法", "law")


def test_the_total_law_and_laws_over_outcomes_are_kept() -> None:
    text = law("always: size > 0").replace("id: law", "id: total")
    assert isinstance(loaded(text).invariants[0].law, Always)
    [result] = loaded(text.replace(", always: size > 0", "")).invariants
    assert result.law == Total()
    [result] = loaded(law("when: maybe is not missing, always: size > maybe or as_of > born")).invariants
    assert isinstance(result.law, Always)
    assert unparse(result.law.when) == "maybe is not missing"
    assert unparse(result.law.always) == "size > maybe or as_of > born"
    [result] = loaded(law("always: flag")).invariants
    assert isinstance(result.law, Always)
    assert unparse(result.law.when) == "true"


@pytest.mark.parametrize(
    ("keys", "expected", "message", "hint"),
    [
        ("when: flag", "{", "invariant: the invariant states no law", LAWS),
        ("increasing: spend", "{", "invariant: the invariant states no law", LAWS),
        ("never_lowers: out", "{", "invariant: the invariant states no law", LAWS),
        ("increasing: spend, decreasing: born, never_lowers: out", "{", "invariant: the invariant states no law", LAWS),
        ("increasing: spend, never_lowers: out, never_raises: size", "{", "invariant: the invariant states no law", LAWS),
        ("increasing: spend, never_lowers: out, when: flag", "{", "invariant: the invariant states no law", LAWS),
        ("increasing: spend, never_lowers: out, always: flag", "{", "invariant: the invariant states no law", LAWS),
        ("increasing: spent, never_lowers: out", "spent", "unknown-fact: unknown fact `spent`", "did you mean `spend`?"),
        ("decreasing: spent, never_lowers: out", "spent", "unknown-fact: unknown fact `spent`", "did you mean `spend`?"),
        ("increasing: spend, never_lowers: oot", "oot", "unknown-outcome: unknown outcome `oot`", "did you mean `out`?"),
        ("increasing: spend, never_raises: oot", "oot", "unknown-outcome: unknown outcome `oot`", "did you mean `out`?"),
        ("increasing: other, never_lowers: out", "other", "invariant: `other` has no order", ORDER),
        ("decreasing: note, never_lowers: out", "note", "invariant: `note` has no order", ORDER),
        ("increasing: spend, never_raises: word", "word", "invariant: `word` has no order", ORDER),
        ("always: size", "size", "type-mismatch: expected a condition, found a number", None),
        ("always: sise > 1", "sise", "unknown-fact: unknown fact `sise`", "did you mean `size`?"),
        ("always: size >", "}", "syntax: expected a value, found the end", None),
        ("always: maybe > 1", "maybe", "optional-not-asked: optional fact `maybe` is used before it is asked about", "write `maybe is not missing and …`, or leave `optional` out"),
        ("when: size > 1, always: flag", "size", "unknown-fact: unknown fact `size`", None),
        ("when: flag and, always: flag", ",", "syntax: expected a value, found the end", None),
    ],
)  # fmt: skip
def test_a_fault_of_an_invariant_is_told(keys: str, expected: str, message: str, hint: str | None) -> None:
    assert diagnostics_of(law(keys)) == [(expected, message, hint)]


def test_no_law_is_about_a_list_of_outcomes() -> None:
    logic = rule_lines(("a", "flag", "[yes]"), hit="COLLECT")
    best = OUTCOME.replace("no]", "no], ordered: best-first")
    diagnostics = diagnostics_of(law("increasing: spend, never_lowers: out", best, logic))
    assert diagnostics == [("out", "invariant: this policy lists several outcomes", ORDER)]
    [fault] = diagnostics_of(law("always: flag", best, logic))
    assert fault[1] == "invariant: an invariant speaks of one outcome, and this policy lists several"


def test_two_invariants_with_one_name_are_refused() -> None:
    text = law("always: flag")
    line = text.splitlines()[-1] + "\n"
    assert diagnostics_of(text + line) == [("law", "duplicate-id: `law` is used twice", None)]


@pytest.mark.parametrize(
    ("kind", "ordered"),
    [
        (NumberType("integer"), True),
        (DateType(), True),
        (DurationType(), True),
        (ChoiceType(("a",), "best-first"), True),
        (ChoiceType(("a",), "worst-first"), True),
        (ChoiceType(("a",)), False),
        (BooleanType(), False),
        (TextType(), False),
        (TagsType(("a",)), False),
    ],
)
def test_some_types_have_an_order(kind: Type, *, ordered: bool) -> None:
    assert is_ordered(kind) is ordered
