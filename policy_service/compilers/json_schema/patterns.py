"""Ranges of numbers, dates and durations as regular expressions: JSON Schema bounds numbers, but no text.

    number_pattern(NumberType("integer", low=0, high=12))     # → "0" to "12", and "12.0", and "-0"

A range is split by the leading value: the first with greater rests, those between with any rest, the last with smaller
rests. This applies to the digits of a number, to year, month and day, and to the units of a duration.

The expressions only use what JSON Schema recommends (2020-12 core, section 6.4: anchors, classes, counts, groups and
alternatives). They follow ECMA-262, where `$` is the end of the text and not a line end before it.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable

from policy_service.language.numerals import MAX_DECIMALS
from policy_service.language.types import DateType, DurationType, NumberType

CALENDAR_DAY = (
    "^([0-9]{4}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))"
    "|([0-9]{2}(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)-02-29)$"
)
"""Every day of the Gregorian calendar, with its leap years."""
_UNITS = (("D", 86_400), ("H", 3_600), ("M", 60), ("S", 1))
_LARGEST = (10**12 - 1, 10**9 - 1, 10**9 - 1, 10**9 - 1)
"""The greatest number of each unit at the beginning of a duration."""
_LARGEST_INSIDE = (0, 23, 59, 59)
"""The same after a larger unit."""
_Piece = tuple[int, int, int, int]


def number_pattern(kind: NumberType) -> str:
    """Return the plain decimals that the type accepts: no plus sign, no leading zero, no exponent."""
    return _signed(kind.low, kind.high, "", lambda low, high: _plain(low, high, kind.scale))


def date_pattern(kind: DateType) -> str:
    """Return the range of the type's days, to be combined with CALENDAR_DAY."""
    low, high = (datetime.date.fromordinal(day) for day in (kind.low, kind.high))
    return f"^{_days(low, high)}$"


def duration_pattern(kind: DurationType) -> str:
    """Return the durations in days and time that the type accepts."""
    return _signed(kind.low, kind.high, "P", _duration)


def _signed(low: int, high: int, prefix: str, pattern: Callable[[int, int], str]) -> str:
    """Return a signed pattern, given one for non-negative numbers; minus zero is zero."""
    if low == -high:
        return f"^-?{prefix}({pattern(0, high)})$"
    negative = [f"-{prefix}({pattern(max(0, -high), -low)})"] if low <= 0 else []
    positive = [f"{prefix}({pattern(max(0, low), high)})"] if high >= 0 else []
    return f"^{_any_of([*negative, *positive])}$"


def _split(low: int, high: int, size: int) -> list[_Piece]:
    """Return the ranges of the leading value and of the rest; a rest is less than `size`."""
    (first, least), (last, most) = divmod(low, size), divmod(high, size)
    if first == last:
        return [(first, last, least, most)]
    begin = [(first, first, least, size - 1)] if least else []
    end = [(last, last, 0, most)] if most < size - 1 else []
    first, last = first + len(begin), last - len(end)
    return [*begin, *([(first, last, 0, size - 1)] if first <= last else []), *end]


def _any_of(patterns: Iterable[str]) -> str:
    alternatives = list(patterns)
    return alternatives[0] if len(alternatives) == 1 else f"({'|'.join(alternatives)})"


def _digit(first: int, last: int) -> str:
    return str(first) if first == last else f"[{first}-{last}]"


def _digits(width: int, low: int, high: int) -> str:
    """Return the numbers with this many digits."""
    if width and (low, high) == (0, 10**width - 1):
        return "[0-9]" if width == 1 else f"[0-9]{{{width}}}"
    if not width:
        return ""
    pieces = _split(low, high, 10 ** (width - 1))
    return _any_of(_digit(first, last) + _digits(width - 1, least, most) for first, last, least, most in pieces)


