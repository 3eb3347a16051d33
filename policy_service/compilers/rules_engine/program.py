"""The program of the rules engine: rules as conjunctions of comparisons between whole numbers.

    program   := a number of fields, and terms
    term      := rule: condition and condition and ...        (no condition: always true)
    condition := field operator value

A rule matches if one of its terms is true (disjunctive normal form). Rules are numbered from 0 in order of priority.
The engine sees nothing else: text, dates, money, arithmetic, membership and missing facts have become whole numbers.
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
    """A conjunction that makes `rule` match; without conditions it is always true."""

    rule: int
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Program:
    """Terms over a vector of `fields` whole numbers, of which those in `flags` are 0 or 1."""

    fields: int
    terms: tuple[Term, ...]
    flags: frozenset[int] = frozenset()
