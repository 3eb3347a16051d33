"""Every row of the table of units, and ranges that hold every value an operation can have."""

# ruff: noqa: E501  # a case is one line of a table

import datetime
from fractions import Fraction
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy_service.language.ast import Operator
from policy_service.language.quantities import (
    DATE,
    DURATION,
    FIRST,
    LAST,
    LITERAL,
    MONTHS,
    NUMBER,
    Quantity,
    absolute,
    combine,
    common_unit,
    days_of,
    decimals,
    extreme,
    is_plain,
    negate,
    quantity_of_constant,
    quantity_of_type,
    result_unit,
    round_quantity,
)
from policy_service.language.types import DateType, Duration, DurationType, Months, NumberType
from tests.for_each import for_each

UNITS = (LITERAL, NUMBER, "CNY", "USD", DATE, DURATION, MONTHS)
DAY = datetime.date(2026, 11, 21)
SUMS = {
    (LITERAL, LITERAL): LITERAL,
    (LITERAL, NUMBER): NUMBER,
    (NUMBER, LITERAL): NUMBER,
    (NUMBER, NUMBER): NUMBER,
    (LITERAL, "CNY"): "CNY",
    ("CNY", LITERAL): "CNY",
    ("CNY", "CNY"): "CNY",
    (LITERAL, "USD"): "USD",
    ("USD", LITERAL): "USD",
    ("USD", "USD"): "USD",
    (DURATION, DURATION): DURATION,
    (DATE, DURATION): DATE,
    (DATE, MONTHS): DATE,
}
PRODUCTS = {
    (LITERAL, LITERAL): LITERAL,
    **dict.fromkeys(((LITERAL, NUMBER), (NUMBER, LITERAL), (NUMBER, NUMBER)), NUMBER),
    **{pair: unit for factor in (LITERAL, NUMBER) for unit in ("CNY", "USD", DURATION) for pair in ((factor, unit), (unit, factor))},
}  # fmt: skip
QUOTIENTS = {
    (LITERAL, LITERAL): LITERAL,
    **dict.fromkeys(((LITERAL, NUMBER), (NUMBER, LITERAL), (NUMBER, NUMBER)), NUMBER),
    **{(unit, factor): unit for factor in (LITERAL, NUMBER) for unit in ("CNY", "USD", DURATION)},
    ("CNY", "CNY"): NUMBER,
    ("USD", "USD"): NUMBER,
    (DURATION, DURATION): NUMBER,
}
TABLE: dict[Operator, dict[tuple[str, str], str]] = {
    "+": SUMS,
    "-": {**SUMS, (DATE, DATE): DURATION},
    "*": PRODUCTS,
    "/": QUOTIENTS,
}


@for_each(product(TABLE, UNITS, UNITS))
def test_the_unit_of_an_operation_is_that_of_the_table(operator: Operator, left: str, right: str) -> None:
    assert result_unit(operator, left, right) == TABLE[operator].get((left, right))


@for_each(product(UNITS, UNITS))
def test_two_units_have_a_common_one_when_they_are_one_or_a_literal_takes_it(left: str, right: str) -> None:
    plain = {LITERAL, NUMBER, "CNY", "USD"}
    if left == right:
        expected: str | None = left
    elif {left, right} <= plain and LITERAL in (left, right):
        expected = left if right == LITERAL else right
    else:
        expected = None
    assert common_unit(left, right) == expected


def test_numbers_and_currencies_are_plain() -> None:
    assert [unit for unit in UNITS if is_plain(unit)] == [LITERAL, NUMBER, "CNY", "USD"]


def q(low: str, high: str, unit: str = NUMBER, scale: int | None = 0) -> Quantity:
    return Quantity(unit, Fraction(low), Fraction(high), scale)


@pytest.mark.parametrize(
    ("value", "count"), [("0", 0), ("5", 0), ("0.5", 1), ("0.25", 2), ("0.04", 2), ("1/3", None), ("1/7", None), ("3/20", 2), ("7/1000", 3), ("1/30", None), ("100", 0)]
)  # fmt: skip
def test_decimals_of_a_number_are_counted(value: str, count: int | None) -> None:
    assert decimals(Fraction(value)) == count


def test_a_fact_has_the_range_of_its_type() -> None:
    assert quantity_of_type(NumberType("integer", 0, 1, 5)) == q("1", "5")
    assert quantity_of_type(NumberType("number", 2, 50, 150)) == q("0.5", "1.5", scale=2)
    assert quantity_of_type(NumberType("money", 2, 0, 150, "CNY")) == q("0", "1.5", "CNY", 2)
    assert quantity_of_type(DateType(3, 9)) == q("3", "9", DATE)
    assert quantity_of_type(DurationType(-3, 9)) == q("-3", "9", DURATION)


def test_a_literal_has_a_range_of_one_value() -> None:
    assert quantity_of_constant(Fraction(3, 2)) == q("1.5", "1.5", LITERAL, 1)
    assert quantity_of_constant(DAY) == q(str(DAY.toordinal()), str(DAY.toordinal()), DATE)
    assert quantity_of_constant(Duration(Fraction(60))) == q("60", "60", DURATION)
    assert quantity_of_constant(Months(-3)) == q("-3", "-3", MONTHS)


