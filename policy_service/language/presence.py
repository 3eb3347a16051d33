"""Follows which optional facts are known to be there, through `and`, `or` and `not`, in the order they are asked.

x is missing                      false: x is there
x is not missing and …            … may use x
x is missing or …                 … may use x
not(…)                            what holds when true and when false change places
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
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

Known = frozenset[str]
"""Optional facts that are known to be there."""
Use = Callable[[Name, Known], None]
"""Told of every use of a name, with what is known there."""


def presence(expression: Expr, known: Known, use: Use) -> tuple[Known, Known]:
    """What is known when the expression is true, and when it is false; `known` is known before it is asked."""
    match expression:
        case IsMissing():
            return known, known | {expression.fact.name}
        case Not():
            true, false = presence(expression.operand, known, use)
            return false, true
        case And():
            return _in_turn(expression.operands, known, use, opposite=False)
        case Or():
            false, true = _in_turn(expression.operands, known, use, opposite=True)
            return true, false
        case Name():
            use(expression, known)
        case _:
            for part in parts(expression):
                presence(part, known, use)
    return known, known


def _in_turn(operands: tuple[Expr, ...], known: Known, use: Use, *, opposite: bool) -> tuple[Known, Known]:
    """What is known when all operands hold, and when one does not; with `opposite`, all are turned round."""
    failures = []
    for part in operands:
        true, false = presence(part, known, use)
        known, failed = (false, true) if opposite else (true, false)
        failures.append(failed)
    return known, frozenset.intersection(*failures)


def parts(expression: Expr) -> tuple[Expr, ...]:
    """The expressions directly inside an expression, from left to right."""
    match expression:
        case Constant() | Name():
            return ()
        case IsMissing():
            return (expression.fact,)
        case And() | Or():
            return expression.operands
        case Not() | Negation() | Property():
            return (expression.operand,)
        case Comparison() | Arithmetic():
            return (expression.left, expression.right)
        case In():
            return (expression.operand, *(part for test in expression.tests for part in ends(test)))
        case Call():
            return expression.arguments
        case _:
            assert_never(expression)


def ends(test: Range | Test) -> tuple[Expr, ...]:
    """The expressions in one test."""
    return (test.low, test.high) if isinstance(test, Range) else (test.value,)


def names(expression: Expr) -> Iterator[str]:
    """The names an expression uses, from left to right."""
    if isinstance(expression, Name):
        yield expression.name
    for part in parts(expression):
        yield from names(part)
