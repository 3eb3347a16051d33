"""Reads expressions and cells, a subset of FEEL (DMN 1.5 section 10.3.1.2).

    cell        = "-" | [ "not" ] "(" tests ")" | tests | expression with "?"
    tests       = test { "," test }
    test        = "is" [ "not" ] "missing" | interval | [ comparator ] sum
    interval    = ( "[" | "(" ) sum ".." sum ( "]" | ")" )
    expression  = conjunction { "or" conjunction }
    conjunction = comparison { "and" comparison }
    comparison  = sum [ comparator sum
                      | "between" sum "and" sum
                      | "in" ( test | "(" tests ")" )
                      | "is" [ "not" ] "missing" ]
    comparator  = "=" | "!=" | "<" | "<=" | ">" | ">="
    sum         = product { ( "+" | "-" ) product }
    product     = factor { ( "*" | "/" ) factor }
    factor      = "-" factor | primary { "." name }
    primary     = number | text | "true" | "false" | name | "?" | "(" expression ")" | "not" "(" expression ")"
                | "@" text | ( "date" | "duration" ) "(" text ")" | function "(" expression { "," expression } ")"

`is missing` is our own word; `?` is the value of the cell's column. `x between a and b` is read as `x in [a..b]`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
from policy_service.language.diagnostics import Code, did_you_mean
from policy_service.language.functions import FUNCTIONS
from policy_service.language.tokens import MAX_LENGTH, ExpressionFault, Token, tokenise
from policy_service.language.types import parse_date, parse_duration

MAX_DIGITS = 30
MAX_DEPTH = 40
"""How deep parentheses, signs and calls may nest."""
MAX_OPERATIONS = 100
"""Operations of arithmetic and properties of one expression; a long sum is a deep tree."""

Taken = TypeVar("Taken", Comparator, Operator)

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


def parse(text: str) -> Expr:
    """The expression that `text` writes. Raises ExpressionFault."""
    parser = _Parser(text, None)
    expression = parser.expression()
    parser.end()
    return expression


def parse_cell(text: str, column: str) -> Cell:
    """The cell that `text` writes in the column of the fact `column`. Raises ExpressionFault."""
    parser = _Parser(text, column)
    cell = parser.cell()
    parser.end()
    return cell


class _Parser:
    """Recursive descent over the tokens; each method reads one rule of the grammar above."""

    def __init__(self, text: str, column: str | None) -> None:
        if len(text) > MAX_LENGTH:
            raise ExpressionFault(
                f"an expression has at most {MAX_LENGTH:,} characters, this one {len(text):,}",
                0,
                1,
                code=Code.EXPRESSION_TOO_LARGE,
            )
        self.tokens = tokenise(text)
        self.column = column
        self.at = 0
        self.depth = 0
        self.operation_count = 0

    # cells

    def cell(self) -> Cell:
        whole = (0, self.tokens[-1].end)
        if self.tokens[0].text == "-" and len(self.tokens) == 2:  # noqa: PLR2004  # the dash and the end
            self.at += 1
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
                tests.append(self.test())
            if not self.take(","):
                break
        if tests:
            asked.append(In(operand=operand, tests=tuple(tests), span=span))
        return (asked[0] if len(asked) == 1 else Or(operands=tuple(asked), span=span)), len(asked) > bool(tests)

    def test(self) -> Range | Test:
        if self.peek("[") or (self.peek("(") and self.interval_ahead()):
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
        closing = self.take("]") or self.need(")")
        closed = (opening.text == "[", closing.text == "]")
        return Range(low=low, high=high, low_closed=closed[0], high_closed=closed[1], span=(opening.start, closing.end))

    def interval_ahead(self) -> bool:
        """Whether the bracket that comes next holds `..`, so that it opens an interval and not an expression."""
        depth = 0
        for token in self.tokens[self.at :]:
            if token.kind == "symbol":
                depth += (token.text in "([") - (token.text in ")]")
                if depth == 0 or (depth == 1 and token.text == ".."):
                    return depth == 1
        return False

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
            tests = self.list_of_tests()
            return In(operand=left, tests=tests, span=(left.span[0], self.before.end))
        if self.peek("is"):
            if not isinstance(left, Name):
                raise ExpressionFault("only a fact can be missing", *left.span)
            return self.missing(left)
        return left

    def list_of_tests(self) -> tuple[Range | Test, ...]:
        if not self.peek("(") or self.interval_ahead():
            return (self.test(),)
        self.need("(")
        tests = [self.test()]
        while self.take(","):
            tests.append(self.test())
        self.need(")")
        return tuple(tests)

    def missing(self, fact: Name) -> Expr:
        start = self.need("is").start
        negated = self.take("not")
        end = self.need("missing").end
        span = (min(fact.span[0], start), end)
        asked = IsMissing(fact=fact, span=span)
        return Not(operand=asked, span=span) if negated else asked

    def sum(self) -> Expr:
        return self.operations(SUMS, lambda: self.operations(PRODUCTS, self.factor))

    def operations(self, operators: dict[str, Operator], part: Callable[[], Expr]) -> Expr:
        left = part()
        while operator := self.take_of(operators):
            self.count_operation()
            right = part()
            left = Arithmetic(operator=operator, left=left, right=right, span=(left.span[0], right.span[1]))
        return left

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
            raise ExpressionFault(
                f"unknown function `{function}`",
                start,
                self.before.end,
                did_you_mean(function, FUNCTIONS),
                Code.UNKNOWN_FUNCTION,
            )
        self.need("(")
        arguments = [self.expression()]
        while self.take(","):
            arguments.append(self.expression())
        return Call(function=function, arguments=tuple(arguments), span=(start, self.need(")").end))

    # tokens

    @property
    def next(self) -> Token:
        return self.tokens[self.at]

    @property
    def before(self) -> Token:
        return self.tokens[self.at - 1]

    def advance(self) -> Token:
        token = self.next
        if token.kind != "end":
            self.at += 1
        return token

    def peek(self, text: str) -> bool:
        return self.next.text == text and self.next.kind in ("word", "symbol")

    def take(self, text: str) -> Token | None:
        return self.advance() if self.peek(text) else None

    def take_of(self, table: Mapping[str, Taken]) -> Taken | None:
        return table[self.advance().text] if self.next.kind == "symbol" and self.next.text in table else None

    def need(self, text: str) -> Token:
        token = self.take(text)
        if token is None:
            raise self.unexpected(self.next, f"`{text}`")
        return token

    def end(self) -> None:
        if self.next.kind != "end":
            raise self.unexpected(self.next, "the end")

    def unexpected(self, token: Token, wanted: str) -> ExpressionFault:
        found = token.text if token.kind == "end" else f"`{token.text}`"
        hint = "write `=` once to compare" if token.text == "=" and self.before.text == "=" else None
        if token.text in ("contains", "starts", "ends", "has"):
            hint = "write functions as `contains(text, part)`"
        return ExpressionFault(f"expected {wanted}, found {found}", token.start, max(token.end, token.start + 1), hint)
