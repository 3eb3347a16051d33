"""The closed set of functions and properties an expression may use, by FEEL's names (DMN 1.5 section 10.3.4).

Only `round(x, n)` is not in FEEL: commercial rounding, halves away from zero, FEEL's `round half up`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from math import ceil, floor
from typing import Literal

Rounding = Literal["up", "down", "half up", "half down", "half even", "floor", "ceiling"]

ROUNDING_FUNCTIONS: Mapping[str, Rounding] = {
    "round": "half up",
    "round half up": "half up",
    "round half down": "half down",
    "round up": "up",
    "round down": "down",
    "decimal": "half even",
    "floor": "floor",
    "ceiling": "ceiling",
}
"""`f(x, n)`: x with n decimals, 0 to 6. `floor` and `ceiling` may omit n, which is then 0."""

NUMBER_FUNCTIONS = frozenset({"abs", "min", "max", "modulo"})
TEXT_TESTS = frozenset({"contains", "starts with", "ends with"})
TAG_FUNCTIONS = frozenset({"list contains", "count"})
FUNCTIONS = frozenset(ROUNDING_FUNCTIONS) | NUMBER_FUNCTIONS | TEXT_TESTS | TAG_FUNCTIONS
DATE_PROPERTIES: Mapping[str, tuple[int, int]] = {
    "year": (1, 9999),
    "month": (1, 12),
    "day": (1, 31),
    "weekday": (1, 7),
}
"""Properties of a date and the range of each; weekday 1 is Monday."""


def _half(value: Fraction, *, up: bool) -> int:
    """Return the nearest whole number, with halves away from zero (`up`) or towards it."""
    size = floor(abs(value))
    rest = abs(value) - size
    if rest > Fraction(1, 2) or (up and rest == Fraction(1, 2)):
        size += 1
    return size if value >= 0 else -size


ROUND: Mapping[Rounding, Callable[[Fraction], int]] = {
    "up": lambda value: ceil(value) if value >= 0 else floor(value),
    "down": lambda value: floor(value) if value >= 0 else ceil(value),
    "half up": lambda value: _half(value, up=True),
    "half down": lambda value: _half(value, up=False),
    "half even": round,
    "floor": floor,
    "ceiling": ceil,
}
"""How each rounding mode turns a number into a whole one. All are monotone."""


def round_to(way: Rounding, value: Fraction, decimals: int) -> Fraction:
    """Return `value` rounded to `decimals` decimals."""
    return Fraction(ROUND[way](value * 10**decimals), 10**decimals)


MAX_BITS = 4_096
"""Maximum number of bits of the numerator and denominator of `x ** n` together."""


def exact_power(base: Fraction, exponent: Fraction) -> Fraction:
    """Return `base ** exponent`. Raises ArithmeticError if it has no exact value, or more than MAX_BITS bits."""
    if (
        exponent.denominator != 1
        or abs(exponent) * (base.numerator.bit_length() + base.denominator.bit_length()) > MAX_BITS
    ):
        raise ArithmeticError(f"{base!r} ** {exponent!r}")
    return Fraction(base ** int(exponent))


def whole_days(seconds: Fraction) -> int:
    """Return the days component of a days and time duration: whole days, truncated (DMN 1.5 table 65)."""
    days = floor(abs(seconds) / 86_400)
    return days if seconds >= 0 else -days
