"""Laws of the language, with chance looking for what breaks them."""

from __future__ import annotations

import datetime
import json
import random
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, assume, given, reject, settings
from hypothesis import strategies as st

from policy_service.language.ast import Expr
from policy_service.language.core import Threshold, Truth
from policy_service.language.formulas import COMPARE, MIRRORED, OPPOSITE, threshold
from policy_service.language.limits import MAX_TERMS, size_of
from policy_service.language.load import load_bytes
from policy_service.language.lower import lower
from policy_service.language.parser import parse, parse_cell
from policy_service.language.policy import Policy
from policy_service.language.tokens import ExpressionSyntaxError
from policy_service.language.types import (
    CURRENCIES,
    LIMIT,
    MAX_SCALE,
    BooleanType,
    ChoiceType,
    DateType,
    Duration,
    DurationType,
    Months,
    NumberType,
    TagsType,
    TextType,
    Type,
    Value,
    format_value,
    parse_duration,
    parse_value,
    quantize,
    to_exact,
    write_duration,
)
from policy_service.language.unparse import quote, unparse
from tests.conformance.conditions import Author
from tests.conformance.generate import generate
from tests.conformance.vocabulary import TEXTS, TYPES, WORDS, declare

chance = st.randoms(use_true_random=False)
many = settings(
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]
)


# expressions


def author_of(rng: random.Random) -> Author:
    return Author(rng, [declare(rng, f"f{index}", kind) for index, kind in enumerate(TYPES)])


@many
@given(chance)
def test_an_expression_is_read_back_as_it_was_written(rng: random.Random) -> None:
    author = author_of(rng)
    everything = frozenset(fact.name for fact in author.facts)
    for text in (author.condition(3, everything), author.number("number", 3, everything), author.date(3, everything)):
        expression = parse(text)
        assert parse(unparse(expression)) == expression
        assert unparse(parse(unparse(expression))) == unparse(expression)


@many
@given(chance)
def test_a_cell_is_read_back_as_the_condition_it_stands_for(rng: random.Random) -> None:
    author = author_of(rng)
    fact = rng.choice(author.facts)
    try:
        condition = parse_cell(author.cell(fact, frozenset(), asks=rng.random() < 0.3), fact.name).condition
    except ExpressionSyntaxError as fault:
        if "only calculates" in str(fault):
            reject()
        raise
    assert parse(unparse(condition)) == condition


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=50))
def test_every_text_can_be_quoted(text: str) -> None:
    assert parse(quote(text)).value == text  # type: ignore[union-attr]  # a quoted text is a constant


OPERANDS = (
    "a",
    "1",
    "-b",
    "(a + b)",
    '"x"',
    "not(a)",
    "a is missing",
    "a is not missing",
    "(a or b)",
    "(a and b)",
    "a.day",
    "max(a, b)",
)
WHOLES = (
    "{} + {}",
    "{} - {}",
    "{} * {}",
    "{} / {}",
    "{} = {}",
    "{} < {}",
    "{} and {}",
    "{} or {}",
    "{} in ({})",
    "{} in (= {})",
    "{} in (< {}, [{}..{}))",
)


def written(form: str, left: str, right: str) -> str:
    return form.format(f"({left})", f"({right})", f"({left})", f"({right})")


@given(
    st.recursive(
        st.sampled_from(OPERANDS), lambda inner: st.builds(written, st.sampled_from(WHOLES), inner, inner), max_leaves=8
    )
)
def test_brackets_are_written_where_they_are_needed(text: str) -> None:
    expression: Expr = parse(f"({text})")
    assert parse(unparse(expression)) == expression


@given(st.integers(-LIMIT, LIMIT))
def test_a_duration_is_read_back_as_it_was_written(seconds: int) -> None:
    assert parse_duration(write_duration(seconds)) == Duration(Fraction(seconds))


@given(st.integers(-(10**9) + 1, 10**9 - 1))
def test_months_are_read_back_as_they_were_written(count: int) -> None:
    [text] = [unparse(parse(f'duration("{"-" if count < 0 else ""}P{abs(count)}M")'))]
    assert parse(text).value == Months(count)  # type: ignore[union-attr]  # a duration is a constant


