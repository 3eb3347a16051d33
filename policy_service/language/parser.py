"""Parses expressions and cells, a subset of FEEL (DMN 1.5 section 10.3.1.2).

    cell        = "-" | [ "not" ] "(" tests ")" | tests | expression with "?"
    tests       = entry { "," entry }
    entry       = "is" [ "not" ] "missing" | "[" test { "," test } "]" | test
    test        = interval | [ comparator ] sum
    interval    = ( "[" | "(" | "]" ) sum ".." sum ( "]" | ")" | "[" )
    expression  = conjunction { "or" conjunction }
    conjunction = comparison { "and" comparison }
    comparison  = sum [ comparator sum
                      | "between" sum "and" sum
                      | "in" ( test | "(" test { "," test } ")" | "[" test { "," test } "]" )
                      | "is" [ "not" ] "missing" ]
    comparator  = "=" | "!=" | "<" | "<=" | ">" | ">="
    sum         = product { ( "+" | "-" ) product }
    product     = power { ( "*" | "/" ) power }
    power       = factor [ "**" factor ]
    factor      = "-" factor | primary { "." name }
    primary     = number | text | "true" | "false" | name | "?" | "(" expression ")" | "not" "(" expression ")"
                | "@" text | ( "date" | "duration" ) "(" text ")" | function "(" expression { "," expression } ")"

`is missing` is not in FEEL; `?` is the value of the cell's column. `x between a and b` is parsed as `x in [a..b]`,
`]a..b[` as `(a..b)`. Ambiguous input is rejected: `-x ** 2`, `x ** 2 ** 3`, and a cell that only calculates with plain
numbers, such as `10-20`.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeVar

from policy_service.language.ast import (
    And,
    Arithmetic,
    Call,
    Comparator,
    Comparison,
    Constant,
    Expr,
    In,
    IsMissing,
    Name,
    Negation,
    Not,
    Operator,
    Or,
    Property,
    Range,
    Test,
)
from policy_service.language.definedness import names_in, operands_of_test
from policy_service.language.diagnostics import Code, did_you_mean, shorten
from policy_service.language.evaluate import constant_value
from policy_service.language.functions import FUNCTIONS
from policy_service.language.quantities import decimals
from policy_service.language.respelling import FOREIGN_WORDS, foreign_function_hint, respell
from policy_service.language.token_cursor import TokenCursor
from policy_service.language.tokens import MAX_LENGTH, ExpressionSyntaxError, tokenise
from policy_service.language.types import parse_date, parse_duration
from policy_service.language.unparse import write_fraction

MAX_DIGITS = 30
MAX_DEPTH = 40
"""Maximum nesting of parentheses, signs and calls."""
MAX_OPERATIONS = 100
"""Maximum number of arithmetic operations and properties in one expression; a long sum is a deep tree."""

MAX_RESPELLED_LENGTH = 200
"""Maximum length of a text for which other spellings are tried after an error, characters."""


COMPARATORS: dict[str, Comparator] = {"=": "=", "!=": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
SUMS: dict[str, Operator] = {"+": "+", "-": "-"}
PRODUCTS: dict[str, Operator] = {"*": "*", "/": "/"}


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a decision table: a condition on its column's fact (`true` for the empty cell `-`).

    `handles_missing` is true if the cell covers a missing fact (`is missing`) or tests nothing (`-`).
    """

    condition: Expr
    handles_missing: bool


Parsed = TypeVar("Parsed", Expr, Cell)


def parse(text: str) -> Expr:
    """Parse an expression. Raises ExpressionSyntaxError."""
    return _parse(text, None, _Parser.expression)


def parse_cell(text: str, column: str) -> Cell:
    """Parse a cell in the column of the fact `column`. Raises ExpressionSyntaxError."""
    return _parse(text, column, _Parser.cell)


def _parse(text: str, column: str | None, read: Callable[[_Parser], Parsed]) -> Parsed:
    """Parse `text`. On failure, try spellings of other tools, for a hint in the error."""
    try:
        return _parse_whole(text, column, read)
    except ExpressionSyntaxError as error:
        if len(text) <= MAX_RESPELLED_LENGTH:
            error.hint = _respelling_hint(text, column, read) or foreign_function_hint(text) or error.hint
        raise


def _respelling_hint(text: str, column: str | None, read: Callable[[_Parser], Parsed]) -> str | None:
    """Return the text in the spelling of this language, if it can then be parsed."""
    suggestion = respell(text, column)
    if suggestion == text.strip():
        return None
    with suppress(ExpressionSyntaxError):
        _parse_whole(suggestion, column, read)
        return f"write `{suggestion}`"
    return None


def _parse_whole(text: str, column: str | None, read: Callable[[_Parser], Parsed]) -> Parsed:
    parser = _Parser(text, column)
    result = read(parser)
    parser.expect_end()
    return result


