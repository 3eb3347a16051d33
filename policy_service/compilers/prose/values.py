"""Computed values in words: `1.5 * mean` is `1.5 times “industry mean”`; other values become formulas.

| how tightly the words hold together | e.g.                                   | inside something larger |
|-------------------------------------|----------------------------------------|-------------------------|
| phrase                              | 2% of “sales”; the smaller of … and …  | always in brackets      |
| sum, product                        | “a” + “b”; “a” × “b”                   | as in school            |
| single                              | “a”; 30; 21 November 2026              | as it is                |

A literal takes the unit of what it is added to or compared with; a word takes its title there.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import assert_never

from policy_service.compilers.prose.context import YEAR, Context, sort_of, unit_of
from policy_service.compilers.prose.figures import group_thousands, percent
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
from policy_service.language.check import whole_constant
from policy_service.language.functions import ROUNDING_FUNCTIONS
from policy_service.language.types import Duration, Months

PHRASE, SUM, PRODUCT, SINGLE = range(4)
SIGNS: Mapping[Operator, str] = {"+": "+", "-": "−", "*": "×", "/": "÷"}
"""The operators of formulas; a power is a phrase."""


@dataclass(frozen=True, slots=True)
class Words:
    """The words for a value, and how tightly they bind."""

    text: str
    tightness: int = SINGLE


def value(expression: Expr, context: Context, unit: str = "") -> str:
    """Return a value in words, with literals as amounts in `unit` where appropriate."""
    return _value(expression, context, unit).text


def single(expression: Expr, context: Context, unit: str = "") -> str:
    """Return a value in words, bracketed if needed to stay separate from its neighbours."""
    return _within(_value(expression, context, unit), SINGLE, context)


def outcome_value(expression: Expr, context: Context, unit: str) -> str:
    """Return a rule's outcome like `value`, but with phrases for a cap or a floor, which are unambiguous only here."""
    if not isinstance(expression, Call) or expression.function not in ("min", "max") or len(expression.arguments) != 2:  # noqa: PLR2004
        return value(expression, context, unit)
    limited, limit = expression.arguments
    if is_literal(limited):
        limited, limit = limit, limited
    if is_literal(limited) or not is_literal(limit):
        return value(expression, context, unit)
    inner = _value(limited, context, unit)
    text = inner.text if inner.tightness == PHRASE else _within(inner, SINGLE, context)
    most = expression.function == "min"
    return context.words.cap(text, value(limit, context, unit), sort_of(limit, context), most=most)


def is_literal(expression: Expr) -> bool:
    """Return True if the value is a literal of the policy."""
    return isinstance(expression.operand if isinstance(expression, Negation) else expression, Constant)


def _within(words: Words, tightness: int, context: Context) -> str:
    return context.words.bracket(words.text) if words.tightness < tightness else words.text


def _value(expression: Expr, context: Context, unit: str) -> Words:
    match expression:
        case Constant():
            return _constant(expression, context, unit)
        case Name():
            return Words(context.title(expression.name))
        case Arithmetic(operator="+" | "-"):
            return _sum(expression, context, unit)
        case Arithmetic(operator="**"):
            exponent = f"{whole_constant(expression.right):,}".replace("-", "−")
            return Words(context.words.power(single(expression.left, context), exponent), PHRASE)
        case Arithmetic():
            return _product(expression, context, unit)
        case Negation(operand=Constant(value=Fraction() as number)):
            return _constant(Constant(value=-number), context, unit)
        case Negation():
            return Words(f"−{single(expression.operand, context, unit)}", SUM)
        case Call():
            return _call(expression, context, unit)
        case Property(operand=Arithmetic(operator="-", left=left, right=right), name="days") if _are_days(
            left, right, context
        ):
            text = context.words.elapsed_time(single(right, context), single(left, context), days=True)
            return Words(text, PHRASE)
        case Property():
            return Words(context.words.part(expression.name, single(expression.operand, context)), PHRASE)
        case IsMissing() | Not() | And() | Or() | Comparison() | In():
            raise TypeError(f"a condition stands where a value is expected: {expression!r}")
        case _:
            assert_never(expression)


def _constant(constant: Constant, context: Context, unit: str) -> Words:
    words = context.words
    match constant.value:
        case bool():
            raise TypeError(f"a condition stands where a value is expected: {constant!r}")
        case Fraction() as number:
            if unit == YEAR:
                return Words(group_thousands(number).replace(",", ""))
            return Words(words.number(number, unit))
        case str() as text:
            return Words(context.word(text, unit))
        case datetime.date() as day:
            return Words(words.date(day))
        case Duration(seconds=seconds):
            return Words(words.duration(seconds), SINGLE if seconds >= 0 else PHRASE)
        case months:
            return Words(words.months(months.count), SINGLE if months.count >= 0 else PHRASE)


