"""What is said of names, types and keys; what each type allows."""

# ruff: noqa: E501  # a case is one line of a table

import pytest

from policy_service.language.declare import TYPE_KEYS
from policy_service.language.policy import Bilingual, Requirement
from policy_service.language.tokens import WORDS
from policy_service.language.types import (
    CURRENCIES,
    LIMIT,
    BooleanType,
    ChoiceType,
    DateType,
    DurationType,
    NumberType,
    TagsType,
    TextType,
    Type,
)
from tests.language.sample import diagnostics_of, loaded, policy_text

NAME_HINT = "lower-case letters, digits and underscores, a letter first, at most 64"
CURRENCY_HINT = "the currencies are CNY, USD, EUR, GBP, HKD, TWD, SGD, AUD, JPY, KRW"
TYPES_HINT = "the types are boolean, integer, number, money, date, duration, choice, text, tags"
FROM_HINT = "write `benchmark`, an outcome such as `tiering/rfm_value.tier`, or `previous.tier`"
INSIDE = "inside ±2^53 in its smallest unit"
YEARS = "a date such as 2026-11-21"


def fact(declaration: str, name: str = "f") -> str:
    return policy_text(facts=f"  {name}: {{{declaration}}}\n  free: {{type: boolean}}\n")


@pytest.mark.parametrize(
    ("declaration", "kind"),
    [
        ("type: boolean", BooleanType()),
        ("type: integer", NumberType("integer")),
        ("type: integer, min: -5, max: 5", NumberType("integer", 0, -5, 5)),
        ("type: integer, min: 5, max: 5", NumberType("integer", 0, 5, 5)),
        ("type: number, scale: 0", NumberType("number", 0)),
        ("type: number, scale: 6, min: 0.5", NumberType("number", 6, 500_000)),
        ("type: money, currency: CNY, max: 1.5", NumberType("money", 2, -LIMIT, 150, "CNY")),
        ("type: money, currency: JPY, max: 15", NumberType("money", 0, -LIMIT, 15, "JPY")),
        ("type: date", DateType()),
        ("type: date, min: 0001-01-01, max: 9999-12-31", DateType(1, 3_652_059)),
        ("type: duration, min: PT0S, max: P1D", DurationType(0, 86_400)),
        ("type: choice, of: [b, a]", ChoiceType(("b", "a"))),
        ("type: choice, of: [b], ordered: best-first", ChoiceType(("b",), "best-first")),
        ("type: choice, of: [b], ordered: worst-first", ChoiceType(("b",), "worst-first")),
        ("type: text", TextType()),
        ("type: tags, of: [客户, b]", TagsType(("客户", "b"))),
    ],
)
def test_a_type_is_declared(declaration: str, kind: Type) -> None:
    assert loaded(fact(declaration)).facts["f"].type == kind


@pytest.mark.parametrize("currency", CURRENCIES)
def test_money_has_the_decimals_of_its_currency(currency: str) -> None:
    kind = loaded(fact(f"type: money, currency: {currency}")).facts["f"].type
    assert kind == NumberType("money", CURRENCIES[currency], currency=currency)


