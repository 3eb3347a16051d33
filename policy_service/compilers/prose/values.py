"""Computed values in words: `1.5 * mean` is `1.5 times “industry mean”`, and what has no such phrase is a formula.

| how tightly the words hold together | e.g.                                   | inside something larger |
|-------------------------------------|----------------------------------------|-------------------------|
| phrase                              | 2% of “sales”; the smaller of … and …  | always in brackets      |
| sum, product                        | “a” + “b”; “a” × “b”                   | as in school            |
| single                              | “a”; 30; 21 November 2026              | as it is                |

A literal has no unit of its own; it is told in the currency of what it is added to or compared with.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import assert_never

from policy_service.compilers.prose.context import Context, currency_of, sort_of
from policy_service.compilers.prose.figures import grouped, percent
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
    Operator,
    Or,
    Property,
)
from policy_service.language.functions import ROUNDING_FUNCTIONS
from policy_service.language.types import Duration, Months

PHRASE, SUM, PRODUCT, SINGLE = range(4)
SIGNS: Mapping[Operator, str] = {"+": "+", "-": "−", "*": "×", "/": "÷"}


@dataclass(frozen=True, slots=True)
class Words:
    """Words for a value, and how tightly they hold together."""

    text: str
    tightness: int = SINGLE


def value(expression: Expr, context: Context, currency: str = "") -> str:
    """A value in words, literals as amounts in `currency` where they stand for one."""
    return _value(expression, context, currency).text


def single(expression: Expr, context: Context, currency: str = "") -> str:
    """A value in words that nothing beside it can be taken to belong to."""
    return _within(_value(expression, context, currency), SINGLE, context)


def outcome_value(expression: Expr, context: Context, currency: str) -> str:
    """What a rule gives: as `value`, but a cap or a floor is told as one, which only here cannot be misread."""
    match expression:
        case Call(function="min" | "max" as function, arguments=(first, second)):
            limited, limit = (second, first) if isinstance(first, Constant) else (first, second)
            if isinstance(limit, Constant) and not isinstance(limited, Constant):
                inner = _value(limited, context, currency)
                free = inner.tightness == PHRASE
                text = inner.text if free else _within(inner, SINGLE, context)
                words = context.words
                sort = sort_of(limit, context)
                return words.capped(text, value(limit, context, currency), sort, most=function == "min")
    return value(expression, context, currency)


def _within(words: Words, tightness: int, context: Context) -> str:
    return context.words.bracket(words.text) if words.tightness < tightness else words.text


def _value(expression: Expr, context: Context, currency: str) -> Words:
    match expression:
        case Constant():
            return _constant(expression, context, currency)
        case Name():
            return Words(context.title(expression.name))
        case Arithmetic(operator="+" | "-"):
            return _sum(expression, context, currency)
        case Arithmetic():
            return _product(expression, context, currency)
        case Negation(operand=Constant(value=Fraction() as number)):
            return _constant(Constant(value=-number), context, currency)
        case Negation():
            return Words(f"−{single(expression.operand, context, currency)}", SUM)
        case Call():
            return _call(expression, context, currency)
        case Property(operand=Arithmetic(operator="-", left=left, right=right), name="days") if _are_days(
            left, right, context
        ):
            text = context.words.elapsed(single(right, context), single(left, context), days=True)
            return Words(text, PHRASE)
        case Property():
            return Words(context.words.part(expression.name, single(expression.operand, context)), PHRASE)
        case IsMissing() | Not() | And() | Or() | Comparison() | In():
            raise TypeError(f"a condition stands where a value is expected: {expression!r}")
        case _:
            assert_never(expression)


def _constant(constant: Constant, context: Context, currency: str) -> Words:
    words = context.words
    match constant.value:
        case bool() as truth:
            return Words(words.truth(truth))
        case Fraction() as number:
            return Words(words.number(number, currency))
        case str() as text:
            return Words(words.word(text))
        case datetime.date() as day:
            return Words(words.date(day))
        case Duration(seconds=seconds):
            return Words(words.duration(seconds), SINGLE if seconds >= 0 else PHRASE)
        case Months(count=count):
            return Words(words.months(count), SINGLE if count >= 0 else PHRASE)


def _are_days(left: Expr, right: Expr, context: Context) -> bool:
    return sort_of(left, context) == sort_of(right, context) == "date"


def _sum(expression: Arithmetic, context: Context, currency: str) -> Words:
    left, right = expression.left, expression.right
    if _are_days(left, right, context):
        return Words(context.words.elapsed(single(right, context), single(left, context), days=False), PHRASE)
    if sort_of(left, context) == "date" and isinstance(right, Constant) and _is_ahead(right):
        later = expression.operator == "+"
        return Words(context.words.shifted(single(left, context), value(right, context), later=later), PHRASE)
    unit = currency_of(expression, context) or currency
    before = _within(_value(left, context, unit), SUM, context)
    after = _within(_value(right, context, unit), PRODUCT, context)
    return Words(f"{before} {SIGNS[expression.operator]} {after}", SUM)


def _is_ahead(constant: Constant) -> bool:
    match constant.value:
        case Duration(seconds=seconds):
            return seconds > 0
        case Months(count=count):
            return count > 0
        case _:
            return False


def _product(expression: Arithmetic, context: Context, currency: str) -> Words:
    left, right = expression.left, expression.right
    if expression.operator == "*" and (phrase := _multiple(left, right, context) or _multiple(right, left, context)):
        return Words(phrase, PHRASE)
    has_unit = currency_of(left, context) or currency_of(right, context)
    before = _value(left, context, "" if has_unit else currency)
    chained = isinstance(left, Arithmetic) and left.operator == expression.operator == "*"
    first = _within(before, PRODUCT if chained else SINGLE, context)
    return Words(f"{first} {SIGNS[expression.operator]} {single(right, context)}", PRODUCT)


def _multiple(factor: Expr, whole: Expr, context: Context) -> str | None:
    """`2% of …` or `1.5 times …`, None when no such words fit."""
    match factor:
        case Constant(value=Fraction() as number) if not isinstance(whole, Constant):
            if share := percent(number):
                return context.words.share(share, single(whole, context))
            return context.words.times(grouped(number), single(whole, context)) if number > 1 else None
        case _:
            return None


def _call(call: Call, context: Context, currency: str) -> Words:
    words = context.words
    unit = currency_of(call, context) or currency
    parts = [single(argument, context, unit) for argument in call.arguments]
    if way := ROUNDING_FUNCTIONS.get(call.function):
        return Words(words.rounded(way, parts[0], _places(call)), PHRASE)
    match call.function:
        case "min" | "max" if len(parts) == 1:
            return _value(call.arguments[0], context, unit)
        case "min" | "max" as function:
            sort = sort_of(call.arguments[0], context)
            return Words(words.extreme(least=function == "min", parts=parts, sort=sort), PHRASE)
        case "abs":
            return Words(words.size(parts[0]), PHRASE)
        case "count":
            return Words(words.count_of(parts[0]), PHRASE)
        case _:
            raise TypeError(f"a condition stands where a value is expected: {call!r}")


def _places(call: Call) -> int:
    match call.arguments:
        case (_, Constant(value=Fraction() as places)):
            return int(places)
        case _:
            return 0
