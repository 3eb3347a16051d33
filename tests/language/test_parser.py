"""Every rule of the grammar gives its node at its place; what breaks a rule is refused where it breaks."""

# ruff: noqa: E501  # a case is one line of a table

import datetime
from fractions import Fraction

import pytest

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
from policy_service.language.diagnostics import Code
from policy_service.language.parser import MAX_DEPTH, MAX_DIGITS, MAX_OPERATIONS, Cell, parse, parse_cell
from policy_service.language.tokens import MAX_LENGTH, ExpressionSyntaxError
from policy_service.language.types import Duration, Months

A, B, C = Name("a"), Name("b"), Name("c")
ONE, TWO, THREE = (Constant(Fraction(number)) for number in (1, 2, 3))
DAY = Constant(datetime.date(2026, 11, 21))
A_IS_ONE, B_IS_TWO = Comparison("=", A, ONE), Comparison("=", B, TWO)


@pytest.mark.parametrize(
    ("text", "expression"),
    [
        ("1", ONE),
        ("1.50", Constant(Fraction(3, 2))),
        ('"it"', Constant("it")),
        ("true", Constant(value=True)),
        ("false", Constant(value=False)),
        ("a", A),
        ("(a)", A),
        ('@"2026-11-21"', DAY),
        ('date("2026-11-21")', DAY),
        ('@"P1D"', Constant(Duration(Fraction(86_400)))),
        ('duration("P1D")', Constant(Duration(Fraction(86_400)))),
        ('duration("P3M")', Constant(Months(3))),
        ('@"P3M"', Constant(Months(3))),
        ("-1", Negation(ONE)),
        ("--a", Negation(Negation(A))),
        ("a + 1 - 2", Arithmetic("-", Arithmetic("+", A, ONE), TWO)),
        ("a + b * 2", Arithmetic("+", A, Arithmetic("*", B, TWO))),
        ("(a + b) * 2", Arithmetic("*", Arithmetic("+", A, B), TWO)),
        ("a / b * 2", Arithmetic("*", Arithmetic("/", A, B), TWO)),
        ("-a * b", Arithmetic("*", Negation(A), B)),
        ("a.year", Property(A, "year")),
        ("(a - b).days", Property(Arithmetic("-", A, B), "days")),
        ("-a.year", Negation(Property(A, "year"))),
        *((f"a {sign} 1", Comparison(sign, A, ONE)) for sign in ("=", "!=", "<", "<=", ">", ">=")),
        ("a + 1 < b", Comparison("<", Arithmetic("+", A, ONE), B)),
        ("a between 1 and 2", In(A, (Range(ONE, TWO, low_closed=True, high_closed=True),))),
        ("a between 1 and 2 and b = 2", And((In(A, (Range(ONE, TWO, low_closed=True, high_closed=True),)), B_IS_TWO))),
        ("a in (1, < 2, [1..3])", In(A, (UnaryTest("=", ONE), UnaryTest("<", TWO), Range(ONE, THREE, low_closed=True, high_closed=True)))),
        ("a in [1, < 2]", In(A, (UnaryTest("=", ONE), UnaryTest("<", TWO)))),
        ("a in [1]", In(A, (UnaryTest("=", ONE),))),
        ("a in [[1..3], 2]", In(A, (Range(ONE, THREE, low_closed=True, high_closed=True), UnaryTest("=", TWO)))),
        ("a in ]1..3[", In(A, (Range(ONE, THREE, low_closed=False, high_closed=False),))),
        ("a in ]1..3]", In(A, (Range(ONE, THREE, low_closed=False, high_closed=True),))),
        ("a in [1..3[", In(A, (Range(ONE, THREE, low_closed=True, high_closed=False),))),
        # brackets of intervals in lists, and what looks like them further on
        *(
            (f"a in [< 2, {interval} or a in ]1..3[", Or((In(A, (UnaryTest("<", TWO), Range(ONE, THREE, low_closed=low, high_closed=high))), In(A, (Range(ONE, THREE, low_closed=False, high_closed=False),)))))
            for interval, low, high in (("[1..3]]", True, True), ("[1..3[]", True, False), ("]1..3]]", False, True), ("]1..3[]", False, False), ("(1..3[]", False, False))
        ),
        ("(a in (1, 2)) = (a in ]1..3[)", Comparison("=", In(A, (UnaryTest("=", ONE), UnaryTest("=", TWO))), In(A, (Range(ONE, THREE, low_closed=False, high_closed=False),)))),
        ("a in (]1..3[, 2)", In(A, (Range(ONE, THREE, low_closed=False, high_closed=False), UnaryTest("=", TWO)))),
        ("a > .5", Comparison(">", A, Constant(Fraction(1, 2)))),
        ("a ** 2", Arithmetic("**", A, TWO)),
        ("a * b ** 2 + 1", Arithmetic("+", Arithmetic("*", A, Arithmetic("**", B, TWO)), ONE)),
        ("(-a) ** -2", Arithmetic("**", Negation(A), Negation(TWO))),
        ("a.year ** 2", Arithmetic("**", Property(A, "year"), TWO)),
        ("modulo(a, 2)", Call("modulo", (A, TWO))),
        ("a in [1..3)", In(A, (Range(ONE, THREE, low_closed=True, high_closed=False),))),
        ("a in (1..3]", In(A, (Range(ONE, THREE, low_closed=False, high_closed=True),))),
        ("a in (1..3)", In(A, (Range(ONE, THREE, low_closed=False, high_closed=False),))),
        ("a in ((1..3), 2)", In(A, (Range(ONE, THREE, low_closed=False, high_closed=False), UnaryTest("=", TWO)))),
        ("a in ((1 + 2)..3)", In(A, (Range(Arithmetic("+", ONE, TWO), THREE, low_closed=False, high_closed=False),))),
        ("a in (1)", In(A, (UnaryTest("=", ONE),))),
        ("a in 1", In(A, (UnaryTest("=", ONE),))),
        ("a in < 1", In(A, (UnaryTest("<", ONE),))),
        ('"x" in a', In(Constant("x"), (UnaryTest("=", A),))),
        ("a is missing", IsMissing(A)),
        ("a is not missing", Not(IsMissing(A))),
        ("not(a = 1)", Not(A_IS_ONE)),
        ("a = 1 and b = 2", And((A_IS_ONE, B_IS_TWO))),
        ("a = 1 or b = 2 or c", Or((A_IS_ONE, B_IS_TWO, C))),
        ("a or b and c", Or((A, And((B, C))))),
        ("(a or b) and c", And((Or((A, B)), C))),
        ("a and (b and c)", And((A, And((B, C))))),
        ("min(a, 1)", Call("min", (A, ONE))),
        ("round half up(a, 2)", Call("round half up", (A, TWO))),
        ("floor(a)", Call("floor", (A,))),
        ('starts with(a, "x")', Call("starts with", (A, Constant("x")))),
        ("min", Name("min")),
        ("round half up", None),
    ],
)  # fmt: skip
def test_text_is_read_as(text: str, expression: Expr | None) -> None:
    if expression is None:
        with pytest.raises(ExpressionSyntaxError):
            parse(text)
    else:
        assert parse(text) == expression


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("-", Cell(Constant(value=True), handles_missing=True)),
        (" - ", Cell(Constant(value=True), handles_missing=True)),
        ("-1", Cell(In(A, (UnaryTest("=", Negation(ONE)),)), handles_missing=False)),
        ("< 1", Cell(In(A, (UnaryTest("<", ONE),)), handles_missing=False)),
        ("1, 2", Cell(In(A, (UnaryTest("=", ONE), UnaryTest("=", TWO))), handles_missing=False)),
        ("not(1, 2)", Cell(Not(In(A, (UnaryTest("=", ONE), UnaryTest("=", TWO)))), handles_missing=False)),
        ("(1, 2)", None),
        ("[1..3)", Cell(In(A, (Range(ONE, THREE, low_closed=True, high_closed=False),)), handles_missing=False)),
        ("(1..3]", Cell(In(A, (Range(ONE, THREE, low_closed=False, high_closed=True),)), handles_missing=False)),
        ("(b + 2)", Cell(In(A, (UnaryTest("=", Arithmetic("+", B, TWO)),)), handles_missing=False)),
        ("> 2 * 3", Cell(In(A, (UnaryTest(">", Arithmetic("*", TWO, THREE)),)), handles_missing=False)),
        (
            "[1, 2], 3",
            Cell(In(A, (UnaryTest("=", ONE), UnaryTest("=", TWO), UnaryTest("=", THREE))), handles_missing=False),
        ),
        ("]1..3[", Cell(In(A, (Range(ONE, THREE, low_closed=False, high_closed=False),)), handles_missing=False)),
        ('"-"', Cell(In(A, (UnaryTest("=", Constant("-")),)), handles_missing=False)),
        (
            '"is", "("',
            Cell(In(A, (UnaryTest("=", Constant("is")), UnaryTest("=", Constant("(")))), handles_missing=False),
        ),
        ("is missing", Cell(IsMissing(A), handles_missing=True)),
        ("is not missing", Cell(Not(IsMissing(A)), handles_missing=True)),
        ("is missing, < 1", Cell(Or((IsMissing(A), In(A, (UnaryTest("<", ONE),)))), handles_missing=True)),
        ("< 1, is missing", Cell(Or((IsMissing(A), In(A, (UnaryTest("<", ONE),)))), handles_missing=True)),
        ("not(is missing)", Cell(Not(IsMissing(A)), handles_missing=True)),
        ("? > b", Cell(Comparison(">", A, B), handles_missing=False)),
        ("? = 1 or b = 2", Cell(Or((A_IS_ONE, B_IS_TWO)), handles_missing=False)),
        ('"?"', Cell(In(A, (UnaryTest("=", Constant("?")),)), handles_missing=False)),
        ('contains(?, "x")', Cell(Call("contains", (A, Constant("x"))), handles_missing=False)),
    ],
)
def test_a_cell_is_read_as(text: str, cell: Cell | None) -> None:
    if cell is None:
        with pytest.raises(ExpressionSyntaxError):
            parse_cell(text, "a")
    else:
        assert parse_cell(text, "a") == cell


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (" a = 1 ", "a = 1"),
        ("(a + b) * 2 > 1", "a + b) * 2 > 1"),
        ("not( a )", "not( a )"),
        ("a between 1 and 2", "a between 1 and 2"),
        ("a in (1, 2) ", "a in (1, 2)"),
        ("a is not missing ", "a is not missing"),
        ("-a.year ", "-a.year"),
        ("min(a, b) ", "min(a, b)"),
        ('date( "2026-11-21" ) ', 'date( "2026-11-21" )'),
        ('@"P1D" ', '@"P1D"'),
        ("a or b and c ", "a or b and c"),
    ],
)
def test_a_node_spans_its_text(text: str, expected: str) -> None:
    start, end = parse(text).span
    assert text[start:end] == expected


