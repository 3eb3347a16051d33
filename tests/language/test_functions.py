"""Each way of rounding, on both sides of zero and on the half; the closed set of names."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy_service.language.functions import (
    DATE_PROPERTIES,
    FUNCTIONS,
    NUMBER_FUNCTIONS,
    ROUND,
    ROUNDING_FUNCTIONS,
    TAG_FUNCTIONS,
    TEXT_TESTS,
    Rounding,
    round_to,
    whole_days,
)

VALUES = ("-2.6", "-2.5", "-2.4", "-1.5", "-0.5", "0", "0.5", "1.5", "2.4", "2.5", "2.6", "3")
TABLE: dict[Rounding, list[int]] = {
    "up": [-3, -3, -3, -2, -1, 0, 1, 2, 3, 3, 3, 3],
    "down": [-2, -2, -2, -1, 0, 0, 0, 1, 2, 2, 2, 3],
    "half up": [-3, -3, -2, -2, -1, 0, 1, 2, 2, 3, 3, 3],
    "half down": [-3, -2, -2, -1, 0, 0, 0, 1, 2, 2, 3, 3],
    "half even": [-3, -2, -2, -2, 0, 0, 0, 2, 2, 2, 3, 3],
    "floor": [-3, -3, -3, -2, -1, 0, 0, 1, 2, 2, 2, 3],
    "ceiling": [-2, -2, -2, -1, 0, 0, 1, 2, 3, 3, 3, 3],
}


@pytest.mark.parametrize("way", TABLE)
def test_a_way_of_rounding_gives_these_whole_numbers(way: Rounding) -> None:
    assert [ROUND[way](Fraction(value)) for value in VALUES] == TABLE[way]


def test_there_are_seven_ways_of_rounding() -> None:
    assert set(ROUND) == set(TABLE)


@pytest.mark.parametrize(
    ("value", "decimals", "result"),
    [("1.005", 2, "1.01"), ("-1.005", 2, "-1.01"), ("1.0049", 2, "1"), ("123", 0, "123"), ("0.1234565", 6, "0.123457")],
)
def test_decimals_are_counted_exactly(value: str, decimals: int, result: str) -> None:
    assert round_to("half up", Fraction(value), decimals) == Fraction(result)


@given(st.fractions(), st.fractions(), st.sampled_from(list(TABLE)), st.integers(0, 6))
def test_rounding_is_monotone_and_moves_less_than_one_unit(
    one: Fraction, other: Fraction, way: Rounding, n: int
) -> None:
    low, high = sorted((one, other))
    assert round_to(way, low, n) <= round_to(way, high, n)
    assert abs(round_to(way, one, n) - one) < Fraction(1, 10**n)
    assert round_to(way, round_to(way, one, n), n) == round_to(way, one, n)


@pytest.mark.parametrize(
    ("seconds", "days"),
    [("0", 0), ("86399", 0), ("86400", 1), ("172799.5", 1), ("-1", 0), ("-86399", 0), ("-86400", -1), ("-172799", -1)],
)
def test_days_are_whole_and_go_towards_zero(seconds: str, days: int) -> None:
    assert whole_days(Fraction(seconds)) == days


def test_the_functions_are_these() -> None:
    assert dict(ROUNDING_FUNCTIONS) == {
        "round": "half up",
        "round half up": "half up",
        "round half down": "half down",
        "round up": "up",
        "round down": "down",
        "decimal": "half even",
        "floor": "floor",
        "ceiling": "ceiling",
    }
    assert {"abs", "min", "max", "modulo"} == NUMBER_FUNCTIONS
    assert {"contains", "starts with", "ends with"} == TEXT_TESTS
    assert {"list contains", "count"} == TAG_FUNCTIONS
    assert {*ROUNDING_FUNCTIONS, *NUMBER_FUNCTIONS, *TEXT_TESTS, *TAG_FUNCTIONS} == FUNCTIONS
    assert dict(DATE_PROPERTIES) == {"year": (1, 9999), "month": (1, 12), "day": (1, 31), "weekday": (1, 7)}
