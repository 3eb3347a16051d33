"""Conditions in words. Negation is pushed down to the predicates, to avoid "it is not the case that".

    not(x < 30)      “x” is at least 30                  not(a and b)    at least one of: not a; not b
    30 > x           “x” is less than 30                 x in ("a")      “x” is ‘a’

Law: conditions that differ for some subject have different texts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, assert_never

from policy_service.compilers.prose.context import CONDITIONS, Context, sort_of, unit_of
from policy_service.compilers.prose.statement import Clause, ClauseGroup, Statement, clause, group
from policy_service.compilers.prose.values import is_literal, single, value
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
    Or,
    Property,
    Range,
    Test,
)

OPPOSITE: Mapping[Comparator, Comparator] = {"=": "!=", "!=": "=", "<": ">=", "<=": ">", ">": "<=", ">=": "<"}
MIRRORED: Mapping[Comparator, Comparator] = {"=": "=", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}


def condition(expression: Expr, context: Context, *, holds: bool = True) -> Statement:
    """Return the statement that the condition is true, or that it is false."""
    match expression:
        case Constant(value=bool() as truth):
            return Clause(context.words.always if truth == holds else context.words.never)
        case Name():
            return clause(context.words, context.title(expression.name), context.words.is_truth(value=holds))
        case IsMissing():
            return clause(context.words, context.title(expression.fact.name), context.words.presence(missing=holds))
        case Not():
            return condition(expression.operand, context, holds=not holds)
        case And():
            return _chain(expression.operands, context, "all" if holds else "any", holds=holds)
        case Or():
            return _chain(expression.operands, context, "any" if holds else "all", holds=holds)
        case Comparison():
            comparator = expression.comparator if holds else OPPOSITE[expression.comparator]
            return _comparison(comparator, expression.left, expression.right, context)
        case In():
            return _membership(expression, context, holds=holds)
        case Call() if expression.function in CONDITIONS:
            return _test(expression, context, holds=holds)
        case Constant() | Arithmetic() | Negation() | Call() | Property():
            raise TypeError(f"a value stands where a condition is expected: {expression!r}")
        case _:
            assert_never(expression)


def _chain(parts: tuple[Expr, ...], context: Context, connective: Literal["all", "any"], *, holds: bool) -> Statement:
    return group(context.words, connective, tuple(condition(part, context, holds=holds) for part in parts))


def _comparison(comparator: Comparator, left: Expr, right: Expr, context: Context) -> Statement:
    if sort_of(left, context) == "truth" or sort_of(right, context) == "truth":
        return _equivalence(comparator, left, right, context)
    if is_literal(left) and not is_literal(right):
        comparator, left, right = MIRRORED[comparator], right, left
    unit = unit_of(left, context) or unit_of(right, context)
    predicate = _predicate(comparator, left, right, context)
    return clause(context.words, value(left, context, unit), predicate)


def _predicate(comparator: Comparator, left: Expr, right: Expr, context: Context) -> str:
    unit = unit_of(left, context) or unit_of(right, context)
    sort = sort_of(left, context)
    return context.words.comparison(comparator, value(right, context, unit), sort, literal=is_literal(right))


def _equivalence(comparator: Comparator, left: Expr, right: Expr, context: Context) -> Statement:
    """Return the comparison of two conditions.

    Compared with a literal `true` or `false` it is the other condition, or its negation.
    """
    for one, other in ((left, right), (right, left)):
        if isinstance(one, Constant):
            return condition(other, context, holds=(one.value is True) == (comparator == "="))
    kind: Literal["same", "differ"] = "same" if comparator == "=" else "differ"
    return ClauseGroup(kind, context.words.lead(kind), (condition(left, context), condition(right, context)))


def _membership(expression: In, context: Context, *, holds: bool) -> Statement:
    operand = expression.operand
    if len(expression.tests) > 1 and sort_of(operand, context) != "truth" and not is_literal(operand):
        values = [test.value for test in expression.tests if isinstance(test, Test) and test.comparator == "="]
        if len(values) == len(expression.tests) and not any(sort_of(part, context) == "tags" for part in values):
            return _one_of(operand, values, context, holds=holds)
    parts = tuple(_passes(operand, test, context, holds=holds) for test in expression.tests)
    return group(context.words, "any" if holds else "all", parts)


def _one_of(operand: Expr, values: list[Expr], context: Context, *, holds: bool) -> Statement:
    unit = next(filter(None, (unit_of(part, context) for part in (operand, *values))), "")
    words = list(dict.fromkeys(single(part, context, unit) for part in values))
    return clause(context.words, value(operand, context, unit), context.words.one_of(words, negated=not holds))


def _passes(operand: Expr, test: Range | Test, context: Context, *, holds: bool) -> Statement:
    """Return one test of a cell or of an `in` list."""
    words = context.words
    match test:
        case Range():
            unit = next(filter(None, (unit_of(part, context) for part in (operand, test.low, test.high))), "")
            ends = [value(end, context, unit) for end in (test.low, test.high)]
            predicate = words.between(ends[0], ends[1], (test.low_closed, test.high_closed), negated=not holds)
            return clause(words, value(operand, context, unit), predicate)
        case Test(value=tags) if sort_of(tags, context) == "tags":
            return _tagged(tags, operand, context, holds=holds)
        case Test():
            comparator = test.comparator if holds else OPPOSITE[test.comparator]
            return _comparison(comparator, operand, test.value, context)
        case _:
            assert_never(test)


def _tagged(tags: Expr, word: Expr, context: Context, *, holds: bool) -> Statement:
    predicate = context.words.tag_test(
        single(word, context, unit_of(tags, context)), literal=is_literal(word), negated=not holds
    )
    return clause(context.words, value(tags, context), predicate)


def _test(call: Call, context: Context, *, holds: bool) -> Statement:
    whole, part = call.arguments
    if call.function == "list contains":
        return _tagged(whole, part, context, holds=holds)
    predicate = context.words.text_test(call.function, single(part, context), negated=not holds)
    return clause(context.words, value(whole, context), predicate)
