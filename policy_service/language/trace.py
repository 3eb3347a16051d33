"""Why a rule did not match: the condition that failed, and the values it saw."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

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
from policy_service.language.evaluate import Scope, holds
from policy_service.language.policy import Rule
from policy_service.language.unparse import unparse


@dataclass(frozen=True, slots=True)
class RuleTrace:
    """One rule: whether it matched; if not, the condition that failed, and the names in it with the values seen."""

    rule: str
    failed: str | None
    names: tuple[str, ...]


def trace(rules: tuple[Rule, ...], scope: Scope) -> tuple[RuleTrace, ...]:
    """Every rule, in order."""
    return tuple(_trace(rule, scope) for rule in rules)


def _trace(rule: Rule, scope: Scope) -> RuleTrace:
    if holds(rule.when, scope):
        return RuleTrace(rule.id, None, ())
    failed = failing(rule.when, scope)
    return RuleTrace(rule.id, unparse(failed), tuple(dict.fromkeys(names(failed))))


def failing(condition: Expr, scope: Scope) -> Expr:
    """Of a condition that is false, the first part of an `and` that is; anything else fails as a whole."""
    if isinstance(condition, And):
        return failing(next(part for part in condition.operands if not holds(part, scope)), scope)
    return condition


def names(expression: Expr) -> Iterator[str]:
    """The names an expression uses, from left to right."""
    match expression:
        case Name():
            yield expression.name
        case IsMissing():
            yield expression.fact.name
        case And() | Or():
            for part in expression.operands:
                yield from names(part)
        case Not() | Negation() | Property():
            yield from names(expression.operand)
        case Comparison() | Arithmetic():
            yield from names(expression.left)
            yield from names(expression.right)
        case In():
            yield from names(expression.operand)
            for test in expression.tests:
                for part in (test.low, test.high) if isinstance(test, Range) else (test.value,):
                    yield from names(part)
        case Call():
            for part in expression.arguments:
                yield from names(part)
        case Constant():
            return


