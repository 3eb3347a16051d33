"""Small things that a reader sees: titles, places, the ends of spans."""

import datetime

import pytest

from policy_service import PolicyError, load_bytes
from policy_service.language.check import Checker
from policy_service.language.parser import parse
from policy_service.language.policy import Bilingual
from policy_service.language.tokens import tokenise
from policy_service.language.types import BooleanType, DateType, NumberType, to_exact

POLICY = """\
policy: tiering/details
version: 1.0.0
title: {zh: 细节, en: details}
subject: customer
facts:
  amount: {type: integer, title: {zh: 金额, en: amount spent}}
  days: {type: integer}
outcome:
  gift: {type: choice, of: [pen, cup], title: {zh: 礼品, en: gift given}, words: {pen: {zh: 笔, en: pen}}}
  note: {type: text}
rules:
  hit: COLLECT
  rows:
    - {id: big, when: amount > 5, then: {gift: pen, note: x}, because: {zh: 大, en: big}}
examples:
  - name: listed
    facts: {amount: 9, days: 1}
    outcome:
      - {gift: pen, note: x}
    rules: [big]
"""


def test_titles_are_the_author_s_or_else_the_name() -> None:
    policy = load_bytes(POLICY.encode())
    assert policy.facts["amount"].title == Bilingual("金额", "amount spent")
    assert policy.facts["days"].title == Bilingual("days", "days")
    assert policy.outcomes["gift"].title == Bilingual("礼品", "gift given")
    assert policy.outcomes["note"].title == Bilingual("note", "note")
    assert policy.outcomes["gift"].words == {"pen": Bilingual("笔", "pen")}


def test_a_fault_in_a_list_of_expected_outcomes_stands_where_it_is_written() -> None:
    with pytest.raises(PolicyError) as refused:
        load_bytes(POLICY.replace("- {gift: pen, note: x}", "- {gift: pan, note: x}").encode())
    [fault] = refused.value.diagnostics
    assert (fault.span.line, fault.span.column) == (19, 16)


def test_a_function_of_two_words_is_one_token_with_its_own_span() -> None:
    text = "1 + round  half   up (x, 2)"
    token = tokenise(text)[2]
    assert (token.kind, token.text, text[token.start : token.end]) == ("function", "round half up", "round  half   up")
    call = parse(text).right  # type: ignore[union-attr]
    assert text[slice(*call.span)] == "round  half   up (x, 2)"


def test_an_expression_that_is_too_long_is_told_at_its_start() -> None:
    with pytest.raises(PolicyError) as refused:
        load_bytes(POLICY.replace("amount > 5", "amount > 5 or amount > 5" + " or amount > 5" * 400).encode())
    [fault] = refused.value.diagnostics
    assert (fault.code, fault.span.line, fault.span.column) == ("expression-too-large", 14, 23)


def test_a_kept_value_of_another_type_is_no_value_of_the_type() -> None:
    with pytest.raises(ArithmeticError, match="is not a date"):
        to_exact(DateType(), None)  # type: ignore[arg-type]
    assert to_exact(BooleanType(), value=True) is True
    assert to_exact(NumberType("number", 2), 150) == 1.5  # the same number
    assert to_exact(DateType(), 738_000) == datetime.date.fromordinal(738_000)


def test_sides_of_arithmetic_are_blamed_where_they_stand() -> None:
    for text, blamed in (("vip + 1", "vip"), ("1 + vip", "vip")):
        checker = Checker({"vip": BooleanType()})
        assert checker.infer(parse(text)) is None
        [fault] = checker.errors
        assert text[slice(*fault.span)] == blamed
        assert fault.message == "expected a number, found true or false"