def test_the_parts_of_a_cell_span_their_text() -> None:
    text = "is missing, [1..3], > b"
    condition = parse_cell(text, "a").condition
    assert isinstance(condition, Or)
    missing, tests = condition.operands
    assert isinstance(tests, In)
    assert [text[slice(*node.span)] for node in (missing, *tests.tests)] == ["is missing", "[1..3]", "> b"]
    assert condition.span == tests.span == (0, len(text))


TEXTS = 'text is only compared: `=`, `contains(x, "…")`, `starts with(x, "…")`, `ends with(x, "…")`'
FAULTS = [
    ("", "expected a value, found the end", 0, 1, None, Code.SYNTAX),
    ("a =", "expected a value, found the end", 3, 4, None, Code.SYNTAX),
    ("a b", "expected the end, found `b`", 2, 3, None, Code.SYNTAX),
    ("a == 1", "expected a value, found `=`", 3, 4, "write `a = 1`", Code.SYNTAX),
    ("a = 1 = 1", "expected the end, found `=`", 6, 7, None, Code.SYNTAX),
    ("(a", "expected `)`, found the end", 2, 3, None, Code.SYNTAX),
    ("a)", "expected the end, found `)`", 1, 2, None, Code.SYNTAX),
    ("not a", "expected `(`, found `a`", 4, 5, "write `not(a)`", Code.SYNTAX),
    ("a between 1", "expected `and`, found the end", 11, 12, None, Code.SYNTAX),
    ("a in [1..2", "expected `)`, found the end", 10, 11, None, Code.SYNTAX),
    ("a in [1, 2", "expected `]`, found the end", 10, 11, None, Code.SYNTAX),
    ("a in []", "expected a value, found the end", 7, 8, None, Code.SYNTAX),
    ("a in ]1, 2]", "expected `..`, found `,`", 7, 8, None, Code.SYNTAX),
    ("-a ** 2", "a sign before `**` can be read in two ways", 0, 7, "write `(-x) ** 2` or `-(x ** 2)`", Code.SYNTAX),
    ("a ** 2 ** 3", "`**` after `**` can be read in two ways", 0, 6, "write `(x ** 2) ** 3` or `x ** (2 ** 3)`", Code.SYNTAX),
    ("null", "expected a value, found `null`", 0, 4, "write `x is missing` or `x is not missing`", Code.SYNTAX),
    ("if a then b else c", "expected the end, found `a`", 3, 4, "write a rule for each case", Code.SYNTAX),
    ("string length(a) > 3", "expected the end, found `length`", 7, 13, TEXTS, Code.SYNTAX),
    ("upper(a)", "unknown function `upper`", 0, 5, TEXTS, Code.UNKNOWN_FUNCTION),
    ("a in (1, 2", "expected `)`, found the end", 10, 11, None, Code.SYNTAX),
    ("a + 1 is missing", "only a fact can be missing", 0, 5, None, Code.SYNTAX),
    ("a is not there", "expected `missing`, found `there`", 9, 14, None, Code.SYNTAX),
    ("a.1", "expected the end, found `.1`", 1, 3, None, Code.SYNTAX),
    ("a.date", "expected a property, found `date`", 2, 6, None, Code.SYNTAX),
    ("?", "expected a value, found `?`", 0, 1, None, Code.SYNTAX),
    ("min()", "expected a value, found `)`", 4, 5, None, Code.SYNTAX),
    ("min(a", "expected `)`, found the end", 5, 6, None, Code.SYNTAX),
    ('a contains "x"', "expected the end, found `contains`", 2, 10, TEXTS, Code.SYNTAX),
    ("a starts b", "expected the end, found `starts`", 2, 8, TEXTS, Code.SYNTAX),
    ("a ends b", "expected the end, found `ends`", 2, 6, TEXTS, Code.SYNTAX),
    ("a has b", "expected the end, found `has`", 2, 5, TEXTS, Code.SYNTAX),
    ('date("2026-02-30")', "`2026-02-30` is no date", 5, 17, 'write `date("2026-11-21")`', Code.SYNTAX),
    ('date("P1D")', "`P1D` is no date", 5, 10, 'write `date("2026-11-21")`', Code.SYNTAX),
    ('duration("3 days")', "`3 days` is no duration", 9, 17, 'write `duration("P30D")`, `"PT4H"` or `"P3M"`', Code.SYNTAX),
    ('duration("2026-11-21")', "`2026-11-21` is no duration", 9, 21, 'write `duration("P30D")`, `"PT4H"` or `"P3M"`', Code.SYNTAX),
    ('@"soon"', "`soon` is no date or duration", 1, 7, 'write `@"2026-11-21"` or `@"P30D"`', Code.SYNTAX),
    ("date(2026)", "`2026` is no date", 5, 9, 'write `date("2026-11-21")`', Code.SYNTAX),
    ('date("2026-11-21"', "expected `)`, found the end", 17, 18, None, Code.SYNTAX),
    ("minimum(a)", "unknown function `minimum`", 0, 7, "did you mean `min`?", Code.UNKNOWN_FUNCTION),
    ("zzz(a)", "unknown function `zzz`", 0, 3, None, Code.UNKNOWN_FUNCTION),
]  # fmt: skip


