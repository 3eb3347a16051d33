"""The reference evaluator, which defines what a policy means.

Every compiler must agree with it, down to rules and missing facts.

    evaluate(policy, facts, as_of)
      = missing facts    when a fact that is not optional was not given
      = the hit policy's conclusion from the rules whose condition holds, otherwise

A condition is evaluated from left to right with short-circuiting, so `x is not missing and x < 30` never reads a
missing x. Numbers are fractions: only rounding functions round. The checker has proved that every valid policy
evaluates without an error.
"""

from __future__ import annotations

import datetime
import operator
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any, assert_never

from dateutil.relativedelta import relativedelta

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
from policy_service.language.functions import ROUND, ROUNDING_FUNCTIONS, exact_power, round_to, whole_days
from policy_service.language.outcome import MissingFacts, Result, conclude, missing_facts
from policy_service.language.policy import AS_OF, SCORE, Policy, Rule
from policy_service.language.types import SECONDS_PER_DAY, Duration, Exact, Months, Type, Value, quantize, to_exact

Scope = Mapping[str, Exact]
"""The value of each name; a missing fact is absent."""


def evaluate(policy: Policy, facts: Mapping[str, Value], as_of: datetime.date) -> Result:
    """Decide about a subject with these `facts` (as stored, see `types.py`) on the day `as_of`."""
    if missing := missing_facts(policy, facts):
        return MissingFacts(missing)
    scope = scope_of(policy, facts, as_of)
    matched = [index for index, rule in enumerate(policy.rules) if holds(rule.when, scope)]
    if policy.scorecard is None:
        return conclude(policy, matched, lambda index: rule_values(policy, policy.rules[index], scope))
    card = policy.scorecard
    total = card.base + sum(rule_points(policy.rules[index], scope, card.type) for index in matched)
    scope = {**scope, SCORE: to_exact(card.type, total)}
    [band] = [index for index, band in enumerate(card.bands) if holds(band.when, scope)]
    return conclude(policy, matched, lambda index: rule_values(policy, card.bands[index], scope), band)


def scope_of(policy: Policy, facts: Mapping[str, Value], as_of: datetime.date) -> dict[str, Exact]:
    """Return the names that an expression of the policy may use, with their values."""
    scope: dict[str, Exact] = {
        name: to_exact(policy.facts[name].type, value) for name, value in facts.items() if name in policy.facts
    }
    return {**scope, AS_OF: as_of}


def rule_values(policy: Policy, rule: Rule, scope: Scope) -> tuple[Value, ...]:
    """Return the rule's outcome values, in stored form."""
    kinds = [outcome.type for outcome in policy.outcomes.values()]
    return tuple(_stored_value(then, kind, scope) for then, kind in zip(rule.then, kinds, strict=False))


def rule_points(rule: Rule, scope: Scope, kind: Type) -> int:
    """Return the points a scorecard's rule adds, scaled."""
    return int(_stored_value(rule.then[0], kind, scope))  # type: ignore[arg-type]  # numbers are kept as int


def _stored_value(then: Expr | Value, kind: Type, scope: Scope) -> Value:
    return then if isinstance(then, bool | int | str | frozenset) else quantize(kind, evaluate_expression(then, scope))


def holds(expression: Expr, scope: Scope) -> bool:
    """Return True if a condition is true."""
    return evaluate_expression(expression, scope) is True


def evaluate_expression(expression: Expr, scope: Scope) -> Exact:  # one case a node, in the order of ast.py
    """Evaluate an expression."""
    match expression:
        case Constant():
            return expression.value
        case Name():
            return scope[expression.name]
        case IsMissing():
            return expression.fact.name not in scope
        case Not():
            return not evaluate_expression(expression.operand, scope)
        case And():
            for operand in expression.operands:  # noqa: SIM110  # a generator takes longer than what it asks
                if not evaluate_expression(operand, scope):
                    return False
            return True
        case Or():
            for operand in expression.operands:  # noqa: SIM110  # a generator takes longer than what it asks
                if evaluate_expression(operand, scope):
                    return True
            return False
        case Comparison():
            return compare(
                expression.comparator,
                evaluate_expression(expression.left, scope),
                evaluate_expression(expression.right, scope),
            )
        case In():
            tested = evaluate_expression(expression.operand, scope)
            for test in expression.tests:  # noqa: SIM110  # a generator takes longer than what it asks
                if passes_test(tested, test, scope):
                    return True
            return False
        case Arithmetic():
            return calculate(
                expression.operator,
                evaluate_expression(expression.left, scope),
                evaluate_expression(expression.right, scope),
            )
        case Negation():
            return calculate("*", Fraction(-1), evaluate_expression(expression.operand, scope))
        case Call():
            return call_function(
                expression.function, [evaluate_expression(argument, scope) for argument in expression.arguments]
            )
        case Property():
            return property_value(evaluate_expression(expression.operand, scope), expression.name)
        case _:
            assert_never(expression)


