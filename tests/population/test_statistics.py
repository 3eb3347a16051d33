"""Statistics of groups: the values that the field's methods give, ties never parted, nothing rounded early."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy_service.language.benchmark_set import Quantiles
from policy_service.language.measure import parse_measure
from policy_service.population.statistics import Distribution, least_within, quantile, round_half_even, statistic

A, B = Fraction("0.75"), Fraction("0.95")


def values_of(*values: int) -> Distribution:
    return sorted(Counter(values).items())


@pytest.mark.parametrize(
    ("method", "points"),
    [
        ("linear", [280, 460, 640, 820]),
        ("weibull", [220, 440, 660, 880]),
        ("inverted", [200, 400, 600, 800]),
        ("hazen", [250, 450, 650, 850]),
    ],
)
def test_quantiles_are_those_of_the_method_that_is_named(method: Quantiles, points: list[int]) -> None:
    values = values_of(*range(100, 1_001, 100))
    assert [quantile(values, Fraction(part, 5), method) for part in range(1, 5)] == points


def test_figures_between_two_values_and_of_many_digits_are_exact() -> None:
    """A double says 31.999…, 639.999… and 1e18; the continuous quantile of a database 31.99."""
    assert quantile(values_of(1_000, 2_000, 2_000, 5_000, 9_000), Fraction("0.6"), "linear") == 3_200
    assert quantile(values_of(*range(100, 1_001, 100)), Fraction("0.6"), "linear") == 640
    assert statistic(parse_measure("mean(a)"), values_of(10**18 + 2, 10**18 + 4), 0, "linear") == 10**18 + 3
    third = statistic(parse_measure("share(a) by b"), values_of(1), 3, "linear")
    assert third is not None
    assert third * 3 == 1


def test_equal_values_have_equal_scores() -> None:
    values = values_of(1, 1, 1, 1, 1, 1, 1, 2, 3, 10)
    assert [quantile(values, Fraction(part, 5), "linear") for part in range(1, 5)] == [1, 1, 1, Fraction("2.2")]


@pytest.mark.parametrize("method", ["linear", "weibull", "inverted", "hazen"])
def test_a_quantile_lies_between_the_least_and_the_greatest(method: Quantiles) -> None:
    for part in (Fraction(1, 1_000), Fraction(999, 1_000)):
        assert quantile(values_of(7), part, method) == 7
        assert 1 <= quantile(values_of(1, 2, 3), part, method) <= 3


@pytest.mark.parametrize(
    ("sales", "limits"),
    [
        ((400, 200, 150, 150, 50, 50), (150, 50)),
        ((80, 10, 10), (80, 10)),
        ((1, 1, 1), (1, 1)),
        ((500, 300, 0, -200), (300, 300)),
        ((0, -5), (None, None)),
    ],
)
def test_a_subject_is_in_the_class_of_its_first_unit(
    sales: tuple[int, ...], limits: tuple[int | None, int | None]
) -> None:
    assert (least_within(values_of(*sales), A), least_within(values_of(*sales), B)) == limits


@given(st.lists(st.integers(-20, 50), min_size=1, max_size=40))
def test_classes_by_rank_are_classes_by_cut_point(sales: list[int]) -> None:
    """By rank: sorted, added up, each tie where its first subject is. By cut-point: at least the limit."""
    limits = [least_within(values_of(*sales), part) for part in (A, B)]
    ranked = sorted((each for each in sales if each > 0), reverse=True)
    starts: dict[int, int] = {}
    for value, before in zip(ranked, accumulate(ranked, initial=0), strict=False):
        starts.setdefault(value, before)
    for value in sales:
        by_rank = "C" if value <= 0 else "AB"[100 * starts[value] >= 75 * sum(ranked)]
        if value > 0 and 100 * starts[value] >= 95 * sum(ranked):
            by_rank = "C"
        least_a, least_b = limits
        by_limit = "C" if value <= 0 or least_b is None or value < least_b else "B"
        if value > 0 and least_a is not None and value >= least_a:
            by_limit = "A"
        assert by_limit == by_rank


@pytest.mark.parametrize(
    ("measure", "expected"),
    [
        ("count(a)", 4),
        ("sum(a)", 10),
        ("mean(a)", Fraction(5, 2)),
        ("min(a)", 1),
        ("max(a)", 5),
        ("share(a) by b", Fraction(1, 4)),
        ("quantile(a, 0.5)", 2),
        ("least(a) within 0.5 of sum(a)", 5),
    ],
)
def test_each_statistic(measure: str, expected: Fraction) -> None:
    assert statistic(parse_measure(measure), values_of(1, 2, 2, 5), 40, "linear") == expected


def test_a_share_of_nothing_is_none_and_halves_go_to_the_even_one() -> None:
    assert statistic(parse_measure("share(a) by b"), values_of(0), 0, "linear") is None
    assert [round_half_even(Fraction(each, 2)) for each in (1, 3, 5, -1, -3)] == [0, 2, 2, 0, -2]
