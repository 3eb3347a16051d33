"""Functions called by generated code: rounding of quotients and the calendar, on whole numbers alone.

`tests/compilers/test_whole_numbers.py` compares each with the reference evaluator's, in `language/functions.py`.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping

from dateutil.relativedelta import relativedelta

from policy_service.language.functions import Rounding


def floor(numerator: int, denominator: int) -> int:
    """Return the quotient, rounded down."""
    return numerator // denominator


def ceiling(numerator: int, denominator: int) -> int:
    """Return the quotient, rounded up."""
    return -(-numerator // denominator)


def up(numerator: int, denominator: int) -> int:
    """Return the quotient, rounded away from zero."""
    return ceiling(numerator, denominator) if numerator >= 0 else floor(numerator, denominator)


def down(numerator: int, denominator: int) -> int:
    """Return the quotient, rounded towards zero."""
    return floor(numerator, denominator) if numerator >= 0 else ceiling(numerator, denominator)


def half_up(numerator: int, denominator: int) -> int:
    """Return the nearest whole number, halves away from zero."""
    size = (2 * abs(numerator) + denominator) // (2 * denominator)
    return size if numerator >= 0 else -size


def half_down(numerator: int, denominator: int) -> int:
    """Return the nearest whole number, halves towards zero."""
    size = -((denominator - 2 * abs(numerator)) // (2 * denominator))
    return size if numerator >= 0 else -size


def half_even(numerator: int, denominator: int) -> int:
    """Return the nearest whole number, halves to the even one."""
    quotient, rest = divmod(numerator, denominator)
    return quotient + (2 * rest > denominator or (2 * rest == denominator and quotient % 2 == 1))


def months_later(day: int, months: int) -> int:
    """Return the ordinal of the day some months later; a day that the month lacks becomes its last."""
    return (datetime.date.fromordinal(day) + relativedelta(months=months)).toordinal()


def year(day: int) -> int:
    """Return the year of a day."""
    return datetime.date.fromordinal(day).year


def month(day: int) -> int:
    """Return the month of a day, 1 to 12."""
    return datetime.date.fromordinal(day).month


def day_of_month(day: int) -> int:
    """Return the day of the month, 1 to 31."""
    return datetime.date.fromordinal(day).day


def weekday(day: int) -> int:
    """Return the day of the week, Monday 1 to Sunday 7."""
    return (day - 1) % 7 + 1


ROUND: Mapping[Rounding, Callable[[int, int], int]] = {
    "up": up,
    "down": down,
    "half up": half_up,
    "half down": half_down,
    "half even": half_even,
    "floor": floor,
    "ceiling": ceiling,
}
DATE_PARTS: Mapping[str, Callable[[int], int]] = {
    "year": year,
    "month": month,
    "day": day_of_month,
    "weekday": weekday,
}
CALLABLE_FUNCTIONS: tuple[Callable[..., int], ...] = (*ROUND.values(), *DATE_PARTS.values(), months_later)
NAMES: Mapping[str, Callable[..., int]] = {function.__name__: function for function in CALLABLE_FUNCTIONS}
"""All names that generated code may call, besides min, max, abs and len."""
