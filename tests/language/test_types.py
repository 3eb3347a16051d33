"""Values are read exactly or refused with what was expected, kept as whole numbers and words, and written back."""

import datetime
from decimal import Decimal

import pytest

from policy_service.language.types import (
    FIRST_DAY,
    LAST_DAY,
    LIMIT,
    MAX_TAGS,
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
    ValueRejected,
    describe_type,
    parse_value,
)

BOOLEAN, INTEGER, TEXT = BooleanType(), NumberType("integer"), TextType()
NUMBER = NumberType("number", 2)
MONEY = NumberType("money", 2, currency="CNY")
YEN = NumberType("money", 0, currency="JPY")
DATE, DURATION = DateType(), DurationType()
CHOICE, TAGS = ChoiceType(("b", "a")), TagsType(("b", "a", "c"))
DAY = datetime.date(2026, 11, 21)


@pytest.mark.parametrize(
    ("kind", "raw", "value"),
    [
        (BOOLEAN, True, True),
        (BOOLEAN, False, False),
        (INTEGER, 3, 3),
        (INTEGER, "3", 3),
        (INTEGER, "-3", -3),
        (INTEGER, "0", 0),
        (INTEGER, "-0", 0),
        (INTEGER, Decimal(3), 3),
        (INTEGER, Decimal("3E+2"), 300),
        (INTEGER, Decimal("3E-0"), 3),
        (INTEGER, "3.0", 3),
        (INTEGER, "3." + "0" * 20, 3),
        (INTEGER, Decimal("3.0"), 3),
        (INTEGER, Decimal("45.0"), 45),
        (INTEGER, Decimal("3." + "0" * 500), 3),
        (INTEGER, Decimal("30E-1"), 3),
        (INTEGER, Decimal("0E+400"), 0),
        (INTEGER, Decimal("-0E-400"), 0),
        (INTEGER, LIMIT, LIMIT),
        (INTEGER, -LIMIT, -LIMIT),
        (INTEGER, str(LIMIT), LIMIT),
        (NUMBER, "0.1", 10),
        (NUMBER, Decimal("0.1"), 10),
        (NUMBER, Decimal("-0.10"), -10),
        (NUMBER, "0.10", 10),
        (NUMBER, "0.100", 10),
        (NUMBER, "-0.000", 0),
        (NUMBER, Decimal("800000.000"), 80_000_000),
        (NUMBER, 7, 700),
        (NUMBER, "-0.01", -1),
        (NUMBER, "90071992547409.92", LIMIT),
        (MONEY, "800000.00", 80_000_000),
        (MONEY, Decimal(800000), 80_000_000),
        (YEN, "5", 5),
        (DATE, "2026-11-21", DAY.toordinal()),
        (DATE, DAY, DAY.toordinal()),
        (DATE, "1900-01-01", FIRST_DAY),
        (DATE, "2199-12-31", LAST_DAY),
        (DATE, "2024-02-29", datetime.date(2024, 2, 29).toordinal()),
        (DURATION, "P3D", 259_200),
        (DURATION, "PT4H", 14_400),
        (DURATION, "-P1DT1H1M1S", -90_061),
        (DURATION, "PT36H", 129_600),
        (DURATION, "PT90M30S", 5_430),
        (DURATION, "P0DT08H30M00S", 30_600),
        (CHOICE, "a", "a"),
        (TEXT, "", ""),
        (TEXT, "客户", "客户"),
        (TEXT, "x" * MAX_TEXT, "x" * MAX_TEXT),
        (TAGS, [], frozenset()),
        (TAGS, ["a", "b"], frozenset({"a", "b"})),
        (TAGS, ("a",), frozenset({"a"})),
        (TAGS, {"a"}, frozenset({"a"})),
        (TAGS, frozenset({"a"}), frozenset({"a"})),
        (TAGS, ["a"] * MAX_TAGS, frozenset({"a"})),
    ],
)
def test_a_value_is_kept_exactly(kind: Type, raw: object, value: Value) -> None:
    result = parse_value(kind, raw)
    assert result == value
    assert type(result) is type(value)