TABLE = """\
policy: tiering/places
version: 1.0.0
title: {zh: 处, en: places}
subject: customer
facts:
  amount: {type: integer, min: 0, max: 10}
  days: {type: integer}
outcome:
  bonus: {type: money, currency: CNY, max: 20.02}
table:
  hit: COLLECT
  aggregate: sum
  inputs: [days, amount]
  rows:
    - {id: first, when: ["-", "> 5"], then: ["0.01 + amount"], because: {zh: 一, en: one}}
    - {id: second, when: ["> 1", "-"], then: [10.01], because: {zh: 二, en: two}}
"""


def faults(text: str) -> list[tuple[str, int, int]]:
    with pytest.raises(PolicyError) as refused:
        load_bytes(text.encode())
    return [(fault.code, fault.span.line, fault.span.column) for fault in refused.value.diagnostics]


def test_a_fault_of_a_cell_stands_in_the_cell() -> None:
    assert faults(TABLE.replace('"> 5"', "\"> 'five'\"".replace("'", '\\"'))) == [("type-mismatch", 15, 31)]
    assert faults(TABLE.replace('"> 5"', '"> many"')) == [("unknown-fact", 15, 34)]


def test_a_fault_of_an_id_stands_at_the_id() -> None:
    assert faults(TABLE.replace("id: second", "id: first")) == [("duplicate-id", 16, 12)]


def test_the_bounds_of_a_sum_are_exact_to_the_smallest_unit() -> None:
    assert load_bytes(TABLE.encode()).id == "tiering/places"
    assert faults(TABLE.replace("20.02", "20.01")) == [("may-exceed", 12, 14)]


def test_the_bounds_of_a_total_are_exact() -> None:
    scorecard = TABLE.partition("outcome:")[0] + (
        "outcome:\n  class: {type: choice, of: [A]}\n"
        "scorecard:\n  base: BASE\n  rows:\n"
        "    - {id: r, when: days > 1, points: POINTS, because: {zh: 分, en: points}}\n"
        "  bands:\n    - {id: all, when: '>= -9007199254740992', then: [A], because: {zh: 全, en: all}}\n"
    )
    for base, points in (("-9007199254740991", "-1"), ("9007199254740991", "1")):
        text = scorecard.replace("BASE", base).replace("POINTS", points)
        assert load_bytes(text.encode()).id == "tiering/places"
        assert faults(text.replace(f"points: {points}", f"points: {points[:-1]}2")) == [("may-exceed", 13, 5)]


def test_a_word_of_a_choice_has_at_most_a_hundred_characters() -> None:
    assert load_bytes(POLICY.replace("cup", "c" * 100).encode()).id == "tiering/details"
    assert [code for code, _, _ in faults(POLICY.replace("cup", "c" * 101))] == ["invalid-value"]


def test_what_stands_side_by_side_does_not_make_the_next_nest_deeper() -> None:
    deep = "(" * 38 + "amount" + ")" * 38
    beside = " and ".join(f"{deep} > {number}" for number in range(3))
    assert load_bytes(POLICY.replace("amount > 5", beside).encode()).id == "tiering/details"
    deeper = f"{beside} and {'(' * 40}amount{')' * 40} > 1"
    assert [code for code, _, _ in faults(POLICY.replace("amount > 5", deeper))] == ["expression-too-large"]


def test_a_fault_of_the_hit_policy_of_a_table_stands_there() -> None:
    assert faults(TABLE.replace("hit: COLLECT", "hit: COLECT")) == [("hit-policy", 11, 8)]
    assert faults(TABLE.replace("aggregate: sum", "aggregate: summ")) == [("hit-policy", 12, 14)]


def test_a_computed_date_may_be_the_first_and_the_last_of_the_calendar() -> None:
    dates = POLICY.replace("amount: {type: integer,", "amount: {type: date, min: 0001-01-02, max: 9999-12-30,")
    dates = dates.partition("examples:")[0]
    for way in ("-", "+"):
        near = dates.replace("amount > 5", f'amount {way} duration("P1D") > date("2026-01-01")')
        assert load_bytes(near.encode()).id == "tiering/details"
        far = near.replace("P1D", "P2D")
        assert [code for code, _, _ in faults(far)] == ["date-out-of-range"]