@pytest.mark.parametrize(
    ("declaration", "expected", "message", "hint"),
    [
        ("type: integr", "integr", "invalid-value: unknown type `integr`", "did you mean `integer`?"),
        ("type: x", "x", "invalid-value: unknown type `x`", TYPES_HINT),
        ("type: number", "f", "missing-key: the type `number` needs `scale`", None),
        ("type: money", "f", "missing-key: the type `money` needs `currency`", None),
        ("type: choice", "f", "missing-key: the type `choice` needs `of`", None),
        ("type: tags", "f", "missing-key: the type `tags` needs `of`", None),
        ("type: number, scale: 7", "7", "invalid-value: `scale` is the number of decimals, 0 to 6", None),
        ("type: number, scale: -1", "-1", "invalid-value: `scale` is the number of decimals, 0 to 6", None),
        ("type: number, scale: 12", "12", "invalid-value: `scale` is the number of decimals, 0 to 6", None),
        ("type: money, currency: RMB", "RMB", "invalid-value: unknown currency `RMB`", CURRENCY_HINT),
        ("type: integer, min: 1.5", "1.5", f"invalid-value: `1.5` is not a whole number, {INSIDE}", None),
        ("type: integer, max: 9007199254740993", "9007199254740993", f"invalid-value: `9007199254740993` is not a whole number, {INSIDE}", None),
        ("type: money, currency: CNY, min: 0.001", "0.001", f"invalid-value: `0.001` is not an amount in CNY with at most 2 decimals, {INSIDE}", None),
        ("type: date, min: today", "today", f"invalid-value: `today` is not {YEARS}", None),
        ("type: duration, max: P1M", "P1M", f"invalid-value: `P1M` is not a duration such as P3D or PT4H, {INSIDE}", None),
        ("type: integer, min: 5, max: 4", "f", "empty-range: no value lies between `min` and `max`", None),
        ("type: date, max: 1899-12-31", "f", "empty-range: no value lies between `min` and `max`", None),
        ('type: choice, of: [a, ""]', '""', "invalid-value: a choice has 1 to 100 printable characters", None),
        (f"type: choice, of: [{'x' * 101}]", "x" * 101, "invalid-value: a choice has 1 to 100 printable characters", None),
        ('type: tags, of: ["a\\tb"]', '"a\\tb"', "invalid-value: a choice has 1 to 100 printable characters", None),
        ("type: choice, of: [abc], words: {abd: {zh: 甲, en: a}}", "abd", "unknown-choice: unknown choice `abd`", "did you mean `abc`?"),
        ("type: tags, of: [a, b, a]", "a", "duplicate-choice: `a` stands twice", None),
        ("type: choice, of: [A, Ａ]", "Ａ", "duplicate-choice: `Ａ` looks like `A`", "they differ in U+FF21 FULLWIDTH LATIN CAPITAL LETTER A and U+0041 LATIN CAPITAL LETTER A; write one of them"),
        ("type: choice, of: [caf\u00e9, cafe\u0301]", "cafe\u0301", "duplicate-choice: `cafe\u0301` looks like `caf\u00e9`", "they differ in U+0065 LATIN SMALL LETTER E and U+00E9 LATIN SMALL LETTER E WITH ACUTE; write one of them"),
        ("type: tags, of: [A, \u0410]", "\u0410", "duplicate-choice: `\u0410` looks like `A`", "they differ in U+0410 CYRILLIC CAPITAL LETTER A and U+0041 LATIN CAPITAL LETTER A; write one of them"),
        ("type: choice, of: [制造业，零售]", "制造业，零售", "invalid-value: `制造业，零售` is one value", "write `制造业, 零售`, or put it in quotes when it is one"),
        ("type: choice, of: [制造业、零售、其他]", "制造业、零售、其他", "invalid-value: `制造业、零售、其他` is one value", "write `制造业, 零售, 其他`, or put it in quotes when it is one"),
        ("type: integer, from: benchmark", "f", "missing-key: a benchmark fact says what it measures", "measure: mean(amount_12m) by industry"),
        ("type: integer, measure: sum", "measure", "key-not-allowed: `measure` goes with `from: benchmark`", None),
        ("type: integer, from: tier", "tier", "invalid-value: `tier` names no outcome", FROM_HINT),
        ("type: integer, from: a/b.C", "a/b.C", "invalid-value: `a/b.C` names no outcome", FROM_HINT),
    ],
)  # fmt: skip
def test_a_fault_of_a_declaration_is_told(declaration: str, expected: str, message: str, hint: str | None) -> None:
    assert diagnostics_of(fact(declaration)) == [(expected, message, hint)]


@pytest.mark.parametrize("kind", TYPE_KEYS)
def test_a_type_has_its_keys_and_no_others(kind: str) -> None:
    values = {"scale": "1", "currency": "CNY", "min": "1", "max": "2", "of": "[a]", "ordered": "best-first"}
    values["words"] = "{a: {zh: 甲, en: alpha}}"
    words = {"date": ("2001-01-01", "2002-01-01"), "duration": ("P1D", "P2D")}.get(kind, ("1", "2"))
    values |= dict(zip(("min", "max"), words, strict=True))
    diagnostics = diagnostics_of(
        fact(", ".join([f"type: {kind}", *(f"{key}: {value}" for key, value in values.items())]))
    )
    refused = [key for key in values if key not in TYPE_KEYS[kind]]
    assert diagnostics == [(key, f"key-not-allowed: the type `{kind}` has no `{key}`", None) for key in refused]


def test_a_choice_in_quotes_may_hold_a_full_width_comma() -> None:
    assert diagnostics_of(fact('type: choice, of: ["是，已确认", 否]')) == []