@pytest.mark.parametrize(("text", "results"), [(text, tuple(told)) for text, *told in FAULTS])
def test_what_breaks_the_grammar_is_refused_there(text: str, results: tuple[object, ...]) -> None:
    with pytest.raises(ExpressionSyntaxError) as refused:
        parse(text)
    fault = refused.value
    assert (fault.message, fault.start, fault.end, fault.hint, fault.code) == results


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- -", "expected a value, found the end"),
        ("1,", "expected a value, found the end"),
        ("not(1", "expected `)`, found the end"),
        ("1 2", "expected the end, found `2`"),
        ("a is missing", "expected the end, found `is`"),
    ],
)
def test_what_breaks_a_cell_is_refused(text: str, message: str) -> None:
    with pytest.raises(ExpressionSyntaxError) as refused:
        parse_cell(text, "a")
    assert refused.value.message == message


@pytest.mark.parametrize(
    ("text", "hint"),
    [("10 * 2", "write the result: `20`"), ("= 10 + 5", "write the result: `15`"), ("10-20", "write `[10..20]`")]
    + [(text, None) for text in ("1/3", "10-20-30")],
)
def test_a_cell_that_only_calculates_is_refused_with_what_to_write(text: str, hint: str | None) -> None:
    with pytest.raises(ExpressionSyntaxError, match="the cell only calculates with plain numbers") as refused:
        parse_cell(text, "a")
    assert refused.value.hint == hint


