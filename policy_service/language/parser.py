"""Reads expressions and cells, a subset of FEEL (DMN 1.5 section 10.3.1.2).

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

`is missing` is our own word; `?` is the value of the cell's column. `x between a and b` is read as `x in [a..b]`,
`]a..b[` as `(a..b)`. What could be read in two ways is refused: `-x ** 2`, `x ** 2 ** 3`, and a cell that only
calculates with plain numbers, such as `10-20`.
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
from policy_service.language.cursor import Cursor
from policy_service.language.diagnostics import Code, did_you_mean, shorten
from policy_service.language.evaluate import constant_value
from policy_service.language.functions import FUNCTIONS
from policy_service.language.presence import ends, names
from policy_service.language.quantities import decimals
from policy_service.language.respelling import ELSEWHERE, elsewhere, respell
from policy_service.language.tokens import MAX_LENGTH, ExpressionFault, tokenise
from policy_service.language.types import parse_date, parse_duration
from policy_service.language.unparse import write_fraction

MAX_DIGITS = 30
MAX_DEPTH = 40
"""How deep parentheses, signs and calls may nest."""
MAX_OPERATIONS = 100
"""Operations of arithmetic and properties of one expression; a long sum is a deep tree."""

MAX_RESPELT = 200
"""Characters of a text that is tried in another spelling when it cannot be read."""


COMPARATORS: dict[str, Comparator] = {"=": "=", "!=": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
SUMS: dict[str, Operator] = {"+": "+", "-": "-"}
PRODUCTS: dict[str, Operator] = {"*": "*", "/": "/"}


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a decision table: a condition on its column's fact (`true` for the empty cell `-`).

    `asks` is true when the cell itself says what holds for a missing fact (`is missing`) or asks nothing at all (`-`).
    """

    condition: Expr
    asks: bool


Read = TypeVar("Read", Expr, Cell)


def parse(text: str) -> Expr:
    """The expression that `text` writes. Raises ExpressionFault."""
    return _read(text, None, _Parser.expression)


def parse_cell(text: str, column: str) -> Cell:
    """The cell that `text` writes in the column of the fact `column`. Raises ExpressionFault."""
    return _read(text, column, _Parser.cell)


def _read(text: str, column: str | None, read: Callable[[_Parser], Read]) -> Read:
    """What `text` writes. What cannot be read is tried as authors write it elsewhere, for the hint of the fault."""
    try:
        return _read_whole(text, column, read)
    except ExpressionFault as fault:
        if len(text) <= MAX_RESPELT:
            fault.hint = _respelling(text, column, read) or elsewhere(text) or fault.hint
        raise


def _respelling(text: str, column: str | None, read: Callable[[_Parser], Read]) -> str | None:
    """The text as it is written here, when it can be read so."""
    respelt = respell(text, column)
    if respelt == text.strip():
        return None
    with suppress(ExpressionFault):
        _read_whole(respelt, column, read)
        return f"write `{respelt}`"
    return None


def _read_whole(text: str, column: str | None, read: Callable[[_Parser], Read]) -> Read:
    parser = _Parser(text, column)
    found = read(parser)
    parser.end()
    return found