def test_a_full_width_sign_that_was_meant_for_yaml_is_named() -> None:
    comma, colon = "`，` is full-width: write `, `", "`：` is full-width: write `: `"
    assert diagnostics_of(fact("type: integer，min: 0"))[0][2] == comma
    assert diagnostics_of(fact("type: integer， optional: true"))[0][2] == comma
    assert colon in [fault[2] for fault in diagnostics_of(fact("type：integer"))]
    assert diagnostics_of(fact("type: boolean，"))[0][2] == comma


def test_words_of_tags_and_of_outcomes_have_titles_too() -> None:
    text = fact("type: tags, of: [a, b], words: {b: {zh: 乙, en: beta}}")
    outcome = "  out: {type: choice, of: [yes, no], words: {yes: {zh: 是, en: indeed}}}\n"
    assert loaded(text).facts["f"].words == {"b": Bilingual("乙", "beta")}
    assert loaded(policy_text(outcome=outcome)).outcomes["out"].words == {"yes": Bilingual("是", "indeed")}


@pytest.mark.parametrize("name", ["F", "1a", "_a", "a-b", "a b", "客户", "a" * 65])
def test_what_is_no_name_is_refused(name: str) -> None:
    result = name if len(name) <= 60 else f"{name[:60]}… (65 characters)"
    assert diagnostics_of(fact("type: boolean", name)) == [(name, f"invalid-name: `{result}` is no name", NAME_HINT)]
    outcome = f"  {name}: {{type: choice, of: [yes]}}\n"
    assert diagnostics_of(policy_text(outcome=outcome)) == [(name, f"invalid-name: `{result}` is no name", NAME_HINT)]


@pytest.mark.parametrize("name", ["a", "a1_", "a" * 64])
def test_what_is_a_name_is_accepted(name: str) -> None:
    assert diagnostics_of(fact("type: boolean", name)) == []


@pytest.mark.parametrize("word", sorted(WORDS - {"null"}))
def test_a_word_of_the_language_is_no_name(word: str) -> None:
    message = f"invalid-name: `{word}` is a word of the language"
    assert diagnostics_of(fact("type: boolean", word)) == [(word, message, f"call it `{word}_`")]


def test_some_names_have_a_meaning_already() -> None:
    day, total = "the day the decision is made for", "a scorecard's total"
    assert diagnostics_of(fact("type: boolean", "as_of")) == [
        ("as_of", f"invalid-name: `as_of` always means {day}", None)
    ]
    assert diagnostics_of(fact("type: boolean", "score")) == [
        ("score", f"invalid-name: `score` always means {total}", None)
    ]
    for name in ("as_of", "score"):
        diagnostics = diagnostics_of(policy_text(outcome=f"  {name}: {{type: choice, of: [yes]}}\n"))
        assert diagnostics == [(name, f"invalid-name: `{name}` has a meaning of its own", None)]
    diagnostics = diagnostics_of(policy_text(outcome="  tier: {type: choice, of: [yes]}\n"))
    assert diagnostics == [("tier", "duplicate-id: `tier` is a fact already", None)]


def test_a_fact_has_its_title_or_its_name_and_says_where_it_comes_from() -> None:
    facts = """\
  a: {type: integer, title: {zh: 甲, en: alpha}, optional: true, sensitive: true}
  b: {type: integer, from: tiering/rfm_value.tier}
  c: {type: integer, from: benchmark, measure: mean(a)}
  d: {type: choice, of: [x, y], words: {x: {zh: 甲, en: alpha}}}
"""
    policy = loaded(policy_text(facts=facts)).facts
    assert (policy["a"].title, policy["b"].title) == (Bilingual("甲", "alpha"), Bilingual("b", "b"))
    assert policy["a"].title.to_dict() == {"zh": "甲", "en": "alpha"}
    assert (policy["a"].optional, policy["a"].sensitive) == (True, True)
    assert (policy["b"].optional, policy["b"].sensitive) == (False, False)
    assert policy["b"].requirement == Requirement("tiering/rfm_value", "tier")
    assert (policy["d"].words, policy["c"].words) == ({"x": Bilingual("甲", "alpha")}, {})
    assert (policy["c"].requirement, policy["c"].measure, policy["b"].measure) == (None, "mean(a)", None)


def test_all_faults_of_declarations_are_told_at_once() -> None:
    diagnostics = diagnostics_of(policy_text(facts="  a: {type: x}\n  b: {type: money}\n", outcome="  c: {type: y}\n"))
    assert [fault[1].split(":")[0] for fault in diagnostics] == ["invalid-value", "missing-key", "invalid-value"]
