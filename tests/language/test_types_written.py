"""Types are described, and their values written, computed with and kept again, without losing anything."""

# ruff: noqa: E501  # a case is one line of a table

import datetime
from contextlib import suppress
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy_service.language.types import (
    CURRENCIES,
    LIMIT,
    BooleanType,
    ChoiceType,
    DateType,
    Duration,
    DurationType,
    Months,
    NumberType,
    TagsType,
    TextType,
    Type,
    Value,
    ValueRejected,
    describe_type,
    format_value,
    parse_date,
    parse_decimal,
    parse_duration,
    parse_value,
    quantize,
    to_exact,
    type_name,
    write_decimal,
    write_duration,
)

BOOLEAN, INTEGER, TEXT = BooleanType(), NumberType("integer"), TextType()
NUMBER = NumberType("number", 2)
MONEY = NumberType("money", 2, currency="CNY")
YEN = NumberType("money", 0, currency="JPY")
DATE, DURATION = DateType(), DurationType()
CHOICE, TAGS = ChoiceType(("b", "a")), TagsType(("b", "a", "c"))
DAY = datetime.date(2026, 11, 21)


@pytest.mark.parametrize(
    ("kind", "name", "description"),
    [
        (BOOLEAN, "boolean", "true or false"),
        (INTEGER, "integer", "a whole number, inside ±2^53 in its smallest unit"),
        (NumberType("integer", low=0), "integer", "a whole number, at least 0"),
        (NumberType("integer", high=9), "integer", "a whole number, at most 9"),
        (NumberType("integer", low=0, high=9), "integer", "a whole number, at least 0 and at most 9"),
        (NUMBER, "number", "a number with at most 2 decimals, inside ±2^53 in its smallest unit"),
        (NumberType("number", 1, low=5), "number", "a number with at most 1 decimal, at least 0.5"),
        (NumberType("number"), "number", "a number with no decimals, inside ±2^53 in its smallest unit"),
        (NumberType("money", 2, 0, 150, "CNY"), "money", "an amount in CNY with at most 2 decimals, at least 0.00 and at most 1.50"),
        (NumberType("money", 0, 0, currency="JPY"), "money", "an amount in JPY with no decimals, at least 0"),
        (DATE, "date", "a date such as 2026-11-21, from 1900 to 2199"),
        (DateType(low=DAY.toordinal()), "date", "a date such as 2026-11-21, at least 2026-11-21"),
        (DURATION, "duration", "a duration such as P3D or PT4H, inside ±2^53 in its smallest unit"),
        (DurationType(high=90), "duration", "a duration such as P3D or PT4H, at most PT1M30S"),
        (CHOICE, "choice", "one of b, a"),
        (ChoiceType(("x" * 150, "y" * 150)), "choice", f"one of {'x' * 150}, {'y' * 48}… (302 characters)"),
        (TEXT, "text", "text of at most 1,000 characters"),
        (TAGS, "tags", "a list of words out of b, a, c"),
    ],
)  # fmt: skip
def test_a_type_is_called_and_described_so(kind: Type, name: str, description: str) -> None:
    assert type_name(kind) == name
    assert describe_type(kind) == description


@pytest.mark.parametrize(
    ("kind", "value", "written"),
    [
        (BOOLEAN, True, True),
        (INTEGER, -3, -3),
        (NUMBER, -5, "-0.05"),
        (NumberType("number"), 5, "5"),
        (MONEY, 80_000_000, "800000.00"),
        (YEN, 5, "5"),
        (DATE, DAY.toordinal(), "2026-11-21"),
        (DURATION, 90_061, "P1DT1H1M1S"),
        (CHOICE, "a", "a"),
        (TEXT, "客户", "客户"),
        (TAGS, frozenset({"a", "b"}), ["b", "a"]),
    ],
)
def test_a_value_is_written_as_json_so(kind: Type, value: Value, written: object) -> None:
    assert format_value(kind, value) == written
    assert parse_value(kind, written) == value