MISTYPED: list[tuple[Type, object]] = [
    (BOOLEAN, 1),
    (BOOLEAN, "true"),
    (BOOLEAN, None),
    (INTEGER, True),
    (INTEGER, 3.0),
    (INTEGER, "3.5"),
    (INTEGER, "3." + "0" * 21),
    (INTEGER, Decimal("3.5")),
    (INTEGER, Decimal("3." + "0" * 500 + "1")),
    (INTEGER, Decimal("NaN")),
    (INTEGER, Decimal("sNaN")),
    (INTEGER, Decimal("Infinity")),
    (INTEGER, Decimal("-Infinity")),
    (INTEGER, float("nan")),
    (INTEGER, float("inf")),
    (INTEGER, "1e3"),
    (INTEGER, "+3"),
    (INTEGER, "03"),
    (INTEGER, " 3"),
    (INTEGER, "3\n"),
    (INTEGER, "٣"),
    (INTEGER, ""),
    (INTEGER, "-"),
    (INTEGER, [3]),
    (INTEGER, "9" * 400),
    (INTEGER, Decimal("1e-400")),
    (NUMBER, 0.5),
    (NUMBER, "0.001"),
    (NUMBER, "0.1001"),
    (NUMBER, Decimal("0.001")),
    (NUMBER, ".5"),
    (NUMBER, "5."),
    (NUMBER, "1,5"),
    (MONEY, "1.005"),
    (YEN, "0.5"),
    (DATE, "2026-02-29"),
    (DATE, "2026-1-1"),
    (DATE, "20261121"),
    (DATE, "2026-11-21T00:00:00"),
    (DATE, datetime.datetime(2026, 11, 21, tzinfo=datetime.UTC)),
    (DATE, 20261121),
    (DURATION, "P1M"),
    (DURATION, "P1Y"),
    (DURATION, "P1W"),
    (DURATION, "P"),
    (DURATION, "PT"),
    (DURATION, "P1DT"),
    (DURATION, "P1DT24H"),
    (DURATION, "PT1H60M"),
    (DURATION, "P1DT60S"),
    (DURATION, "PT008H"),
    (DURATION, "3 days"),
    (DURATION, 3),
    (CHOICE, "c"),
    (CHOICE, "A"),
    (CHOICE, ["a"]),
    (CHOICE, None),
    (TEXT, 3),
    (TEXT, "x" * (MAX_TEXT + 1)),
    (TEXT, "x" * 65_536),
    (TAGS, ["a", "d"]),
    (TAGS, ["a", 1]),
    (TAGS, "a"),
    (TAGS, ["a"] * (MAX_TAGS + 1)),
    (TAGS, {"a": True}),
]


@pytest.mark.parametrize(("kind", "raw"), MISTYPED)
def test_what_is_no_value_of_the_type_is_refused_with_what_was_expected(kind: Type, raw: object) -> None:
    with pytest.raises(ValueRejected) as refused:
        parse_value(kind, raw)
    assert (refused.value.kind, refused.value.expected) == ("mistyped", describe_type(kind))
    assert str(refused.value) == describe_type(kind)


@pytest.mark.parametrize("text", ["\ud800", "客户\udfff", "a\udc00b"])
def test_lone_surrogates_are_no_text(text: str) -> None:
    with pytest.raises(ValueRejected) as refused:
        parse_value(TEXT, text)
    assert (refused.value.kind, refused.value.expected) == ("mistyped", "text without lone surrogates")


@pytest.mark.parametrize(
    ("kind", "raw"),
    [
        (INTEGER, LIMIT + 1),
        (INTEGER, -LIMIT - 1),
        (INTEGER, 10**400),
        (INTEGER, -(10**400)),
        (INTEGER, Decimal("1e400")),
        (INTEGER, Decimal("-1e400")),
        (INTEGER, Decimal("1e999999")),
        (NUMBER, "90071992547409.93"),
        (NUMBER, Decimal("-90071992547409.93")),
        (MONEY, 10**400),
        (NumberType("integer", low=1, high=5), 0),
        (NumberType("integer", low=1, high=5), 6),
        (DATE, "1899-12-31"),
        (DATE, "2200-01-01"),
        (DATE, datetime.date(1, 1, 1)),
        (DurationType(low=0), "-PT1S"),
        (DurationType(high=60), "PT61S"),
    ],
)
def test_what_lies_outside_is_out_of_range(kind: Type, raw: object) -> None:
    with pytest.raises(ValueRejected) as refused:
        parse_value(kind, raw)
    assert (refused.value.kind, refused.value.expected) == ("out-of-range", describe_type(kind))


@pytest.mark.parametrize(
    ("kind", "raw", "value"),
    [
        (NumberType("integer", low=1, high=5), 1, 1),
        (NumberType("integer", low=1, high=5), 5, 5),
        (DurationType(low=0), "PT0S", 0),
        (DurationType(high=60), "PT60S", 60),
    ],
)
def test_the_ends_of_a_range_belong_to_it(kind: Type, raw: object, value: Value) -> None:
    assert parse_value(kind, raw) == value
