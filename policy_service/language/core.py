"""The core language, the compilers' input: policies reduced to formulas over whole numbers.

A condition is a formula: `All` and `Any` over atoms, with negation pushed into the atoms. A number is a ratio of
polynomials with whole coefficients over stored facts (fen, days, seconds), so every compiler can compute it exactly:
`amount_12m > 1.5 * mean` becomes `Sign(">", 2*amount_12m - 3*mean)`.

A missing optional fact may have any value of its type here: the checker has proved that no answer depends on it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from policy_service.language.ast import Comparator
from policy_service.language.functions import Rounding
from policy_service.language.types import Value

# numbers


@dataclass(frozen=True, slots=True)
class StoredFact:
    """A fact in stored form: a whole number."""

    fact: str


@dataclass(frozen=True, slots=True)
class RoundedQuotient:
    """`numerator / denominator`, rounded to a whole number; the denominator is never negative or zero."""

    way: Rounding
    numerator: Polynomial
    denominator: Polynomial


@dataclass(frozen=True, slots=True)
class Extreme:
    """The least or greatest of some numbers."""

    choose: Literal["min", "max"]
    parts: tuple[Polynomial, ...]


@dataclass(frozen=True, slots=True)
class Absolute:
    """The absolute value of a number."""

    operand: Polynomial


@dataclass(frozen=True, slots=True)
class DatePart:
    """`year`, `month`, `day` or `weekday` of a day given by its ordinal."""

    part: str
    day: Polynomial


@dataclass(frozen=True, slots=True)
class MonthsLater:
    """The ordinal of the day some months later; a day that the month lacks becomes its last."""

    day: Polynomial
    months: int


@dataclass(frozen=True, slots=True)
class CountOf:
    """The number of a fact's tags."""

    fact: str


Factor = StoredFact | RoundedQuotient | Extreme | Absolute | DatePart | MonthsLater | CountOf
Monomial = tuple[Factor, ...]
Polynomial = tuple[tuple[Monomial, int], ...]
"""Monomials with their coefficients, none zero, in a fixed order; the empty monomial is the constant part."""


@dataclass(frozen=True, slots=True)
class Ratio:
    """A number: `numerator / denominator`, the denominator always positive."""

    numerator: Polynomial
    denominator: Polynomial


# conditions


@dataclass(frozen=True, slots=True)
class Truth:
    """Always true or always false."""

    value: bool


@dataclass(frozen=True, slots=True)
class IsPresent:
    """True if an optional fact is given."""

    fact: str
    negated: bool


@dataclass(frozen=True, slots=True)
class Threshold:
    """Compares a stored fact with a whole number; a boolean counts as 0 or 1."""

    fact: str
    comparator: Comparator
    value: int


@dataclass(frozen=True, slots=True)
class Sign:
    """Compares a number computed from facts with zero."""

    comparator: Comparator
    polynomial: Polynomial


@dataclass(frozen=True, slots=True)
class OneOf:
    """True if a choice or text is one of some words."""

    fact: str
    words: frozenset[str]
    negated: bool


@dataclass(frozen=True, slots=True)
class SameWord:
    """True if two choices or texts are equal."""

    left: str
    right: str
    negated: bool


@dataclass(frozen=True, slots=True)
class HasTag:
    """True if the tags contain a word."""

    fact: str
    word: str
    negated: bool


@dataclass(frozen=True, slots=True)
class HasTagOf:
    """True if the tags contain the value of a choice."""

    tags: str
    choice: str
    negated: bool


@dataclass(frozen=True, slots=True)
class TextTest:
    """`contains`, `starts with` or `ends with`."""

    test: str
    fact: str
    word: str
    negated: bool


Atom = IsPresent | Threshold | Sign | OneOf | SameWord | HasTag | HasTagOf | TextTest


@dataclass(frozen=True, slots=True)
class All:
    """True if every part is true."""

    parts: tuple[Formula, ...]


@dataclass(frozen=True, slots=True)
class Any:
    """True if some part is true."""

    parts: tuple[Formula, ...]


Formula = Truth | All | Any | Atom


# what rules give


@dataclass(frozen=True, slots=True)
class ComputedNumber:
    """A computed number: `ratio * 10^scale` is its stored value, a whole number."""

    ratio: Ratio
    scale: int


@dataclass(frozen=True, slots=True)
class BooleanOutcome:
    """A boolean outcome computed by a condition."""

    condition: Formula


OutcomeExpr = Value | ComputedNumber | BooleanOutcome


@dataclass(frozen=True, slots=True)
class CoreRule:
    """A rule in the core: its condition, and one value per outcome (for a scorecard's rules, its points)."""

    when: Formula
    then: tuple[OutcomeExpr, ...]


@dataclass(frozen=True, slots=True)
class Core:
    """A policy in the core. The `bands` of a scorecard use the fact `score`, stored like any other."""

    rules: tuple[CoreRule, ...]
    bands: tuple[CoreRule, ...]
    stand_ins: Mapping[str, Value]
    """For each optional fact, an arbitrary value of its type to compute with if it is missing."""
