"""The trace: why a rule did not match, by the failed condition and its values."""

from __future__ import annotations

from dataclasses import dataclass

from policy_service.language.ast import And, Expr
from policy_service.language.definedness import names_in
from policy_service.language.evaluate import Scope, holds
from policy_service.language.policy import OTHERWISE, Rule
from policy_service.language.unparse import unparse


@dataclass(frozen=True, slots=True)
class RuleTrace:
    """One rule: whether it matched; if not, the failed condition, and the values of its names."""

    rule: str
    failed: str | None
    names: tuple[str, ...]


def trace(rules: tuple[Rule, ...], scope: Scope) -> tuple[RuleTrace, ...]:
    """Return every rule, in order. If another rule matched, `otherwise` fails with its own name as the condition."""
    traces = [_trace(rule, scope) for rule in rules if not rule.otherwise]
    if rules and rules[-1].otherwise:
        is_reached = all(rule.failed is not None for rule in traces)
        traces.append(RuleTrace(rules[-1].id, None if is_reached else OTHERWISE, ()))
    return tuple(traces)


def _trace(rule: Rule, scope: Scope) -> RuleTrace:
    if holds(rule.when, scope):
        return RuleTrace(rule.id, None, ())
    failed = failing_part(rule.when, scope)
    return RuleTrace(rule.id, unparse(failed), tuple(dict.fromkeys(names_in(failed))))


def failing_part(condition: Expr, scope: Scope) -> Expr:
    """Return the first false part of a false `and`; any other false condition as a whole."""
    if isinstance(condition, And):
        return failing_part(next(part for part in condition.operands if not holds(part, scope)), scope)
    return condition
