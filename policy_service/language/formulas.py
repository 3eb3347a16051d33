"""Joins conditions of the core, and turns comparisons of numbers into atoms."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import assert_never

from policy_service.language.ast import Comparator
from policy_service.language.core import All, Any, Formula, Ratio, Sign, StoredFact, Threshold, Truth
from policy_service.language.polynomial import constant, primitive_part, scale

OPPOSITE: Mapping[Comparator, Comparator] = {"=": "!=", "!=": "=", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}
MIRRORED: Mapping[Comparator, Comparator] = {"=": "=", "!=": "!=", "<": ">", ">": "<", "<=": ">=", ">=": "<="}


def join(kind: type[All | Any], parts: list[Formula]) -> Formula:
    """Return the parts joined: nested ones of the same kind flattened, constants folded."""
    stops = kind is Any
    flat: dict[Formula, None] = {}
    for part in parts:
        if isinstance(part, Truth):
            if part.value == stops:
                return part
        elif isinstance(part, kind):
            flat.update(dict.fromkeys(part.parts))
        else:
            flat[part] = None
    if len(flat) == 1:
        return next(iter(flat))
    return kind(tuple(flat)) if flat else Truth(not stops)


def sign_of(comparator: Comparator, difference: Ratio) -> Formula:
    """Return `difference comparator 0`; its denominator is positive, so only the numerator matters."""
    numerator = primitive_part(difference.numerator)
    value = constant(numerator)
    if value is not None:
        return Truth(COMPARE[comparator](value, 0))
    match numerator:
        case (((StoredFact(fact=fact),), factor),):
            return threshold(fact, comparator, factor, 0)
        case (((), base), ((StoredFact(fact=fact),), factor)):
            return threshold(fact, comparator, factor, base)
        case _:
            leading = next(coefficient for monomial, coefficient in numerator if monomial)
            return Sign(comparator, numerator) if leading > 0 else Sign(MIRRORED[comparator], scale(numerator, -1))


COMPARE: Mapping[Comparator, Callable[[int, int], bool]] = {
    "=": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


def threshold(fact: str, comparator: Comparator, factor: int, base: int) -> Formula:
    """Return `factor * fact + base comparator 0` as a comparison of the fact with a whole number."""
    if factor < 0:
        factor, base, comparator = -factor, -base, MIRRORED[comparator]
    quotient, rest = divmod(-base, factor)
    if rest == 0:
        return Threshold(fact, comparator, quotient)
    match comparator:
        case "=":
            return Truth(value=False)
        case "!=":
            return Truth(value=True)
        case "<" | "<=":
            return Threshold(fact, "<=", quotient)
        case ">" | ">=":
            return Threshold(fact, ">=", quotient + 1)
        case _:
            assert_never(comparator)
