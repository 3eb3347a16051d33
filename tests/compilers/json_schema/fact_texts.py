"""Values of facts as JSON text: those of a type, in all the ways they are written, and those that are nearly of it."""

from __future__ import annotations

import datetime
import json
from decimal import Decimal
from typing import Any, assert_never

from hypothesis import strategies as st

from policy_service.language.types import (
    LIMIT,
    MAX_SCALE,
    MAX_TEXT,
    BooleanType,
    ChoiceType,
    DateType,
    DurationType,
    NumberType,
    TagsType,
    TextType,
    Type,
    Value,
    format_value,
    write_decimal,
    write_duration,
)

Texts = st.SearchStrategy[str]
ALL_DAYS = (datetime.date(1899, 1, 1).toordinal(), datetime.date(2200, 12, 31).toordinal())
JUNK: Texts = st.sampled_from(
    [
        *("null", "true", "false", "[]", "{}", '["a"]', '""', "0", "-0", "-0.0", "0.1", "45.0", "4.5e1", "9" * 400),
        *("1e400", "-1e400", "1e-400", "0e400", '" 5"', '"5 "', '"+5"', '"05"', '"5."', '".5"', '"1e2"', '"1,000"'),
        *('"-0"', '"NaN"', '"45.0"', '"45.00000000000000000000"', '"45.000000000000000000000"', '"5\\n"'),
        *('"2026-02-30"', '"2024-02-29"', '"1900-02-29"', '"2026-1-1"', '"2026-11-21\\n"'),
        *('"P1M"', '"PT36H"', '"P1DT36H"', '"P"', '"-P0D"', '"PT1H\\n"'),
    ]
)


def spelt(kind: NumberType, scaled: int) -> Texts:
    """A number in the ways that JSON has for it: as a number or in quotes, zeros at its end, with an exponent."""
    plain = write_decimal(scaled, kind.scale)
    exact = Decimal(plain)

    def shifted(exponent: int) -> str:
        return f"{exact.scaleb(-exponent):f}e{exponent}"

    pointed = plain if "." in plain else f"{plain}."
    zeros = st.integers(1, 22).map(lambda count: pointed + "0" * count)
    digits = st.one_of(st.just(plain), st.just(plain.rstrip("0").rstrip(".") if "." in plain else plain), zeros)
    return st.one_of(digits, digits.map(json.dumps), st.integers(-30, 30).map(shifted))


def near(kind: NumberType | DateType | DurationType) -> st.SearchStrategy[int]:
    """Values as they are kept: the ends, those beside them, those between and far away."""
    ends = st.sampled_from([kind.low, kind.high, 0]).flatmap(lambda end: st.integers(end - 2, end + 2))
    return st.one_of(ends, st.integers(kind.low, kind.high), st.integers(-20 * LIMIT, 20 * LIMIT))


def texts(kind: Type) -> Texts:
    """Values of a type and values that are nearly of it, as JSON text."""
    match kind:
        case BooleanType():
            own = st.sampled_from(["true", "false", '"true"', "1"])
        case NumberType():
            finer = NumberType(kind.kind, kind.scale + 1, 10 * kind.low, 10 * kind.high)
            own = st.one_of(
                near(kind).flatmap(lambda value: spelt(kind, value)),
                near(finer).flatmap(lambda value: spelt(finer, value)),
            )
        case DateType():
            days = st.one_of(near(kind), st.integers(*ALL_DAYS)).filter(lambda day: 0 < day <= 3_652_059)
            shift = st.sampled_from(["", "29", "30", "31", "00", "32"])
            own = st.builds(lambda day, last: json.dumps(_date(day, last)), days, shift)
        case DurationType():
            values = near(kind)
            own = st.one_of(
                values.map(lambda value: json.dumps(write_duration(value))),
                values.flatmap(_in_units),
            )
        case ChoiceType(of=of):
            own = st.sampled_from([*of, *(word.upper() for word in of), f"{of[0]} "]).map(json.dumps)
        case TextType():
            own = st.sampled_from([0, 3, MAX_TEXT, MAX_TEXT + 1]).map(
                lambda length: json.dumps(("客𐀀x" * 400)[:length])
            )
        case TagsType(of=of):
            own = st.lists(st.sampled_from([*of, of[0].upper()]), max_size=3).map(json.dumps)
        case _:
            assert_never(kind)
    return st.one_of(own, own, JUNK)


def right(kind: Type) -> Texts:
    """Values of a type as the service writes them itself."""
    match kind:
        case NumberType() | DateType() | DurationType():
            values: st.SearchStrategy[Value] = st.one_of(st.just(kind.low), st.integers(kind.low, kind.high))
        case BooleanType():
            values = st.booleans()
        case ChoiceType(of=of):
            values = st.sampled_from(of)
        case TextType():
            values = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
        case TagsType(of=of):
            values = st.frozensets(st.sampled_from(of), max_size=3)
        case _:
            assert_never(kind)
    return values.map(lambda value: json.dumps(format_value(kind, value)))


def _date(day: int, last: str) -> str:
    text = datetime.date.fromordinal(day).isoformat()
    return text[:8] + last if last else text


def _in_units(seconds: int) -> Texts:
    """A duration that begins with any unit, with and without zeros, or with a unit that is too large inside."""
    sign, size = "-" if seconds < 0 else "", abs(seconds)
    days, rest = divmod(size, 86_400)
    return st.sampled_from(
        [
            f"{sign}PT{size}S",
            f"{sign}PT{size // 60}M{size % 60:02d}S",
            f"{sign}PT{size // 3600}H{size // 60 % 60:02d}M{size % 60}S",
            f"{sign}P{days:02d}DT{rest // 3600:02d}H{rest // 60 % 60:02d}M{rest % 60:02d}S",
            f"{sign}P{days}DT{rest}S",
            f"{sign}P{days}DT",
        ]
    ).map(json.dumps)


def types() -> st.SearchStrategy[Type]:
    """Any type, with any bounds."""
    words = st.lists(st.sampled_from(["it", "零售", "a b", "S"]), min_size=1, max_size=3, unique=True).map(tuple)
    scales = st.integers(0, MAX_SCALE)
    return st.one_of(
        st.builds(BooleanType),
        st.builds(TextType),
        st.builds(ChoiceType, words),
        st.builds(TagsType, words),
        st.builds(lambda scale, ends: NumberType("number", scale, *ends), scales, _ends(-LIMIT, LIMIT)),
        st.builds(lambda ends: DateType(*ends), _ends(DateType().low, DateType().high)),
        st.builds(lambda ends: DurationType(*ends), _ends(-LIMIT, LIMIT)),
    )


def _ends(low: int, high: int) -> st.SearchStrategy[tuple[int, int]]:
    middle = (low + high) // 2
    within = st.one_of(
        st.just(low), st.just(high), st.just(middle), st.integers(middle, middle + 5_000), st.integers(low, high)
    )
    return st.tuples(within, within).map(lambda ends: (min(ends), max(ends)))


def parsed(text: str) -> Any:  # noqa: ANN401  # whatever the text holds
    """JSON as a validator takes it: numbers in full."""
    return json.loads(text, parse_float=Decimal)
