"""Static analysis of arithmetic: the unit, range and decimals of an expression, before any fact is known.

| operation                      | unit of the result                                                |
|--------------------------------|-------------------------------------------------------------------|
| number ± number                | number; the same for one currency, and for durations              |
| date - date                    | duration                                                          |
| date ± duration, date ± months | date (hours that do not fill a day are dropped, as FEEL does)     |
| number * x, x * number, x / number | the unit of x (number, a currency, duration)                  |
| x / x                          | number (currencies, durations)                                    |
| number ** whole number         | number                                                            |

A plain literal such as `500000` takes the unit of what it is added to or compared with. Anything else is a mismatch.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import assert_never

from policy_service.language.ast import Operator
from policy_service.language.functions import ROUND, Rounding, exact_power, round_to, whole_days
from policy_service.language.types import (
    SECONDS_PER_DAY,
    DateType,
    Duration,
    DurationType,
    Months,
    NumberType,
)

LITERAL, NUMBER, DATE, DURATION, MONTHS = "a literal", "a number", "a date", "a duration", "months"
FIRST = Fraction(datetime.date.min.toordinal())
LAST = Fraction(datetime.date.max.toordinal())
_DAYS_IN_MONTH = 31


@dataclass(frozen=True, slots=True)
class Quantity:
    """A range of exact numbers in a unit: `low` to `high`, both included.

    Dates count in days, durations in seconds, months in months. `scale` is the greatest number of decimals a value can
    have; None if a quotient may be non-terminating.
    """

    unit: str
    low: Fraction
    high: Fraction
    scale: int | None = 0

    @property
    def holds_zero(self) -> bool:
        """True if the value may be zero."""
        return self.low <= 0 <= self.high


def quantity_of_type(kind: NumberType | DateType | DurationType) -> Quantity:
    """Return the range and unit that a fact's type implies."""
    match kind:
        case NumberType():
            size = 10**kind.scale
            return Quantity(kind.currency or NUMBER, Fraction(kind.low, size), Fraction(kind.high, size), kind.scale)
        case DateType():
            return Quantity(DATE, Fraction(kind.low), Fraction(kind.high))
        case DurationType():
            return Quantity(DURATION, Fraction(kind.low), Fraction(kind.high))
        case _:
            assert_never(kind)


def quantity_of_constant(value: Fraction | datetime.date | Duration | Months) -> Quantity:
    """Return the quantity of a literal."""
    match value:
        case Fraction():
            return Quantity(LITERAL, value, value, decimals(value))
        case datetime.date():
            return Quantity(DATE, Fraction(value.toordinal()), Fraction(value.toordinal()))
        case Duration():
            return Quantity(DURATION, value.seconds, value.seconds)
        case Months():
            return Quantity(MONTHS, Fraction(value.count), Fraction(value.count))
        case _:
            assert_never(value)


def decimals(value: Fraction) -> int | None:
    """Return the number of decimals of a number; None if it is non-terminating."""
    scale, denominator = 0, value.denominator
    while denominator % 10 == 0:
        denominator, scale = denominator // 10, scale + 1
    for factor in (2, 5):
        while denominator % factor == 0:
            denominator, scale = denominator // factor, scale + 1
    return scale if denominator == 1 else None


def is_plain(unit: str) -> bool:
    """Return True if the unit is a number or a currency, which a literal can have."""
    return unit not in (DATE, DURATION, MONTHS)


def common_unit(left: str, right: str) -> str | None:
    """Return the common unit in which both can be compared or added; None if there is none."""
    if left == right:
        return left
    if LITERAL in (left, right) and is_plain(left) and is_plain(right):
        return right if left == LITERAL else left
    return None


def result_unit(operator: Operator, left: str, right: str) -> str | None:
    """Return the unit of the result, by the table above; None if it is undefined."""
    factors = (LITERAL, NUMBER)
    match operator:
        case "+" | "-":
            if left == DATE:
                return DURATION if right == DATE and operator == "-" else DATE if right in (DURATION, MONTHS) else None
            return None if MONTHS in (left, right) else common_unit(left, right)
        case "*" if left in factors or right in factors:
            other = right if left in factors else left
            return None if other in (DATE, MONTHS) else NUMBER if {left, right} == {LITERAL, NUMBER} else other
        case "/" if left not in (DATE, MONTHS):
            if right in factors:
                return NUMBER if left == LITERAL and right == NUMBER else left
            return NUMBER if left == right else None
    return None