class _Parser(TokenCursor):
    """A recursive-descent parser; each method parses one rule of the grammar above."""

    def __init__(self, text: str, column: str | None) -> None:
        if len(text) > MAX_LENGTH:
            raise ExpressionSyntaxError(
                f"an expression has at most {MAX_LENGTH:,} characters, this one {len(text):,}",
                0,
                1,
                code=Code.EXPRESSION_TOO_LARGE,
            )
        super().__init__(tokenise(text))
        self.column = column
        self.depth = 0
        self.operation_count = 0

    # cells

    def cell(self) -> Cell:
        whole = (0, self.tokens[-1].end)
        if self.peek("-") and self.tokens[1].kind == "end":
            self.advance()
            return Cell(Constant(value=True, span=whole), handles_missing=True)
        if any(token.text == "?" and token.kind == "symbol" for token in self.tokens):
            return Cell(self.expression(), handles_missing=False)
        negated = self.accept("not") is not None
        if negated:
            self.expect("(")
        condition, asks = self.tests(Name(name=self.column or "?", span=whole), whole)
        if negated:
            self.expect(")")
            condition = Not(operand=condition, span=whole)
        return Cell(condition, asks)

    def tests(self, operand: Expr, span: tuple[int, int]) -> tuple[Expr, bool]:
        """Return the tests of a cell as a condition, and whether one of them tests for missing."""
        conditions: list[Expr] = []
        tests: list[Range | Test] = []
        while True:
            if self.peek("is") and isinstance(operand, Name):
                conditions.append(self.missing_test(operand))
            else:
                tests += self.entry()
            if not self.accept(","):
                break
        if tests:
            conditions.append(In(operand=operand, tests=tuple(tests), span=span))
        return (conditions[0] if len(conditions) == 1 else Or(operands=tuple(conditions), span=span)), len(
            conditions
        ) > bool(tests)

    def entry(self) -> tuple[Range | Test, ...]:
        """Return one test of a cell, or those of a list in square brackets."""
        is_list = self.peek("[") and not self.interval_ahead()
        tests = self.bracketed_tests() if is_list else (self.test(),)
        for test in tests:
            _reject_calculation(test)
        return tests

    def test(self) -> Range | Test:
        if self.peek("]") or ((self.peek("[") or self.peek("(")) and self.interval_ahead()):
            return self.interval()
        start = self.next.start
        comparator = self.accept_any(COMPARATORS)
        value = self.sum()
        return Test(comparator=comparator or "=", value=value, span=(start, value.span[1]))

    def interval(self) -> Range:
        opening = self.advance()
        low = self.sum()
        self.expect("..")
        high = self.sum()
        closing = self.accept("]") or self.accept("[") or self.expect(")")
        closed = (opening.text == "[", closing.text == "]")
        return Range(low=low, high=high, low_closed=closed[0], high_closed=closed[1], span=(opening.start, closing.end))

    # expressions

    def expression(self) -> Expr:
        return self.chain("or", Or, lambda: self.chain("and", And, self.comparison))

    def chain(self, word: str, node: type[And | Or], part: Callable[[], Expr]) -> Expr:
        operands = [part()]
        while self.accept(word):
            operands.append(part())
        if len(operands) == 1:
            return operands[0]
        return node(operands=tuple(operands), span=(operands[0].span[0], operands[-1].span[1]))

    def comparison(self) -> Expr:
        left = self.sum()
        if comparator := self.accept_any(COMPARATORS):
            right = self.sum()
            span = (left.span[0], right.span[1])
            return Comparison(comparator=comparator, left=left, right=right, span=span)
        if self.accept("between"):
            low = self.sum()
            self.expect("and")
            high = self.sum()
            interval = Range(low=low, high=high, low_closed=True, high_closed=True, span=(low.span[0], high.span[1]))
            return In(operand=left, tests=(interval,), span=(left.span[0], high.span[1]))
        if self.accept("in"):
            is_list = (self.peek("(") or self.peek("[")) and not self.interval_ahead()
            tests = self.bracketed_tests() if is_list else (self.test(),)
            return In(operand=left, tests=tests, span=(left.span[0], self.previous.end))
        if self.peek("is"):
            if not isinstance(left, Name):
                raise ExpressionSyntaxError("only a fact can be missing", *left.span)
            return self.missing_test(left)
        return left

    def bracketed_tests(self) -> tuple[Range | Test, ...]:
        closing = {"(": ")", "[": "]"}[self.advance().text]
        tests = [self.test()]
        while self.accept(","):
            tests.append(self.test())
        self.expect(closing)
        return tuple(tests)

    def missing_test(self, fact: Name) -> Expr:
        start = self.expect("is").start
        negated = self.accept("not")
        end = self.expect("missing").end
        span = (min(fact.span[0], start), end)
        condition = IsMissing(fact=fact, span=span)
        return Not(operand=condition, span=span) if negated else condition

    def sum(self) -> Expr:
        return self.operations(SUMS, lambda: self.operations(PRODUCTS, self.power))

    def operations(self, operators: dict[str, Operator], part: Callable[[], Expr]) -> Expr:
        left = part()
        while operator := self.accept_any(operators):
            self.count_operation()
            right = part()
            left = Arithmetic(operator=operator, left=left, right=right, span=(left.span[0], right.span[1]))
        return left

    def power(self) -> Expr:
        start = self.next
        base = self.factor()
        if not self.accept("**"):
            return base
        self.count_operation()
        exponent = self.factor()
        whole = (base.span[0], exponent.span[1])
        if start.kind == "symbol" and start.text == "-":
            raise ExpressionSyntaxError(
                "a sign before `**` can be read in two ways", *whole, "write `(-x) ** 2` or `-(x ** 2)`"
            )
        if self.peek("**"):
            raise ExpressionSyntaxError(
                "`**` after `**` can be read in two ways", *whole, "write `(x ** 2) ** 3` or `x ** (2 ** 3)`"
            )
        return Arithmetic(operator="**", left=base, right=exponent, span=whole)

    def factor(self) -> Expr:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise ExpressionSyntaxError(
                f"an expression nests at most {MAX_DEPTH} deep",
                self.next.start,
                self.next.end,
                code=Code.EXPRESSION_TOO_LARGE,
            )
        if minus := self.accept("-"):
            operand = self.factor()
            expression: Expr = Negation(operand=operand, span=(minus.start, operand.span[1]))
        else:
            expression = self.primary()
            while self.accept("."):
                self.count_operation()
                name = self.advance()
                if name.kind != "name":
                    raise ExpressionSyntaxError(f"expected a property, found `{name.text}`", name.start, name.end)
                expression = Property(operand=expression, name=name.text, span=(expression.span[0], name.end))
        self.depth -= 1
        return expression

    def count_operation(self) -> None:
        self.operation_count += 1
        if self.operation_count > MAX_OPERATIONS:
            message = f"an expression has at most {MAX_OPERATIONS} operations"
            raise ExpressionSyntaxError(message, self.previous.start, self.previous.end, code=Code.EXPRESSION_TOO_LARGE)

    def primary(self) -> Expr:
        token = self.advance()
        span = (token.start, token.end)
        match token.kind, token.text:
            case "number", text:
                if len(text) > MAX_DIGITS:
                    raise ExpressionSyntaxError(
                        f"a number has at most {MAX_DIGITS} digits", *span, code=Code.EXPRESSION_TOO_LARGE
                    )
                return Constant(value=Fraction(text), span=span)
            case "text", text:
                return Constant(value=text, span=span)
            case "word", "true" | "false":
                return Constant(value=token.text == "true", span=span)
            case "symbol", "@":
                return self.temporal("", token.start)
            case "word", "date" | "duration":
                self.expect("(")
                constant = self.temporal(token.text, token.start)
                return Constant(value=constant.value, span=(token.start, self.expect(")").end))
            case "word", "not":
                self.expect("(")
                operand = self.expression()
                return Not(operand=operand, span=(token.start, self.expect(")").end))
            case "symbol", "(":
                expression = self.expression()
                self.expect(")")
                return expression
            case "symbol", "?" if self.column is not None:
                return Name(name=self.column, span=span)
            case "function" | "name", text if self.peek("("):
                return self.call(text, token.start)
            case "name", text:
                return Name(name=text, span=span)
            case _:
                raise self.unexpected(token, "a value")

    def temporal(self, kind: str, start: int) -> Constant:
        """Return a date or duration in quotes; `kind` is the word before it, empty for `@`."""
        token = self.advance()
        if token.kind == "text":
            day = parse_date(token.text) if kind != "duration" else None
            value = day or (parse_duration(token.text) if kind != "date" else None)
            if value is not None:
                return Constant(value=value, span=(start, token.end))
        hints = {
            "date": '`date("2026-11-21")`',
            "duration": '`duration("P30D")`, `"PT4H"` or `"P3M"`',
            "": '`@"2026-11-21"` or `@"P30D"`',
        }
        raise ExpressionSyntaxError(
            f"`{token.text}` is no {kind or 'date or duration'}",
            token.start,
            token.end,
            f"write {hints[kind]}",
        )

    def call(self, function: str, start: int) -> Expr:
        if function not in FUNCTIONS:
            hint = FOREIGN_WORDS.get(function.lower()) or did_you_mean(function, FUNCTIONS)
            message = f"unknown function `{shorten(function)}`"
            raise ExpressionSyntaxError(message, start, self.previous.end, hint, Code.UNKNOWN_FUNCTION)
        self.expect("(")
        arguments = [self.expression()]
        while self.accept(","):
            arguments.append(self.expression())
        return Call(function=function, arguments=tuple(arguments), span=(start, self.expect(")").end))


def _reject_calculation(test: Range | Test) -> None:
    """Raise ExpressionSyntaxError for a cell that only calculates: `10-20` is minus ten, hardly the intention."""
    for number in operands_of_test(test):
        if not isinstance(number, Arithmetic) or next(names_in(number), None) is not None:
            continue
        hint = None
        if number.operator == "-" or (isinstance(test, Test) and test.comparator == "="):
            result = constant_value(number)
            meant_so = number.operator != "-"  # 10-20-30 is hardly meant as the minus forty it is
            if meant_so and isinstance(result, Fraction) and decimals(result) is not None:
                hint = f"write the result: `{write_fraction(result)}`"
            raise ExpressionSyntaxError("the cell only calculates with plain numbers", *number.span, hint)