def _are_days(left: Expr, right: Expr, context: Context) -> bool:
    return sort_of(left, context) == sort_of(right, context) == "date"


def _sum(expression: Arithmetic, context: Context, unit: str) -> Words:
    left, right = expression.left, expression.right
    if _are_days(left, right, context):
        return Words(context.words.elapsed_time(single(right, context), single(left, context), days=False), PHRASE)
    if sort_of(left, context) == "date" and isinstance(right, Constant) and _is_ahead(right):
        later = expression.operator == "+"
        return Words(context.words.date_shift(single(left, context), value(right, context), later=later), PHRASE)
    unit = unit_of(expression, context) or unit
    before = _within(_term(left, context, unit), SUM, context)
    after = _within(_term(right, context, unit), PRODUCT, context)
    return Words(f"{before} {SIGNS[expression.operator]} {after}", SUM)


def _is_ahead(constant: Constant) -> bool:
    match constant.value:
        case Duration(seconds=seconds):
            return seconds > 0
        case Months(count=count):
            return count > 0
        case _:
            return False


def _term(expression: Expr, context: Context, unit: str) -> Words:
    """Return a part of a formula: a multiple is a product there, not a phrase."""
    match expression:
        case Arithmetic(operator="*"):
            return _formula(expression, context, unit)
        case _:
            return _value(expression, context, unit)


def _product(expression: Arithmetic, context: Context, unit: str) -> Words:
    left, right = expression.left, expression.right
    if expression.operator == "*" and not _makes_unit(expression, context, unit):
        phrase = _multiple(left, right, context) or _multiple(right, left, context)
        if phrase:
            return Words(phrase, PHRASE)
    return _formula(expression, context, unit)


def _makes_unit(expression: Expr, context: Context, unit: str) -> bool:
    """Return True if a product's unit comes from a factor shown as an amount, `CNY 500.00 × “customers brought”`."""
    return unit != "" and not unit_of(expression, context)


def _formula(expression: Arithmetic, context: Context, unit: str) -> Words:
    left, right = expression.left, expression.right
    unit = unit if _makes_unit(expression, context, unit) else ""
    first = _has_figure(left)
    chained = isinstance(left, Arithmetic) and left.operator == "*"
    before = _within(_term(left, context, unit if first else ""), PRODUCT if chained else SINGLE, context)
    after = single(right, context, unit if expression.operator == "*" and is_literal(right) and not first else "")
    return Words(f"{before} {SIGNS[expression.operator]} {after}", PRODUCT)


def _has_figure(factor: Expr) -> bool:
    """Return True if a factor is, or contains, a literal shown as an amount."""
    match factor:
        case Arithmetic(operator="*"):
            return _has_figure(factor.left) or is_literal(factor.right)
        case Arithmetic(operator="/"):
            return _has_figure(factor.left)
        case _:
            return is_literal(factor)


def _multiple(factor: Expr, whole: Expr, context: Context) -> str | None:
    """Return `2% of …` or `1.5 times …`; None if neither fits."""
    match factor, whole:
        case _, Constant() | Arithmetic():
            return None
        case Constant(value=Fraction() as number), _:
            if share := percent(number):
                return context.words.share(share, single(whole, context))
            return context.words.times(group_thousands(number), single(whole, context)) if number > 1 else None
        case _:
            return None


def _call(call: Call, context: Context, unit: str) -> Words:
    words = context.words
    unit = unit_of(call, context) or unit
    parts = [single(argument, context, unit) for argument in call.arguments]
    if way := ROUNDING_FUNCTIONS.get(call.function):
        return Words(words.rounding(way, parts[0], _places(call)), PHRASE)
    match call.function:
        case "min" | "max" if len(parts) == 1:
            return _value(call.arguments[0], context, unit)
        case "min" | "max" as function:
            sort = sort_of(call.arguments[0], context)
            return Words(words.extreme(least=function == "min", parts=parts, sort=sort), PHRASE)
        case "modulo":
            return Words(words.remainder(*parts), PHRASE)
        case "abs":
            return Words(words.size(parts[0]), PHRASE)
        case "count":
            return Words(words.count_of(parts[0]), PHRASE)
        case _:
            raise TypeError(f"a condition stands where a value is expected: {call!r}")


def _places(call: Call) -> int:
    return whole_constant(call.arguments[1]) or 0 if len(call.arguments) > 1 else 0
