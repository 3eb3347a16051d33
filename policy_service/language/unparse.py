"""Writes an expression as text. Law: `parse(unparse(e)) == e` for every expression the parser returns."""

from __future__ import annotations

import datetime
from fractions import Fraction
from typing import assert_never

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
    Test,
)
from policy_service.language.types import Duration, Months, write_duration

_OR, _AND, _COMPARISON, _SUM, _PRODUCT, _POWER, _FACTOR, _PRIMARY = range(8)
"""How tightly each rule of the grammar binds, loosest first."""


def unparse(expression: Expr) -> str:
    """Return `expression` in the policy language, with the minimum of parentheses."""
    return _write(expression, _OR)


def unparse_test(test: Range | Test) -> str:
    """Return one test of a cell or of an `in` list; equality needs no sign."""
    match test:
        case Range():
            opening, closing = "[" if test.low_closed else "(", "]" if test.high_closed else ")"
            return f"{opening}{_write(test.low, _SUM)}..{_write(test.high, _SUM)}{closing}"
        case Test(comparator="=", value=Constant() | Name() as value):
            return _write(value, _SUM)
        case Test():
            return f"{test.comparator} {_write(test.value, _SUM)}"
        case _:
            assert_never(test)


def _write(expression: Expr, tightness: int) -> str:
    text, own = _text(expression)
    return f"({text})" if own < tightness else text


def _text(expression: Expr) -> tuple[str, int]:  # one return a node is the clearest
    match expression:
        case Constant():
            return _constant(expression.value), _PRIMARY
        case Name():
            return expression.name, _PRIMARY
        case IsMissing():
            return f"{expression.fact.name} is missing", _COMPARISON
        case Not(operand=IsMissing(fact=fact)):
            return f"{fact.name} is not missing", _COMPARISON
        case Not():
            return f"not({_write(expression.operand, _OR)})", _PRIMARY
        case And():
            return " and ".join(_write(part, _COMPARISON) for part in expression.operands), _AND
        case Or():
            return " or ".join(_write(part, _AND) for part in expression.operands), _OR
        case Comparison():
            return (
                f"{_write(expression.left, _SUM)} {expression.comparator} {_write(expression.right, _SUM)}",
                _COMPARISON,
            )
        case In():
            tests = ", ".join(map(unparse_test, expression.tests))
            return f"{_write(expression.operand, _SUM)} in ({tests})", _COMPARISON
        case Arithmetic(operator="**"):
            return f"{_write(expression.left, _PRIMARY)} ** {_write(expression.right, _FACTOR)}", _POWER
        case Arithmetic(operator=operator):
            own = _SUM if operator in "+-" else _PRODUCT
            return f"{_write(expression.left, own)} {operator} {_write(expression.right, own + 1)}", own
        case Negation():
            return f"-{_write(expression.operand, _FACTOR)}", _FACTOR
        case Call():
            return (
                f"{expression.function}({', '.join(_write(part, _OR) for part in expression.arguments)})",
                _PRIMARY,
            )
        case Property():
            return f"{_write(expression.operand, _PRIMARY)}.{expression.name}", _PRIMARY
        case _:
            assert_never(expression)


def _constant(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case Fraction():
            return write_fraction(value)
        case datetime.date():
            return f'date("{value.isoformat()}")'
        case Duration():
            return f'duration("{write_duration(int(value.seconds))}")'
        case Months():
            return f'duration("{"-" if value.count < 0 else ""}P{abs(value.count)}M")'
        case _:
            return quote(str(value))


def quote(text: str) -> str:
    """Return `text` as a FEEL string literal."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    return f'"{escaped}"'


def write_fraction(value: Fraction) -> str:
    """Return a finite decimal, written without an exponent and without trailing zeros: 3/2 is `1.5`."""
    scale = 0
    while (value * 10**scale).denominator != 1:
        scale += 1
    whole = int(value * 10**scale)
    digits = str(abs(whole)).rjust(scale + 1, "0")
    sign = "-" if whole < 0 else ""
    return f"{sign}{digits[: len(digits) - scale]}" + (f".{digits[len(digits) - scale :]}" if scale else "")
