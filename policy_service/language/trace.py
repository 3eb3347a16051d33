"""Why a rule did not match: the condition that failed, and the values it saw."""

from __future__ import annotations

from dataclasses import dataclass

from policy_service.language.ast import And, Expr
from policy_service.language.evaluate import Scope, holds
from policy_service.language.policy import Rule
from policy_service.language.presence import names
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
