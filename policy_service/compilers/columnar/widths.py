"""The number of bits that a computed number needs, by interval arithmetic over the bounds of the facts.

A sum is bounded by the sum of its terms' absolute values, so that no partial sum exceeds the bound, whatever the order
of addition.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import NamedTuple, assert_never

from policy_service.language.core import (
    Absolute,
    CountOf,
    DatePart,
    Extreme,
    Factor,
    MonthsLater,
    Polynomial,
    RoundedQuotient,
    StoredFact,
)
from policy_service.language.functions import DATE_PROPERTIES
from policy_service.language.types import BooleanType, DateType, DurationType, NumberType, TagsType, Type

NARROW = 2**63 - 1
"""The greatest absolute value of a signed 64-bit number."""
WIDE = 10**38 - 1
"""The greatest absolute value of a decimal of 38 digits, which needs 127 bits."""
_DAYS_IN_MONTH = 31


class Interval(NamedTuple):
    """Whole numbers from `low` to `high`, both included."""

    low: int
    high: int

    @property
    def size(self) -> int:
        """The largest absolute value."""
        return max(abs(self.low), abs(self.high))


Bounds = Mapping[str, Interval]
"""The bounds of stored facts; for tags, of the number of words."""


def type_interval(kind: Type) -> Interval:
    """Return the values of a type as whole numbers; for tags, their number; for words (0, 0)."""
    match kind:
        case NumberType() | DateType() | DurationType():
            return Interval(kind.low, kind.high)
        case BooleanType():
            return Interval(0, 1)
        case TagsType(of=of):
            return Interval(0, len(of))
        case _:
            return Interval(0, 0)


def interval_of(polynomial: Polynomial, bounds: Bounds) -> Interval:
    """Return bounds of a polynomial's value, not necessarily tight."""
    low = high = 0
    for monomial, coefficient in polynomial:
        term = Interval(coefficient, coefficient)
        for factor in monomial:
            term = _product(term, factor_interval(factor, bounds))
        low, high = low + term.low, high + term.high
    return Interval(low, high)


def size_of(polynomial: Polynomial, bounds: Bounds) -> int:
    """Return a bound of the absolute value of a polynomial and of all its intermediate results."""
    return sum(
        abs(coefficient) * prod(max(1, factor_interval(factor, bounds).size) for factor in monomial)
        for monomial, coefficient in polynomial
    )


def factor_interval(factor: Factor, bounds: Bounds) -> Interval:
    """Return bounds of one factor's value."""
    match factor:
        case StoredFact() | CountOf():
            return bounds[factor.fact]
        case RoundedQuotient():
            return _quotient(interval_of(factor.numerator, bounds), interval_of(factor.denominator, bounds))
        case Extreme():
            parts = [interval_of(part, bounds) for part in factor.parts]
            choose = min if factor.choose == "min" else max
            return Interval(choose(part.low for part in parts), choose(part.high for part in parts))
        case Absolute():
            operand = interval_of(factor.operand, bounds)
            return Interval(0 if operand.low <= 0 <= operand.high else min(map(abs, operand)), operand.size)
        case DatePart():
            return Interval(*DATE_PROPERTIES[factor.part])
        case MonthsLater():
            day, shift = interval_of(factor.day, bounds), _DAYS_IN_MONTH * factor.months
            return Interval(day.low + min(0, shift), day.high + max(0, shift))
        case _:
            assert_never(factor)


def _product(left: Interval, right: Interval) -> Interval:
    ends = [a * b for a in left for b in right]
    return Interval(min(ends), max(ends))


def _quotient(numerator: Interval, denominator: Interval) -> Interval:
    """Return bounds of a quotient; the denominator is known to be at least 1, whatever its interval."""
    divisors = (max(1, denominator.low), max(1, denominator.high))
    lows = [numerator.low // divisor for divisor in divisors]
    highs = [-(-numerator.high // divisor) for divisor in divisors]
    return Interval(min(lows), max(highs))
