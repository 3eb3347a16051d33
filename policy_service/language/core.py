"""The core: what is left of a policy for the compilers, over whole numbers alone.

A condition is a formula: `All` and `Any` over atoms, negation pushed into the atoms. A number is a ratio of polynomials
with whole coefficients over facts as they are kept (fen, days, seconds), so every compiler can compute it exactly:
`amount_12m > 1.5 * mean` becomes `Sign(">", 2*amount_12m - 3*mean)`.

A missing optional fact may be given any value of its type here: the checker has proved that no answer depends on it.
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
    """A fact as it is kept: a whole number."""

    fact: str


@dataclass(frozen=True, slots=True)
class RoundedQuotient:
    """`numerator / denominator`, rounded to a whole number; the denominator is never negative or zero."""

    way: Rounding
    numerator: Polynomial
    denominator: Polynomial


@dataclass(frozen=True, slots=True)
class Extreme:
    """The least or the greatest."""

    choose: Literal["min", "max"]
    parts: tuple[Polynomial, ...]


@dataclass(frozen=True, slots=True)
class Absolute:
    """The size of a number."""

    operand: Polynomial


@dataclass(frozen=True, slots=True)
class DatePart:
    """`year`, `month`, `day` or `weekday` of a day given by its ordinal."""

    part: str
    day: Polynomial


@dataclass(frozen=True, slots=True)
class MonthsLater:
    """The ordinal of the day so many months later; a day that month lacks becomes its last."""

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
    """Always or never."""

    value: bool


@dataclass(frozen=True, slots=True)
class IsPresent:
    """The test that an optional fact is given."""

    fact: str
    negated: bool


@dataclass(frozen=True, slots=True)
class Threshold:
    """A fact, as kept, against a whole number; a boolean counts as 0 or 1."""

    fact: str
    comparator: Comparator
    value: int


@dataclass(frozen=True, slots=True)
class Sign:
    """A number computed from facts, against zero."""

    comparator: Comparator
    polynomial: Polynomial


@dataclass(frozen=True, slots=True)
class OneOf:
    """The test that a choice or a text is one of some words."""

    fact: str
    words: frozenset[str]
    negated: bool


@dataclass(frozen=True, slots=True)
class SameWord:
    """The test that two choices or two texts are equal."""

    left: str
    right: str
    negated: bool


@dataclass(frozen=True, slots=True)
class HasTag:
    """The test that a word is one of the tags."""

    fact: str
    word: str
    negated: bool


@dataclass(frozen=True, slots=True)
class HasTagOf:
    """The test that a choice is one of the tags."""

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
    """Every part holds."""

    parts: tuple[Formula, ...]


@dataclass(frozen=True, slots=True)
class Any:
    """True if some part holds."""

    parts: tuple[Formula, ...]


Formula = Truth | All | Any | Atom


# what rules give


@dataclass(frozen=True, slots=True)
class ComputedNumber:
    """A number that is whole once scaled: `ratio * 10^scale` is the value as kept."""

    ratio: Ratio
    scale: int


@dataclass(frozen=True, slots=True)
class BooleanOutcome:
    """A boolean outcome that a condition gives."""

    condition: Formula


OutcomeExpr = Value | ComputedNumber | BooleanOutcome


@dataclass(frozen=True, slots=True)
class CoreRule:
    """A rule in the core: when, and one value an outcome (for a scorecard's rules, its points)."""

    when: Formula
    then: tuple[OutcomeExpr, ...]


@dataclass(frozen=True, slots=True)
class Core:
    """A policy in the core. Of a scorecard, `bands` ask about the fact `score`, kept like any other."""

    rules: tuple[CoreRule, ...]
    bands: tuple[CoreRule, ...]
    stand_ins: Mapping[str, Value]
    """For each optional fact the value to compute with when it is missing: any of its type would do."""
