"""Exact statistics of a group, from the distinct values of its subjects and their frequencies.

Ties stay together: subjects with equal values are in the same class, by rank or by cut-point. For an ABC analysis
(R-ABC-1) the values are added up from the largest; a subject belongs to the class that contains its first unit. Values
of 0 or less add nothing and belong to no class.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from math import ceil, floor
from types import MappingProxyType
from typing import assert_never

from policy_service.language.benchmark_set import Quantiles
from policy_service.language.measure import Measure

Distribution = Sequence[tuple[int, int]]
"""Distinct values in ascending order, with their frequencies; not empty."""
_POSITIONS: Mapping[Quantiles, Callable[[int, Fraction], Fraction]] = MappingProxyType(
    {
        "linear": lambda count, part: (count - 1) * part + 1,
        "weibull": lambda count, part: (count + 1) * part,
        "hazen": lambda count, part: count * part + Fraction(1, 2),
        "inverted": lambda count, part: Fraction(ceil(count * part)),
    }
)
"""The position of a quantile among so many values, from 1; between two positions, values are interpolated."""


def size(values: Distribution) -> int:
    """Return the number of subjects."""
    return sum(count for _, count in values)


def total(values: Distribution) -> int:
    """Return the sum over all subjects."""
    return sum(value * count for value, count in values)


def statistic(measure: Measure, values: Distribution, whole: int, quantiles: Quantiles) -> Fraction | None:
    """Return the figure of a measure for a group; None if it has none. `whole` is the sum over all groups."""
    match measure.statistic:
        case "count":
            return Fraction(size(values))
        case "sum":
            return Fraction(total(values))
        case "mean":
            return Fraction(total(values), size(values))
        case "min":
            return Fraction(values[0][0])
        case "max":
            return Fraction(values[-1][0])
        case "share":
            return Fraction(total(values), whole) if whole else None
        case "quantile":
            return quantile(values, measure.part or Fraction(0), quantiles)
        case "least":
            return least_within(values, measure.part or Fraction(0))
        case _:
            assert_never(measure.statistic)


def quantile(values: Distribution, part: Fraction, method: Quantiles) -> Fraction:
    """Return the value below which a part of the subjects lies."""
    count = size(values)
    place = min(max(_POSITIONS[method](count, part), Fraction(1)), Fraction(count))
    low = _value_at(values, floor(place))
    return low + (place - floor(place)) * (_value_at(values, ceil(place)) - low)


def _value_at(values: Distribution, place: int) -> int:
    """Return the value of the subject at a position, from 1."""
    for value, count in values:
        place -= count
        if place <= 0:
            return value
    raise IndexError(place)


def least_within(values: Distribution, part: Fraction) -> Fraction | None:
    """Return the least value of a subject whose first unit lies within a part of the sum; None if all are 0 or less."""
    positive = [(value, count) for value, count in reversed(values) if value > 0]
    whole = total(positive)
    least, before = None, 0
    for value, count in positive:
        if before >= part * whole:
            break
        least, before = value, before + value * count
    return None if least is None else Fraction(least)


def round_half_even(value: Fraction) -> int:
    """Return the nearest whole number; of two, the even one."""
    return round(value)
