"""The types of facts and outcomes, and how their values are parsed, stored and written.

Exact: no binary floating point.

| type     | in JSON and YAML                  | kept as                           | computed with       |
|----------|-----------------------------------|-----------------------------------|---------------------|
| boolean  | true, false                       | bool                              | bool                |
| integer  | 3, "3", 3.0, "3.0"                | int                               | Fraction            |
| number   | "0.95", 0.95 (`scale` decimals)   | int, scaled: 9500 at scale 4      | Fraction            |
| money    | "800000.00", 800000               | int, minor units: 80000000 (fen)  | Fraction, in units  |
| date     | "2026-11-21"                      | int, proleptic ordinal day        | datetime.date       |
| duration | "P3D", "PT4H" (days and time)     | int, seconds                      | Duration            |
| choice   | one of the words of `of`          | str                               | str                 |
| text     | any text up to 1,000 characters   | str                               | str                 |
| tags     | list of words of `of`             | frozenset of str                  | frozenset of str    |

Whole and scaled numbers stay within ±2^53, so that every JSON parser and every database reads the same number. Trailing
zeros are ignored: 800000.000 is 800000.00, and 45.0 is the whole number 45.
"""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, assert_never

from policy_service.language.diagnostics import shorten
from policy_service.language.numerals import PLAIN_DECIMAL, scaled_number

LIMIT = 2**53
"""Largest absolute value of a stored number."""
MAX_SCALE = 6
MAX_TEXT = 1_000
MAX_TAGS = 100
SECONDS_PER_DAY = 86_400
CURRENCIES = {
    "CNY": 2,
    "USD": 2,
    "EUR": 2,
    "GBP": 2,
    "HKD": 2,
    "TWD": 2,
    "SGD": 2,
    "AUD": 2,
    "JPY": 0,
    "KRW": 0,
}
"""Currencies and the decimals of their minor unit (ISO 4217)."""
FIRST_DAY = datetime.date(1900, 1, 1).toordinal()
LAST_DAY = datetime.date(2199, 12, 31).toordinal()

Value = bool | int | str | frozenset[str]
"""A stored value: see the table above."""


@dataclass(frozen=True, slots=True)
class BooleanType:
    """True or false."""


@dataclass(frozen=True, slots=True)
class NumberType:
    """A whole number, a decimal or an amount of money; `low` and `high` are scaled by 10^scale."""

    kind: Literal["integer", "number", "money"]
    scale: int = 0
    low: int = -LIMIT
    high: int = LIMIT
    currency: str = ""


@dataclass(frozen=True, slots=True)
class DateType:
    """A day, stored as its proleptic ordinal (1 is 0001-01-01)."""

    low: int = FIRST_DAY
    high: int = LAST_DAY


CALENDAR = DateType(datetime.date.min.toordinal(), datetime.date.max.toordinal())
"""The default range of a computed date: every day from 0001-01-01 to 9999-12-31."""


@dataclass(frozen=True, slots=True)
class DurationType:
    """A days and time duration (FEEL), stored in seconds."""

    low: int = -LIMIT
    high: int = LIMIT


@dataclass(frozen=True, slots=True)
class ChoiceType:
    """One of a closed list of words. `ordered` names the better end of the list."""

    of: tuple[str, ...]
    ordered: Literal["best-first", "worst-first"] | None = None


@dataclass(frozen=True, slots=True)
class TextType:
    """Free text, at most 1,000 characters."""


@dataclass(frozen=True, slots=True)
class TagsType:
    """Any subset of a closed list of words."""

    of: tuple[str, ...]


UNKNOWN_TYPE = TextType()
"""Stands, by identity, for an invalid declared type, so that no follow-up errors are reported."""

Type = BooleanType | NumberType | DateType | DurationType | ChoiceType | TextType | TagsType


@dataclass(frozen=True, slots=True)
class Duration:
    """A FEEL days and time duration in computations: exact seconds."""

    seconds: Fraction


@dataclass(frozen=True, slots=True)
class Months:
    """A FEEL years and months duration; only literals have this type."""

    count: int


Exact = bool | Fraction | datetime.date | Duration | Months | str | frozenset[str]
"""A value in computations: see the table above."""


class ValueRejected(ValueError):
    """A value does not fit its type; `expected` describes what would."""

    def __init__(self, kind: Literal["mistyped", "out-of-range"], expected: str) -> None:
        super().__init__(expected)
        self.kind = kind
        self.expected = expected


