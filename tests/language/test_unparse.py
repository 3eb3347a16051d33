"""What is written back is read as the same, with no more parentheses than it needs."""

# ruff: noqa: E501  # a case is one line of a table

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy_service.language.ast import (
    And,
    Arithmetic,
    Call,
    Comparison,
    Constant,
    Expr,
    In,
    IsMissing,
    Name,
    Negation,
    Not,
    Or,
    Property,
    Range,
)
from policy_service.language.ast import (
    Test as UnaryTest,
)
from policy_service.language.parser import parse
from policy_service.language.types import Duration, Months
from policy_service.language.unparse import quote, unparse, write_fraction


@pytest.mark.parametrize(
    "text",
    [
        "1",
        "1.5",
        "0.000001",
        "true",
        "false",
        r'"a\"b\\c\nd\te"',
        '"客户"',
        'date("2026-11-21")',
        'duration("P1DT4H")',
        'duration("-PT1S")',
        'duration("P14M")',
        'duration("-P1M")',
        "a",
        "-a",
        "--a",
        "-(a + b)",
        "a + b - c",
        "a - (b - c)",
        "a - (b + c)",
        "a * b / c",
        "a / (b * c)",
        "(a + b) * c",
        "a + b * c",
        "a * -b",
        "a ** 2",
        "(a + b) ** -2",
        "-(a ** 2)",
        "(a ** 2) ** 3",
        "(a - b).days",
        "a.year",
        "(-a).days",
        "a < b",
        "(a < b) = c",
        "a is missing",
        "a is not missing",
        "not(a = b)",
        "a and b and c",
        "a and (b and c)",
        "a or b and c",
        "(a or b) and c",
        "(a is missing) = b",
        "a in (1, < 2, [3..4], (5..6), [7..8), (9..10])",
        'a in ("x", "y")',
        "a in (b, = b + 1, != c)",
        "(a + b) in (1)",
        "min(a, b + 1)",
        "round half up(a, 2)",
        "a in (= -1)",
    ],
)
def test_this_text_is_written_as_it_was_read(text: str) -> None:
    expected = text.replace("(a + b) in", "a + b in")
    assert unparse(parse(text)) == expected
    assert parse(expected) == parse(text)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("((a))", "a"),
        ("a between 1 and 2", "a in ([1..2])"),
        ('@"P30D"', 'duration("P30D")'),
        ('@"2026-11-21"', 'date("2026-11-21")'),
        ('duration("P1Y2M")', 'duration("P14M")'),
        ("1.50", "1.5"),
        ("not(a is missing)", "a is not missing"),
        ("not(not(a is missing))", "not(a is not missing)"),
        ("(a and b) and c", "(a and b) and c"),
    ],
)
def test_other_ways_to_say_it_are_written_in_one_way(text: str, written: str) -> None:
    assert unparse(parse(text)) == written


@pytest.mark.parametrize(
    ("value", "text"), [("0", "0"), ("-1/2", "-0.5"), ("1/8", "0.125"), ("10", "10"), ("-12", "-12"), ("101/100", "1.01")]
)  # fmt: skip
def test_a_decimal_is_written_without_exponent_and_trailing_zeros(value: str, text: str) -> None:
    assert write_fraction(Fraction(value)) == text


def test_text_is_quoted() -> None:
    assert quote('a"b\\\n\t') == '"a\\"b\\\\\\n\\t"'


NAMES = st.sampled_from(["a", "b", "min", "amount_12m"]).map(Name)
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r")).map(Constant)
CONSTANTS = st.one_of(
    st.booleans().map(lambda value: Constant(value=value)),
    st.decimals(0, 10**9, places=3).map(lambda number: Constant(Fraction(number))),
    TEXTS,
    st.dates().map(Constant),
    st.integers(-(10**9), 10**9).map(lambda seconds: Constant(Duration(Fraction(seconds)))),
    st.integers(-9999, 9999).map(lambda months: Constant(Months(months))),
)
COMPARATORS = st.sampled_from(["=", "!=", "<", "<=", ">", ">="])


def _larger(parts: st.SearchStrategy[Expr]) -> st.SearchStrategy[Expr]:
    tests = st.one_of(
        st.builds(UnaryTest, COMPARATORS, parts), st.builds(Range, parts, parts, st.booleans(), st.booleans())
    )
    several = st.lists(parts, min_size=2, max_size=3).map(tuple)
    return st.one_of(
        st.builds(Not, parts),
        st.builds(Negation, parts),
        st.builds(IsMissing, NAMES),
        st.builds(And, several),
        st.builds(Or, several),
        st.builds(Comparison, COMPARATORS, parts, parts),
        st.builds(In, parts, st.lists(tests, min_size=1, max_size=3).map(tuple)),
        st.builds(Arithmetic, st.sampled_from(["+", "-", "*", "/"]), parts, parts),
        st.builds(Call, st.sampled_from(["min", "round half up", "starts with"]), several),
        st.builds(Property, parts, st.sampled_from(["year", "days", "anything"])),
    )


@given(st.recursive(st.one_of(NAMES, CONSTANTS), _larger, max_leaves=12))
def test_whatever_is_written_is_read_as_the_same(expression: Expr) -> None:
    assert parse(unparse(expression)) == expression