class _Parser(Cursor):
    """Recursive descent over the tokens; each method reads one rule of the grammar above."""

    def __init__(self, text: str, column: str | None) -> None:
        if len(text) > MAX_LENGTH:
            raise ExpressionFault(
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
            return Cell(Constant(value=True, span=whole), asks=True)
        if any(token.text == "?" and token.kind == "symbol" for token in self.tokens):
            return Cell(self.expression(), asks=False)
        negated = self.take("not") is not None
        if negated:
            self.need("(")
        condition, asks = self.tests(Name(name=self.column or "?", span=whole), whole)
        if negated:
            self.need(")")
            condition = Not(operand=condition, span=whole)
        return Cell(condition, asks)

    def tests(self, operand: Expr, span: tuple[int, int]) -> tuple[Expr, bool]:
        """The tests of a cell as a condition, and whether one of them asks about missing."""
        asked: list[Expr] = []
        tests: list[Range | Test] = []
        while True:
            if self.peek("is") and isinstance(operand, Name):
                asked.append(self.missing(operand))
            else:
                tests += self.entry()
            if not self.take(","):
                break
        if tests:
            asked.append(In(operand=operand, tests=tuple(tests), span=span))
        return (asked[0] if len(asked) == 1 else Or(operands=tuple(asked), span=span)), len(asked) > bool(tests)

    def entry(self) -> tuple[Range | Test, ...]:
        """One test of a cell, or those of a list in square brackets."""
        is_list = self.peek("[") and not self.interval_ahead()
        tests = self.bracketed_tests() if is_list else (self.test(),)
        for test in tests:
            _refuse_calculation(test)
        return tests

    def test(self) -> Range | Test:
        if self.peek("]") or ((self.peek("[") or self.peek("(")) and self.interval_ahead()):
            return self.interval()
        start = self.next.start
        comparator = self.take_of(COMPARATORS)
        value = self.sum()
        return Test(comparator=comparator or "=", value=value, span=(start, value.span[1]))

    def interval(self) -> Range:
        opening = self.advance()
        low = self.sum()
        self.need("..")
        high = self.sum()
        closing = self.take("]") or self.take("[") or self.need(")")
        closed = (opening.text == "[", closing.text == "]")
        return Range(low=low, high=high, low_closed=closed[0], high_closed=closed[1], span=(opening.start, closing.end))

    # expressions

    def expression(self) -> Expr:
        return self.chain("or", Or, lambda: self.chain("and", And, self.comparison))

    def chain(self, word: str, node: type[And | Or], part: Callable[[], Expr]) -> Expr:
        operands = [part()]
        while self.take(word):
            operands.append(part())
        if len(operands) == 1:
            return operands[0]
        return node(operands=tuple(operands), span=(operands[0].span[0], operands[-1].span[1]))

    def comparison(self) -> Expr:
        left = self.sum()
        if comparator := self.take_of(COMPARATORS):
            right = self.sum()
            span = (left.span[0], right.span[1])
            return Comparison(comparator=comparator, left=left, right=right, span=span)
        if self.take("between"):
            low = self.sum()
            self.need("and")
            high = self.sum()
            both = Range(low=low, high=high, low_closed=True, high_closed=True, span=(low.span[0], high.span[1]))
            return In(operand=left, tests=(both,), span=(left.span[0], high.span[1]))
        if self.take("in"):
            is_list = (self.peek("(") or self.peek("[")) and not self.interval_ahead()
            tests = self.bracketed_tests() if is_list else (self.test(),)
            return In(operand=left, tests=tests, span=(left.span[0], self.before.end))
        if self.peek("is"):
            if not isinstance(left, Name):
                raise ExpressionFault("only a fact can be missing", *left.span)
            return self.missing(left)
        return left

    def bracketed_tests(self) -> tuple[Range | Test, ...]:
        closing = {"(": ")", "[": "]"}[self.advance().text]
        tests = [self.test()]
        while self.take(","):
            tests.append(self.test())
        self.need(closing)
        return tuple(tests)

    def missing(self, fact: Name) -> Expr:
        start = self.need("is").start
        negated = self.take("not")
        end = self.need("missing").end
        span = (min(fact.span[0], start), end)
        asked = IsMissing(fact=fact, span=span)
        return Not(operand=asked, span=span) if negated else asked

    def sum(self) -> Expr:
        return self.operations(SUMS, lambda: self.operations(PRODUCTS, self.power))

    def operations(self, operators: dict[str, Operator], part: Callable[[], Expr]) -> Expr:
        left = part()
        while operator := self.take_of(operators):
            self.count_operation()
            right = part()
            left = Arithmetic(operator=operator, left=left, right=right, span=(left.span[0], right.span[1]))
        return left

    def power(self) -> Expr:
        start = self.next
        base = self.factor()
        if not self.take("**"):
            return base
        self.count_operation()
        exponent = self.factor()
        whole = (base.span[0], exponent.span[1])
        if start.kind == "symbol" and start.text == "-":
            raise ExpressionFault(
                "a sign before `**` can be read in two ways", *whole, "write `(-x) ** 2` or `-(x ** 2)`"
            )
        if self.peek("**"):
            raise ExpressionFault(
                "`**` after `**` can be read in two ways", *whole, "write `(x ** 2) ** 3` or `x ** (2 ** 3)`"
            )
        return Arithmetic(operator="**", left=base, right=exponent, span=whole)

    def factor(self) -> Expr:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise ExpressionFault(
                f"an expression nests at most {MAX_DEPTH} deep",
                self.next.start,
                self.next.end,
                code=Code.EXPRESSION_TOO_LARGE,
            )
        if minus := self.take("-"):
            operand = self.factor()
            expression: Expr = Negation(operand=operand, span=(minus.start, operand.span[1]))
        else:
            expression = self.primary()
            while self.take("."):
                self.count_operation()
                name = self.advance()
                if name.kind != "name":
                    raise ExpressionFault(f"expected a property, found `{name.text}`", name.start, name.end)
                expression = Property(operand=expression, name=name.text, span=(expression.span[0], name.end))
        self.depth -= 1
        return expression

    def count_operation(self) -> None:
        self.operation_count += 1
        if self.operation_count > MAX_OPERATIONS:
            message = f"an expression has at most {MAX_OPERATIONS} operations"
            raise ExpressionFault(message, self.before.start, self.before.end, code=Code.EXPRESSION_TOO_LARGE)

    def primary(self) -> Expr:
        token = self.advance()
        span = (token.start, token.end)
        match token.kind, token.text:
            case "number", text:
                if len(text) > MAX_DIGITS:
                    raise ExpressionFault(
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
                self.need("(")
                constant = self.temporal(token.text, token.start)
                return Constant(value=constant.value, span=(token.start, self.need(")").end))
            case "word", "not":
                self.need("(")
                operand = self.expression()
                return Not(operand=operand, span=(token.start, self.need(")").end))
            case "symbol", "(":
                expression = self.expression()
                self.need(")")
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
        """A date or duration written in quotes; `kind` is the word before it, empty for `@`."""
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
        raise ExpressionFault(
            f"`{token.text}` is no {kind or 'date or duration'}",
            token.start,
            token.end,
            f"write {hints[kind]}",
        )

    def call(self, function: str, start: int) -> Expr:
        if function not in FUNCTIONS:
            hint = ELSEWHERE.get(function.lower()) or did_you_mean(function, FUNCTIONS)
            message = f"unknown function `{shorten(function)}`"
            raise ExpressionFault(message, start, self.before.end, hint, Code.UNKNOWN_FUNCTION)
        self.need("(")
        arguments = [self.expression()]
        while self.take(","):
            arguments.append(self.expression())
        return Call(function=function, arguments=tuple(arguments), span=(start, self.need(")").end))


def _refuse_calculation(test: Range | Test) -> None:
    """Raises ExpressionFault for a cell that only calculates: `10-20` is minus ten, and hardly meant so."""
    for number in ends(test):
        if not isinstance(number, Arithmetic) or next(names(number), None) is not None:
            continue
        hint = None
        if number.operator == "-" or (isinstance(test, Test) and test.comparator == "="):
            result = constant_value(number)
            if isinstance(result, Fraction) and decimals(result) is not None:
                hint = f"write the result: `{write_fraction(result)}`"
            raise ExpressionFault("the cell only calculates with plain numbers", *number.span, hint)