def type_name(kind: Type) -> str:
    """Return the word a policy file uses for the type."""
    match kind:
        case BooleanType():
            return "boolean"
        case NumberType():
            return kind.kind
        case DateType():
            return "date"
        case DurationType():
            return "duration"
        case ChoiceType():
            return "choice"
        case TextType():
            return "text"
        case TagsType():
            return "tags"
        case _:
            assert_never(kind)


def describe_type(kind: Type) -> str:
    """Describe the values of the type, for error messages."""
    match kind:
        case BooleanType():
            return "true or false"
        case NumberType(kind="integer"):
            return f"a whole number{_bounds(kind)}"
        case NumberType(kind="money"):
            return f"an amount in {kind.currency} with {_decimals(kind.scale)}{_bounds(kind)}"
        case NumberType():
            return f"a number with {_decimals(kind.scale)}{_bounds(kind)}"
        case DateType():
            return f"a date such as 2026-11-21{_bounds(kind)}"
        case DurationType():
            return f"a duration such as P3D or PT4H{_bounds(kind)}"
        case ChoiceType():
            return f"one of {shorten(', '.join(kind.of), 200)}"
        case TextType():
            return f"text of at most {MAX_TEXT:,} characters"
        case TagsType():
            return f"a list of words out of {shorten(', '.join(kind.of), 200)}"
        case _:
            assert_never(kind)


def _decimals(scale: int) -> str:
    return f"at most {scale} decimal{'s' * (scale > 1)}" if scale else "no decimals"


def _bounds(kind: NumberType | DateType | DurationType) -> str:
    default = (
        type(kind)(kind.kind, kind.scale, currency=kind.currency) if isinstance(kind, NumberType) else type(kind)()
    )
    if kind == CALENDAR:
        return ""
    low = f"at least {format_value(kind, kind.low)}" if kind.low != default.low else ""
    high = f"at most {format_value(kind, kind.high)}" if kind.high != default.high else ""
    if not low and not high:
        return ", from 1900 to 2199" if isinstance(kind, DateType) else ", inside ±2^53 in its smallest unit"
    return ", " + " and ".join(part for part in (low, high) if part)


def parse_value(kind: Type, raw: object) -> Value:
    """Return the stored form of `raw`, a JSON value whose decimals are Decimal, never float.

    Raises ValueRejected if it is mistyped or out of range, with what was expected.
    """
    match kind:
        case BooleanType():
            if isinstance(raw, bool):
                return raw
        case NumberType():
            if (scaled := scaled_number(raw, kind.scale)) is not None:
                return _check_range(kind, scaled)
        case DateType():
            if isinstance(raw, str) and (day := parse_date(raw)) is not None:
                return _check_range(kind, day.toordinal())
            if type(raw) is datetime.date:
                return _check_range(kind, raw.toordinal())
        case DurationType():
            if isinstance(raw, str) and _IN_ORDER.fullmatch(raw) and isinstance(span := parse_duration(raw), Duration):
                return _check_range(kind, int(span.seconds))
        case ChoiceType():
            if isinstance(raw, str) and raw in kind.of:
                return str(raw)
        case TextType():
            if isinstance(raw, str) and len(raw) <= MAX_TEXT:
                return _encodable(str(raw))
        case TagsType():
            if isinstance(raw, list | tuple | frozenset | set) and len(raw) <= MAX_TAGS:
                words = [word for word in raw if isinstance(word, str) and word in kind.of]
                if len(words) == len(raw):
                    return frozenset(words)
        case _:
            assert_never(kind)
    raise ValueRejected("mistyped", describe_type(kind))


def _check_range(kind: NumberType | DateType | DurationType, value: int) -> int:
    if kind.low <= value <= kind.high:
        return value
    raise ValueRejected("out-of-range", describe_type(kind))


def _encodable(text: str) -> str:
    """Return `text`, unless it contains lone surrogates, which databases and JSON writers reject."""
    if text.isascii() or not _SURROGATE.search(text):
        return text
    raise ValueRejected("mistyped", "text without lone surrogates")


_SURROGATE = re.compile("[\ud800-\udfff]")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_DURATION = re.compile(
    r"(-?)P(?=[0-9T])(?:([0-9]{1,9})Y)?(?:([0-9]{1,12})M)?(?:([0-9]{1,12})D)?"
    r"(?:T(?=[0-9])(?:([0-9]{1,9})H)?(?:([0-9]{1,9})M)?(?:([0-9]{1,9})S)?)?",
    re.ASCII,
)
_N, _H, _M = "(?:0?[0-9]|[1-9][0-9]+)", "(?:[01]?[0-9]|2[0-3])", "[0-5]?[0-9]"
_IN_ORDER = re.compile(
    f"-?P(?:{_N}D(?:T(?:{_H}H)?(?:{_M}M)?(?:{_M}S)?)?|T(?:{_N}H(?:{_M}M)?(?:{_M}S)?|{_N}M(?:{_M}S)?|{_N}S))"
)
"""A duration in which only the first unit may exceed the next larger unit: `PT36H`, but not `P1DT36H`."""