# types

number_types = st.one_of(
    st.builds(NumberType, st.just("integer")),
    st.builds(NumberType, st.just("number"), st.integers(0, MAX_SCALE)),
    st.sampled_from([NumberType("money", decimals, currency=name) for name, decimals in CURRENCIES.items()]),
)
word_lists = st.lists(st.sampled_from(WORDS), min_size=1, unique=True).map(tuple)
types: st.SearchStrategy[Type] = st.one_of(
    st.sampled_from([BooleanType(), TextType(), DateType(), DurationType()]),
    number_types,
    st.builds(ChoiceType, word_lists),
    st.builds(TagsType, word_lists),
)


@st.composite
def typed_values(draw: st.DrawFn) -> tuple[Type, Value]:
    """A type and one of its kept values."""
    kind = draw(types)
    match kind:
        case BooleanType():
            return kind, draw(st.booleans())
        case NumberType() | DateType() | DurationType():
            return kind, draw(st.integers(kind.low, kind.high))
        case ChoiceType():
            return kind, draw(st.sampled_from(kind.of))
        case TextType():
            return kind, draw(st.sampled_from(TEXTS))
        case TagsType():
            return kind, draw(st.frozensets(st.sampled_from(kind.of)))


@given(typed_values())
def test_a_value_is_read_back_as_it_was_written(typed: tuple[Type, Value]) -> None:
    kind, value = typed
    through_json = json.loads(json.dumps(format_value(kind, value)), parse_float=Decimal)
    assert parse_value(kind, through_json) == value
    assert type(parse_value(kind, through_json)) is type(value)


@given(typed_values())
def test_a_computed_value_is_kept_as_it_was(typed: tuple[Type, Value]) -> None:
    kind, value = typed
    assert quantize(kind, to_exact(kind, value)) == value


@given(number_types, st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9, places=4))
def test_a_number_is_read_exactly_or_refused(kind: NumberType, number: Decimal) -> None:
    number = number.normalize()
    try:
        value = parse_value(kind, number)
    except ValueError:
        assert Fraction(number) * 10**kind.scale % 1 != 0 or abs(Fraction(number)) * 10**kind.scale > LIMIT
    else:
        assert to_exact(kind, value) == Fraction(number)


# lowering


@given(st.sampled_from(list(OPPOSITE)), st.integers(-20, 20), st.integers(-60, 60), st.integers(-40, 40))
def test_a_threshold_holds_where_its_comparison_does(comparator: str, factor: int, base: int, fact: int) -> None:
    assume(factor != 0)
    formula = threshold("x", comparator, factor, base)  # type: ignore[arg-type]  # drawn from the comparators
    request = COMPARE[comparator](factor * fact + base, 0)  # type: ignore[index]
    match formula:
        case Truth(value=value):
            assert value == request
        case Threshold(comparator=found, value=value):
            assert COMPARE[found](fact, value) == request
        case _:
            pytest.fail(f"{formula} is no threshold")


@given(st.sampled_from(list(OPPOSITE)), st.integers(-2, 2), st.integers(-2, 2))
def test_the_opposite_and_the_mirrored_comparison(comparator: str, left: int, right: int) -> None:
    request = COMPARE[comparator](left, right)  # type: ignore[index]  # drawn from the comparators
    assert COMPARE[OPPOSITE[comparator]](left, right) is not request  # type: ignore[index]
    assert COMPARE[MIRRORED[comparator]](right, left) is request  # type: ignore[index]


@pytest.mark.parametrize("seed", range(60))
def test_no_accepted_rule_has_more_alternatives_than_the_engine_takes(seed: int) -> None:
    try:
        policy: Policy = load_bytes(generate(random.Random(seed)).text.encode())
    except ValueError:
        return
    assert all(1 <= size_of(rule.when).terms <= MAX_TERMS for rule in lower(policy).rules)


def test_the_day_of_the_decision_is_a_day() -> None:
    assert to_exact(DateType(), datetime.date(2026, 11, 21).toordinal()) == datetime.date(2026, 11, 21)