def _natural(low: int, high: int, zero: str = "") -> str:
    """Return the whole numbers without leading zeros, except for `zero` before one digit."""
    alternatives: list[str] = []
    whole: list[int] = []
    for width in range(len(str(low)), len(str(high)) + 1):
        first, last = max(low, 10 ** (width - 1) if width > 1 else 0), min(high, 10**width - 1)
        if width > 1 and (first, last) == (10 ** (width - 1), 10**width - 1):
            whole.append(width - 1)
        else:
            alternatives.append((zero if width == 1 else "") + _digits(width, first, last))
    if whole:
        alternatives.append(f"[1-9][0-9]{{{whole[0]},{whole[-1]}}}")
    return _any_of(alternatives)


def _plain(low: int, high: int, scale: int) -> str:
    """Return the decimals from `low` to `high`, both times 10^scale."""
    return "|".join(
        _natural(first, last) + _point(scale, least, most) for first, last, least, most in _split(low, high, 10**scale)
    )


def _point(scale: int, low: int, high: int) -> str:
    """Return the point and the decimals after it, or nothing if these may be zeros."""
    if (low, high) == (0, 10**scale - 1):
        decimals = f"[0-9]{{1,{scale}}}0{{0,{MAX_DECIMALS - scale}}}" if scale else f"0{{1,{MAX_DECIMALS}}}"
    else:
        decimals = _some_decimals(scale, low, high, MAX_DECIMALS - scale)
    return f"(\\.{decimals})?" if low == 0 else f"\\.{decimals}"


def _some_decimals(width: int, low: int, high: int, zeros: int) -> str:
    """Return one to `width` decimals, omitted ones being zeros, followed by at most `zeros` zeros."""
    return _any_of(
        _digit(first, last) + _decimals(width - 1, least, most, zeros)
        for first, last, least, most in _split(low, high, 10 ** (width - 1))
    )


def _decimals(width: int, low: int, high: int, zeros: int) -> str:
    """Return the same; no decimals at all if that is in the range."""
    if (low, high) == (0, 10**width - 1):
        return f"[0-9]{{0,{width}}}0{{0,{zeros}}}" if width else f"0{{0,{zeros}}}"
    decimals = _some_decimals(width, low, high, zeros)
    return f"({decimals})?" if low == 0 else decimals


def _days(low: datetime.date, high: datetime.date) -> str:
    """Return days; those outside any calendar do not matter: the 1st of January can stand for day 0."""
    least = 0 if (low.month, low.day) == (1, 1) else low.month * 100 + low.day
    most = 9_999 if (high.month, high.day) == (12, 31) else high.month * 100 + high.day
    years = _split(low.year * 10_000 + least, high.year * 10_000 + most, 10_000)
    return _any_of(f"{_digits(4, first, last)}-{_day(least, most)}" for first, last, least, most in years)


def _day(low: int, high: int) -> str:
    """Return month and day."""
    return _any_of(
        f"{_digits(2, first, last)}-{_digits(2, least, most)}" for first, last, least, most in _split(low, high, 100)
    )


def _duration(low: int, high: int) -> str:
    """Return durations from `low` to `high` seconds, in days, hours, minutes and seconds."""
    days = _from_unit(0, low, high, _LARGEST[0])
    time = [alternative for unit in (1, 2, 3) for alternative in _from_unit(unit, low, high, _LARGEST[unit])]
    return "|".join([*days, *([f"T{_any_of(time)}"] if time else [])])


def _from_unit(unit: int, low: int, high: int, largest: int) -> list[str]:
    """Return the same, beginning with a unit, of which there are at most `largest`; none if impossible."""
    letter, size = _UNITS[unit]
    high = min(high, largest * size + size - 1)
    pieces = _split(low, high, size) if low <= high else []
    return [
        f"{_natural(first, last, '0?')}{letter}{_smaller_units(unit, least, most)}"
        for first, last, least, most in pieces
    ]


def _smaller_units(unit: int, low: int, high: int) -> str:
    """Return the units smaller than one, or nothing if that is in the range."""
    alternatives = [
        each for later in range(unit + 1, 4) for each in _from_unit(later, low, high, _LARGEST_INSIDE[later])
    ]
    if not alternatives:
        return ""
    smaller = ("" if unit else "T") + _any_of(alternatives)
    return f"({smaller})?" if low == 0 else smaller
