"""Rounding and the calendar on whole numbers agree with the definition's own."""

import datetime
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy_service.compilers import whole_numbers
from policy_service.compilers.whole_numbers import DATE_PARTS, NAMES, ROUND
from policy_service.language import functions
from policy_service.language.evaluate import calculate, property_value
from policy_service.language.functions import DATE_PROPERTIES, ROUNDING_FUNCTIONS, Rounding
from policy_service.language.types import Months

WAYS = sorted(set(ROUNDING_FUNCTIONS.values()))


@pytest.mark.parametrize("way", WAYS)
@given(numerator=st.integers(-(10**30), 10**30), denominator=st.integers(1, 10**6))
def test_a_quotient_is_rounded_as_the_definition_rounds_it(way: Rounding, numerator: int, denominator: int) -> None:
    assert ROUND[way](numerator, denominator) == functions.ROUND[way](Fraction(numerator, denominator))


@pytest.mark.parametrize("way", WAYS)
def test_every_small_quotient_is_rounded_as_the_definition_rounds_it(way: Rounding) -> None:
    for numerator in range(-40, 41):
        for denominator in range(1, 13):
            expected = functions.ROUND[way](Fraction(numerator, denominator))
            assert ROUND[way](numerator, denominator) == expected, (way, numerator, denominator)


@pytest.mark.parametrize(
    ("way", "rounded"),
    [
        ("half up", [-3, -2, -1, 1, 2, 3]),
        ("half down", [-2, -1, 0, 0, 1, 2]),
        ("half even", [-2, -2, 0, 0, 2, 2]),
        ("up", [-3, -2, -1, 1, 2, 3]),
        ("down", [-2, -1, 0, 0, 1, 2]),
        ("floor", [-3, -2, -1, 0, 1, 2]),
        ("ceiling", [-2, -1, 0, 1, 2, 3]),
    ],
)
def test_halves_go_where_the_way_says(way: Rounding, rounded: list[int]) -> None:
    assert [ROUND[way](numerator, 2) for numerator in (-5, -3, -1, 1, 3, 5)] == rounded


@given(day=st.dates(datetime.date(2, 1, 1), datetime.date(9990, 1, 1)), months=st.integers(-12, 60))
def test_months_and_parts_of_a_day_are_the_calendar_s(day: datetime.date, months: int) -> None:
    later = calculate("+", day, Months(months))
    assert isinstance(later, datetime.date)
    assert whole_numbers.months_later(day.toordinal(), months) == later.toordinal()
    for name in DATE_PROPERTIES:
        assert DATE_PARTS[name](day.toordinal()) == property_value(day, name)


def test_every_way_of_rounding_and_every_part_of_a_date_is_there() -> None:
    assert set(ROUND) == set(WAYS)
    assert set(DATE_PARTS) == set(DATE_PROPERTIES)
    assert len(NAMES) == len(ROUND) + len(DATE_PARTS) + 1
