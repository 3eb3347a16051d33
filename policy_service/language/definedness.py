"""Infers which optional facts are known to be present, through `and`, `or` and `not`, in order of evaluation.

x is missing false: x is there x is not missing and … … may use x x is missing or … … may use x not(…) what holds when
true and when false change places
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

KnownFacts = frozenset[str]
"""Optional facts that are known to be there."""
OnUse = Callable[[Name, KnownFacts], None]
"""Callback for every use of a name, with what is known there."""


def known_facts(expression: Expr, known: KnownFacts, on_use: OnUse) -> tuple[KnownFacts, KnownFacts]:
    """Return the facts known when the expression is true, and when it is false; `known` is known before."""
    match expression:
        case IsMissing():
            return known, known | {expression.fact.name}
        case Not():
            true, false = known_facts(expression.operand, known, on_use)
            return false, true
        case And():
            return _known_in_chain(expression.operands, known, on_use, opposite=False)
        case Or():
            false, true = _known_in_chain(expression.operands, known, on_use, opposite=True)
            return true, false
        case Name():
            on_use(expression, known)
        case _:
            for part in children(expression):
                known_facts(part, known, on_use)
    return known, known


def _known_in_chain(
    operands: tuple[Expr, ...], known: KnownFacts, on_use: OnUse, *, opposite: bool
) -> tuple[KnownFacts, KnownFacts]:
    """Return the facts known if all operands are true, and if one is false; `opposite` negates all."""
    failures = []
    for part in operands:
        true, false = known_facts(part, known, on_use)
        known, failed = (false, true) if opposite else (true, false)
        failures.append(failed)
    return known, frozenset.intersection(*failures)


def children(expression: Expr) -> tuple[Expr, ...]:
    """Return the direct subexpressions, from left to right."""
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
            return (expression.operand, *(part for test in expression.tests for part in operands_of_test(test)))
        case Call():
            return expression.arguments
        case _:
            assert_never(expression)


def operands_of_test(test: Range | Test) -> tuple[Expr, ...]:
    """Return the subexpressions of one test."""
    return (test.low, test.high) if isinstance(test, Range) else (test.value,)


def names_in(expression: Expr) -> Iterator[str]:
    """Yield the names an expression uses, from left to right."""
    if isinstance(expression, Name):
        yield expression.name
    for part in children(expression):
        yield from names_in(part)