@pytest.mark.parametrize(
    ("low", "high", "holds"), [("1", "2", False), ("0", "2", True), ("-2", "0", True), ("-2", "-1", False), ("-1", "1", True)]
)  # fmt: skip
def test_a_range_holds_zero_or_not(low: str, high: str, *, holds: bool) -> None:
    assert q(low, high).holds_zero is holds


@pytest.mark.parametrize(
    ("operator", "left", "right", "result"),
    [
        ("+", q("1", "2", scale=1), q("-5", "7", scale=3), q("-4", "9", scale=3)),
        ("-", q("1", "2", scale=3), q("-5", "7", scale=1), q("-6", "7", scale=3)),
        ("*", q("-2", "3", scale=1), q("-5", "7", scale=2), q("-15", "21", scale=3)),
        ("/", q("1", "3", scale=1), q("2", "4", scale=0), q("0.25", "1.5", scale=None)),
        ("/", q("-1", "3", scale=1), q("4", "4", scale=0), q("-0.25", "0.75", scale=3)),
        ("/", q("1", "3", scale=1), q("3", "3", scale=0), q("1/3", "1", scale=None)),
        ("/", q("1", "3", scale=1), q("-4", "-2", scale=0), q("-1.5", "-0.25", scale=None)),
        ("/", q("1", "1", scale=None), q("2", "2", scale=0), q("0.5", "0.5", scale=None)),
        ("+", q("1", "1", scale=None), q("2", "2"), q("3", "3", scale=None)),
        ("*", q("1", "1"), q("2", "2", scale=None), q("2", "2", scale=None)),
    ],
)
def test_an_operation_has_this_range(operator: Operator, left: Quantity, right: Quantity, result: Quantity) -> None:
    assert combine(operator, left, right, NUMBER) == result


@pytest.mark.parametrize(
    ("operator", "left", "right", "unit", "result"),
    [
        ("-", q("5", "9", DATE), q("2", "3", DATE), DURATION, q("172800", "604800", DURATION)),
        ("+", q("5", "9", DATE), q("86400", "172800", DURATION), DATE, q("6", "11", DATE)),
        ("-", q("5", "9", DATE), q("86400", "172800", DURATION), DATE, q("3", "8", DATE)),
        ("+", q("5", "9", DATE), q("1", "1", DURATION), DATE, q("5", "9", DATE)),
        ("-", q("5", "9", DATE), q("1", "1", DURATION), DATE, q("4", "8", DATE)),
        ("+", q("50", "90", DATE), q("2", "2", MONTHS), DATE, q("50", "152", DATE)),
        ("-", q("500", "900", DATE), q("2", "2", MONTHS), DATE, q("438", "900", DATE)),
        ("+", q("500", "900", DATE), q("-2", "-2", MONTHS), DATE, q("438", "900", DATE)),
    ],
)
def test_an_operation_on_dates_has_this_range(
    operator: Operator, left: Quantity, right: Quantity, unit: str, result: Quantity
) -> None:
    assert combine(operator, left, right, unit) == result


def test_negation_turns_the_range_round() -> None:
    assert negate(q("-1", "3", "CNY", 2)) == q("-3", "1", "CNY", 2)


@pytest.mark.parametrize(
    ("low", "high", "least", "most"), [("-1", "3", "0", "3"), ("-5", "3", "0", "5"), ("2", "3", "2", "3"), ("-3", "-2", "2", "3"), ("0", "1", "0", "1")]
)  # fmt: skip
def test_a_size_is_never_negative(low: str, high: str, least: str, most: str) -> None:
    assert absolute(q(low, high, DURATION, 1)) == q(least, most, DURATION, 1)


def test_the_least_and_the_greatest_have_these_ranges() -> None:
    parts = [q("0", "9", scale=1), q("3", "5", scale=2)]
    assert extreme(min, parts, "CNY") == q("0", "5", "CNY", 2)
    assert extreme(max, parts, "CNY") == q("3", "9", "CNY", 2)
    assert extreme(max, [*parts, q("0", "1", scale=None)], "CNY") == q("3", "9", "CNY", None)


def test_rounding_rounds_the_range() -> None:
    assert round_quantity("up", q("0.11", "0.19", "CNY", None), 1) == q("0.2", "0.2", "CNY", 1)
    assert round_quantity("down", q("0.11", "0.19"), 1) == q("0.1", "0.1", scale=1)


def test_the_days_of_a_duration_have_this_range() -> None:
    assert days_of(q("-90000", "180000", DURATION)) == q("-1", "2")


def test_the_calendar_has_ends() -> None:
    assert (int(FIRST), int(LAST)) == (1, 3_652_059)


RANGE = st.tuples(st.fractions(-100, 100), st.fractions(-100, 100)).map(sorted)


@given(RANGE, RANGE, st.data(), st.sampled_from(["+", "-", "*", "/"]))
def test_no_value_of_an_operation_lies_outside_its_range(
    one: list[Fraction], two: list[Fraction], data: st.DataObject, operator: Operator
) -> None:
    left, right = Quantity(NUMBER, one[0], one[1]), Quantity(NUMBER, two[0], two[1])
    if operator == "/" and right.holds_zero:
        return
    a, b = data.draw(st.fractions(*one)), data.draw(st.fractions(*two))
    value = {"+": lambda: a + b, "-": lambda: a - b, "*": lambda: a * b, "/": lambda: a / b}[operator]()
    result = combine(operator, left, right, NUMBER)
    assert result.low <= value <= result.high