@pytest.mark.parametrize(
    ("fits", "too_large", "message"),
    [
        ("a" * MAX_LENGTH, "a" * (MAX_LENGTH + 1), "an expression has at most 4,000 characters, this one 4,001"),
        ("9" * MAX_DIGITS, "9" * (MAX_DIGITS + 1), "a number has at most 30 digits"),
        ("(" * (MAX_DEPTH - 1) + "a" + ")" * (MAX_DEPTH - 1), "(" * MAX_DEPTH + "a" + ")" * MAX_DEPTH, "an expression nests at most 40 deep"),
        ("-" * (MAX_DEPTH - 1) + "a", "-" * MAX_DEPTH + "a", "an expression nests at most 40 deep"),
        ("1" + "+1" * MAX_OPERATIONS, "1" + "+1" * (MAX_OPERATIONS + 1), "an expression has at most 100 operations"),
        ("1" + "*1" * MAX_OPERATIONS, "1" + "/1" * (MAX_OPERATIONS + 1), "an expression has at most 100 operations"),
        ("a" + ".days" * MAX_OPERATIONS, "a" + ".days" * (MAX_OPERATIONS + 1), "an expression has at most 100 operations"),
    ],
)  # fmt: skip
def test_a_limit_is_kept_to_the_last_one_allowed(fits: str, too_large: str, message: str) -> None:
    parse(fits)
    with pytest.raises(ExpressionSyntaxError) as refused:
        parse(too_large)
    assert (refused.value.message, refused.value.code) == (message, Code.EXPRESSION_TOO_LARGE)


def test_a_long_list_of_words_or_conditions_is_not_deep() -> None:
    assert len(parse_cell(", ".join(['"x"'] * 600), "a").condition.tests) == 600  # type: ignore[union-attr]
    assert len(parse(" or ".join(["a"] * 600)).operands) == 600  # type: ignore[union-attr]


def test_the_place_is_outside_of_equality() -> None:
    assert parse("a=1") == parse("  a  =  1  ")
    assert parse("a=1").span != parse("  a  =  1  ").span