def parse_decimal(text: str) -> Fraction | None:
    """Parse a plain decimal such as `-1.50` exactly; None if it is invalid."""
    return Fraction(text) if PLAIN_DECIMAL.fullmatch(text) else None


def parse_date(text: str) -> datetime.date | None:
    """Parse an ISO 8601 calendar date (`2026-11-21`); None if it is invalid."""
    if not _DATE.fullmatch(text):
        return None
    try:
        return datetime.date.fromisoformat(text)
    except ValueError:
        return None


def parse_duration(text: str) -> Duration | Months | None:
    """Parse an ISO 8601 duration such as `P30D`, `PT4H` or `P1Y6M`; None if it is invalid.

    FEEL separates days and time from years and months (DMN 1.5 section 10.3.2.3.4), so text with both is invalid.
    """
    match = _DURATION.fullmatch(text)
    if match is None:
        return None
    sign = -1 if match[1] else 1
    years, months, days, hours, minutes, seconds = (int(part or 0) for part in match.groups()[1:])
    has_months = match[2] is not None or match[3] is not None
    if has_months and any(part is not None for part in match.groups()[3:]):
        return None
    if has_months:
        return Months(sign * (years * 12 + months))
    return Duration(Fraction(sign * (days * SECONDS_PER_DAY + hours * 3600 + minutes * 60 + seconds)))


def format_value(kind: Type, value: Value) -> object:
    """Return `value` as JSON: decimals and money as strings, dates and durations as ISO 8601, tags sorted."""
    match kind, value:
        case NumberType(scale=scale), int() if scale or kind.kind != "integer":
            return write_decimal(value, scale)
        case DateType(), int():
            return datetime.date.fromordinal(value).isoformat()
        case DurationType(), int():
            return write_duration(value)
        case TagsType(), frozenset():
            return sorted(value, key=kind.of.index)
        case _:
            return value


def write_decimal(scaled: int, scale: int) -> str:
    """Return a scaled number as text with exactly `scale` decimals: (80000000, 2) is `800000.00`."""
    if not scale:
        return str(scaled)
    digits = str(abs(scaled)).rjust(scale + 1, "0")
    return f"{'-' if scaled < 0 else ''}{digits[:-scale]}.{digits[-scale:]}"


def write_duration(seconds: int) -> str:
    """Return seconds as the shortest ISO 8601 duration: 100800 is `P1DT4H`."""
    days, rest = divmod(abs(seconds), SECONDS_PER_DAY)
    hours, rest = divmod(rest, 3600)
    minutes, rest = divmod(rest, 60)
    time = "".join(f"{count}{unit}" for count, unit in ((hours, "H"), (minutes, "M"), (rest, "S")) if count)
    text = (f"{days}D" if days else "") + (f"T{time}" if time else "")
    return f"{'-' if seconds < 0 else ''}P{text or 'T0S'}"


def to_exact(kind: Type, value: Value) -> Exact:
    """Return a stored value in the form used in computations."""
    match kind, value:
        case NumberType(), int():
            return Fraction(value, 10**kind.scale)
        case DateType(), int():
            return datetime.date.fromordinal(value)
        case DurationType(), int():
            return Duration(Fraction(value))
        case _, bool() | str() | frozenset():
            return value
        case _:
            raise ArithmeticError(f"{value!r} is not {describe_type(kind)}")


def quantize(kind: Type, value: Exact) -> Value:
    """Return a computed value in stored form.

    The checker has proved that it fits; raises ArithmeticError if it does not.
    """
    match kind, value:
        case NumberType(), Fraction():
            scaled = value * 10**kind.scale
        case DurationType(), Duration():
            scaled = value.seconds
        case DateType(), datetime.date():
            return value.toordinal()
        case _, bool() | str() | frozenset():
            return value
        case _:
            raise ArithmeticError(f"{value!r} is not {describe_type(kind)}")
    if scaled.denominator != 1:
        raise ArithmeticError(f"{value!r} is not {describe_type(kind)}")
    return int(scaled)