@pytest.mark.parametrize(
    ("scaled", "scale", "text"),
    [(0, 0, "0"), (0, 2, "0.00"), (5, 2, "0.05"), (-5, 2, "-0.05"), (123, 2, "1.23"), (-123, 0, "-123"), (1, 6, "0.000001")],
)  # fmt: skip
def test_a_scaled_number_is_written_with_all_its_decimals(scaled: int, scale: int, text: str) -> None:
    assert write_decimal(scaled, scale) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "PT0S"), (1, "PT1S"), (60, "PT1M"), (3600, "PT1H"), (86_400, "P1D"), (100_800, "P1DT4H"), (-90_061, "-P1DT1H1M1S"), (86_399, "PT23H59M59S")],
)  # fmt: skip
def test_a_duration_is_written_as_short_as_can_be(seconds: int, text: str) -> None:
    assert write_duration(seconds) == text
    assert parse_duration(text) == Duration(Fraction(seconds))


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("P1Y6M", Months(18)),
        ("-P1M", Months(-1)),
        ("P2Y", Months(24)),
        ("P1D", Duration(Fraction(86_400))),
        ("PT1M", Duration(Fraction(60))),
        ("-PT1S", Duration(Fraction(-1))),
        ("P999999999D", Duration(Fraction(999_999_999 * 86_400))),
        ("P1M1D", None),
        ("P1YT1S", None),
        ("P0MT0S", None),
        ("P1M0D", None),
        ("P1000000000000D", None),
        ("P1.5D", None),
        ("p1d", None),
        ("P-1D", None),
        ("P1D\n", None),
        ("T1S", None),
        ("", None),
    ],
)
def test_durations_keep_days_and_time_apart_from_months(text: str, duration: Duration | Months | None) -> None:
    assert parse_duration(text) == duration


@pytest.mark.parametrize(
    ("text", "number"),
    [("1.50", Fraction(3, 2)), ("-0.1", Fraction(-1, 10)), ("9" * 31, Fraction(int("9" * 31))), ("9" * 32, None), ("0." + "1" * 20, Fraction(int("1" * 20), 10**20)), ("0." + "1" * 21, None), ("1e3", None), ("00", None)],
)  # fmt: skip
def test_a_plain_decimal_is_read_exactly(text: str, number: Fraction | None) -> None:
    assert parse_decimal(text) == number


@pytest.mark.parametrize("text", ["0000-01-01", "2026-13-01", "2026-00-10", "2026-11-31", "x", "２０２６-11-21"])
def test_a_day_that_is_in_no_calendar_is_no_date(text: str) -> None:
    assert parse_date(text) is None


@pytest.mark.parametrize(
    ("kind", "value", "computed"),
    [
        (BOOLEAN, True, True),
        (INTEGER, 3, Fraction(3)),
        (NUMBER, 150, Fraction(3, 2)),
        (DATE, DAY.toordinal(), DAY),
        (DURATION, 60, Duration(Fraction(60))),
        (CHOICE, "a", "a"),
        (TAGS, frozenset({"a"}), frozenset({"a"})),
    ],
)
def test_a_kept_value_is_computed_with_exactly_and_kept_again(kind: Type, value: Value, computed: object) -> None:
    assert to_exact(kind, value) == computed
    assert quantize(kind, to_exact(kind, value)) == value


@pytest.mark.parametrize(
    ("kind", "computed", "message"),
    [
        (NUMBER, Fraction(1, 1000), "Fraction(1, 1000) is not a number with at most 2 decimals, inside ±2^53 in its smallest unit"),
        (DURATION, Duration(Fraction(1, 2)), "Duration(seconds=Fraction(1, 2)) is not a duration such as P3D or PT4H, inside ±2^53 in its smallest unit"),
        (DATE, Fraction(1), "Fraction(1, 1) is not a date such as 2026-11-21, from 1900 to 2199"),
    ],
)  # fmt: skip
def test_a_computed_value_that_does_not_fit_is_never_rounded(kind: Type, computed: Fraction, message: str) -> None:
    with pytest.raises(ArithmeticError) as refused:
        quantize(kind, computed)
    assert str(refused.value) == message


def test_currencies_have_the_decimals_of_their_minor_unit() -> None:
    assert dict(CURRENCIES) == {
        **dict.fromkeys(("CNY", "USD", "EUR", "GBP", "HKD", "TWD", "SGD", "AUD"), 2),
        "JPY": 0,
        "KRW": 0,
    }


def test_the_limits_are_those_every_json_reader_has() -> None:
    assert (LIMIT, INTEGER.low, INTEGER.high, DURATION.low, DURATION.high) == (2**53, -(2**53), 2**53, -(2**53), 2**53)
    assert (DATE.low, DATE.high) == (693_596, 803_168)


@given(st.integers(-LIMIT, LIMIT), st.integers(0, 6))
def test_what_is_written_is_read_again(scaled: int, scale: int) -> None:
    kind = NumberType("number", scale)
    assert parse_value(kind, format_value(kind, scaled)) == scaled
    assert parse_value(kind, Decimal(write_decimal(scaled, scale))) == scaled


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    for kind in (INTEGER, NUMBER, DATE, DURATION, CHOICE, TEXT):
        with suppress(ValueRejected):
            assert parse_value(kind, format_value(kind, parse_value(kind, text))) == parse_value(kind, text)