def combine(operator: Operator, left: Quantity, right: Quantity, unit: str) -> Quantity:
    """Return the range and decimals of `left operator right`. A divisor is known not to be zero."""
    if DATE in (left.unit, right.unit):
        return _combine_dates(operator, left, right, unit)
    apply: Callable[[Fraction, Fraction], Fraction] = _APPLY[operator]
    ends = [apply(a, b) for a in (left.low, left.high) for b in (right.low, right.high)]
    if operator == "/":
        divisor_scale = decimals(1 / right.low) if right.low == right.high else None
        scale = None if divisor_scale is None or left.scale is None else left.scale + divisor_scale
    elif left.scale is None or right.scale is None:
        scale = None
    else:
        scale = left.scale + right.scale if operator == "*" else max(left.scale, right.scale)
    return Quantity(unit, min(ends), max(ends), scale)


_APPLY: Mapping[Operator, Callable[[Fraction, Fraction], Fraction]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
}


def _combine_dates(operator: Operator, left: Quantity, right: Quantity, unit: str) -> Quantity:
    if unit == DURATION:
        return Quantity(unit, (left.low - right.high) * SECONDS_PER_DAY, (left.high - right.low) * SECONDS_PER_DAY)
    size = Fraction(1, SECONDS_PER_DAY) if right.unit == DURATION else Fraction(_DAYS_IN_MONTH)
    ends = [right.low * size, right.high * size]
    if right.unit == MONTHS:
        ends.append(Fraction(0))  # a month has at most 31 days, so this many at the most
    if operator == "-":
        ends = [-end for end in ends]
    return Quantity(unit, _floor(left.low + min(ends)), _floor(left.high + max(ends)))


def power(base: Quantity, exponent: int) -> Quantity:
    """Return the range and decimals of `base ** exponent`.

    The base of a negative exponent is known not to be zero.

    Raises ArithmeticError if a value would have too many digits.
    """
    ends = [exact_power(base.low, Fraction(exponent)), exact_power(base.high, Fraction(exponent))]
    if base.holds_zero and exponent > 0:
        ends.append(Fraction(0))
    if exponent >= 0:
        scale = None if base.scale is None else base.scale * exponent
    else:
        scale = decimals(ends[0]) if base.low == base.high else None
    return Quantity(base.unit, min(ends), max(ends), scale)


def remainder(dividend: Quantity, divisor: Quantity, unit: str) -> Quantity:
    """Return the range and decimals of `modulo(dividend, divisor)`.

    It has the divisor's sign, and a smaller absolute value.
    """
    scales = dividend.scale, divisor.scale
    scale = None if None in scales else max(scale for scale in scales if scale is not None)
    step = Fraction(0) if scale is None else Fraction(1, 10**scale)
    if divisor.low > 0:
        return Quantity(unit, Fraction(0), divisor.high - step, scale)
    return Quantity(unit, divisor.low + step, Fraction(0), scale)


def _floor(value: Fraction) -> Fraction:
    return Fraction(ROUND["floor"](value))


def negate(quantity: Quantity) -> Quantity:
    """Return the range of `-x`."""
    return Quantity(quantity.unit, -quantity.high, -quantity.low, quantity.scale)


def absolute(quantity: Quantity) -> Quantity:
    """Return the range of `abs(x)`."""
    low, high = sorted((abs(quantity.low), abs(quantity.high)))
    return Quantity(quantity.unit, Fraction(0) if quantity.holds_zero else low, high, quantity.scale)


def extreme(choose: Callable[..., Fraction], parts: list[Quantity], unit: str) -> Quantity:
    """Return the range of `min(…)` or `max(…)`."""
    scales = [part.scale for part in parts]
    scale = None if None in scales else max(scale for scale in scales if scale is not None)
    return Quantity(unit, choose(part.low for part in parts), choose(part.high for part in parts), scale)


def round_quantity(way: Rounding, quantity: Quantity, places: int) -> Quantity:
    """Return the range of a rounded value; rounding is monotone."""
    return Quantity(quantity.unit, round_to(way, quantity.low, places), round_to(way, quantity.high, places), places)


def days_of(quantity: Quantity) -> Quantity:
    """Return the range of `duration.days`."""
    return Quantity(NUMBER, Fraction(whole_days(quantity.low)), Fraction(whole_days(quantity.high)))