ORDER: Mapping[Comparator, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def constant_value(expression: Expr) -> Exact | None:
    """Return the value of an expression without names; None if it has names, or divides by zero."""
    try:
        return evaluate_expression(expression, {})
    except (KeyError, ArithmeticError, OverflowError, ValueError):
        return None


def passes_test(operand: Exact, test: Range | Test, scope: Scope) -> bool:
    """Return True if a value passes one test of a cell or an `in` list; for tags, if they contain the word."""
    match test:
        case Range():
            above: Comparator = ">=" if test.low_closed else ">"
            below: Comparator = "<=" if test.high_closed else "<"
            return compare(above, operand, evaluate_expression(test.low, scope)) and compare(
                below, operand, evaluate_expression(test.high, scope)
            )
        case Test():
            other = evaluate_expression(test.value, scope)
            return operand in other if isinstance(other, frozenset) else compare(test.comparator, operand, other)
        case _:
            assert_never(test)


def compare(comparator: Comparator, left: Exact, right: Exact) -> bool:
    """Return the result of comparing two values of one kind."""
    if comparator in ("=", "!="):
        return (left == right) == (comparator == "=")
    match left, right:
        case Fraction(), Fraction():
            one, other = left.numerator * right.denominator, right.numerator * left.denominator
            return ORDER[comparator](one, other)
        case datetime.date(), datetime.date():
            return ORDER[comparator](left, right)
        case Duration(), Duration():
            return ORDER[comparator](left.seconds, right.seconds)
        case _:
            raise ArithmeticError(f"{left!r} {comparator} {right!r}")


def calculate(operator: Operator, left: Exact, right: Exact) -> Exact:  # the table of quantities.py
    """Return the result of one arithmetic operation; see the table in `quantities.py`."""
    match left, operator, right:
        case Fraction(), "+", Fraction():
            return left + right
        case Fraction(), "-", Fraction():
            return left - right
        case Fraction(), "*", Fraction():
            return left * right
        case Fraction(), "/", Fraction():
            return left / right
        case Fraction(), "**", Fraction():
            return exact_power(left, right)
        case Duration(), "+", Duration():
            return Duration(left.seconds + right.seconds)
        case Duration(), "-", Duration():
            return Duration(left.seconds - right.seconds)
        case (Duration(seconds=seconds), "*", Fraction() as factor) | (
            Fraction() as factor,
            "*",
            Duration(seconds=seconds),
        ):
            return Duration(seconds * factor)
        case Duration(), "/", Fraction():
            return Duration(left.seconds / right)
        case Duration(), "/", Duration():
            return left.seconds / right.seconds
        case datetime.date(), "-", datetime.date():
            return Duration(Fraction((left - right).days * SECONDS_PER_DAY))
        case datetime.date(), "+" | "-", Duration(seconds=seconds):
            shift = seconds if operator == "+" else -seconds
            return datetime.date.fromordinal(left.toordinal() + shift // SECONDS_PER_DAY)
        case datetime.date(), "+" | "-", Months(count=count):
            return left + relativedelta(months=count if operator == "+" else -count)
        case _:
            raise ArithmeticError(f"{left!r} {operator} {right!r}")


def call_function(function: str, arguments: list[Exact]) -> Exact:  # one return a function is the clearest
    """Return the result of a function of `functions.py`."""
    match function, arguments:
        case name, [Fraction() as number, *places] if way := ROUNDING_FUNCTIONS.get(name):
            return round_to(way, number, int(places[0]) if places else 0)  # type: ignore[arg-type]  # a whole number
        case "modulo", [Fraction() as number, Fraction() as divisor]:
            return number - divisor * ROUND["floor"](number / divisor)
        case "abs", [Fraction() as number]:
            return abs(number)
        case "abs", [Duration(seconds=seconds)]:
            return Duration(abs(seconds))
        case "min" | "max" as name, [first, *rest]:
            for other in rest:
                first = other if compare("<" if name == "min" else ">", other, first) else first
            return first
        case "count", [frozenset() as tags]:
            return Fraction(len(tags))
        case "list contains", [frozenset() as tags, word]:
            return word in tags
        case "contains", [str() as text, str() as other]:
            return other in text
        case "starts with", [str() as text, str() as other]:
            return text.startswith(other)
        case "ends with", [str() as text, str() as other]:
            return text.endswith(other)
        case _:
            raise ArithmeticError(f"{function}({arguments!r})")


def property_value(whole: Exact, name: str) -> Exact:
    """Return a property of a date or a duration."""
    match whole, name:
        case Duration(), "days":
            return Fraction(whole_days(whole.seconds))
        case datetime.date(), "weekday":
            return Fraction(whole.isoweekday())
        case datetime.date(), "year" | "month" | "day":
            return Fraction(getattr(whole, name))
        case _:
            raise ArithmeticError(f"{whole!r}.{name}")
