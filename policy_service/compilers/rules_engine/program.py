"""The program of the rules engine: rules as conjunctions of comparisons between whole numbers.

    program   := a number of fields, and terms
    term      := rule: condition and condition and ...        (no condition: always true)
    condition := field operator value

A rule is true when one of its terms is (disjunctive normal form). Rules are numbered from 0 in order of
priority. Nothing else reaches the engine: text, dates, money, arithmetic, membership and whatever is missing
have become whole numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Operator = Literal["=", "!=", "<", "<=", ">", ">="]

LARGEST_VALUE: Final = 2**53
"""Every value and every constant lies in -LARGEST_VALUE..LARGEST_VALUE."""


@dataclass(frozen=True, slots=True)
class Condition:
    """`field operator value`, where `field` is an index into the vector of values."""

    field: int
    operator: Operator
    value: int


@dataclass(frozen=True, slots=True)
class Term:
    """A conjunction that makes `rule` true, as each of its other terms does; without conditions, always."""

    rule: int
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Program:
    """Terms over a vector of `fields` whole numbers, of which those in `flags` are only ever 0 or 1."""

    fields: int
    terms: tuple[Term, ...]
    flags: frozenset[int] = frozenset()
