"""Plain conditions, which only compare one fact with constants, as sets of values.

A set is written as disjoint intervals of whole numbers, ascending. What a number stands for:

| fact                   | number                                                                  |
|------------------------|-------------------------------------------------------------------------|
| number, date, duration | the value as kept                                                       |
| boolean, choice        | the place of the value: false, true; the words in their order           |
| text                   | the place of the text among those that are named; the last is any other |
| tags                   | all lists of tags alike; what asks about tags is not plain              |
| missing                | two below the least of the others                                       |
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor

from policy_service.language.ast import (
    And,
    Comparator,
    Comparison,
    Constant,
    Expr,
    In,
    IsMissing,
    Name,
    Not,
    Or,
    Range,
    Test,
)
from policy_service.language.evaluate import constant_value
from policy_service.language.types import (
    BooleanType,
    ChoiceType,
    DateType,
    Duration,
    DurationType,
    NumberType,
    TagsType,
    TextType,
    Type,
    format_value,
)
from policy_service.language.unparse import quote

Region = tuple[tuple[int, int], ...]
"""Disjoint intervals, both ends included, ascending, none touching the next."""
NOTHING: Region = ()
MIRRORED: dict[Comparator, Comparator] = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "=", "!=": "!="}
"""`5 < x` as `x > 5`."""


@dataclass(frozen=True, slots=True)
class Domain:
    """All values that a fact can have, and the texts named in conditions."""

    name: str
    kind: Type
    optional: bool
    texts: tuple[str, ...] = ()

    @property
    def values(self) -> Region:
        """All values except missing."""
        match self.kind:
            case NumberType(low=low, high=high) | DateType(low=low, high=high) | DurationType(low=low, high=high):
                return ((low, high),)
            case BooleanType():
                return ((0, 1),)
            case ChoiceType(of=of):
                return ((0, len(of) - 1),)
            case TextType():
                return ((0, len(self.texts)),)
            case TagsType():
                return ((0, 0),)

    @property
    def missing(self) -> Region:
        """The value that represents missing."""
        return ((self.values[0][0] - 2,) * 2,) if self.optional else NOTHING

    @property
    def all(self) -> Region:
        """Every value, and missing if the fact is optional."""
        return (*self.missing, *self.values)

    def describe(self, number: int) -> str:
        """Return the value that a number stands for, in the author's words."""
        if self.missing and number == self.missing[0][0]:
            return f"`{self.name}` missing"
        return f"`{self.name}` {self._format(number)}"

    def _format(self, number: int) -> str:
        match self.kind:
            case BooleanType():
                return ("false", "true")[number]
            case ChoiceType(of=of):
                return quote(of[number])
            case TextType():
                return quote(self.texts[number]) if number < len(self.texts) else "another text"
            case TagsType():
                return "with any tags"
            case kind:
                return str(format_value(kind, number))

    def number_of(self, constant: Expr) -> Fraction | None:
        """Return the number for a constant, possibly outside the domain; None if it is no plain constant."""
        match constant_value(constant), self.kind:
            case Fraction() as number, NumberType(scale=scale):
                return _scaled(number, scale)
            case datetime.date() as day, DateType():
                return Fraction(day.toordinal())
            case Duration(seconds=seconds), DurationType():
                return seconds
            case bool() as truth, BooleanType():
                return Fraction(truth)
            case str() as word, ChoiceType(of=of) if word in of:
                return Fraction(of.index(word))
            case str() as text, TextType() if text in self.texts:
                return Fraction(self.texts.index(text))
            case _:
                return None


def _scaled(number: Fraction, scale: int) -> Fraction:
    return number * Fraction(10) ** scale


def region(condition: Expr, domain: Domain) -> Region | None:
    """Return the values for which a condition is true; None unless it is a plain condition on the fact of `domain`."""
    match condition:
        case Constant(value=bool() as truth):
            return domain.all if truth else NOTHING
        case Name(name=domain.name) if isinstance(domain.kind, BooleanType):
            return ((1, 1),)
        case IsMissing(fact=Name(name=domain.name)):
            return domain.missing
        case Not(operand=operand):
            inner = region(operand, domain)
            if inner is None:
                return None
            whole = domain.all if _asks_missing(operand) else domain.values
            return difference(whole, inner)
        case And(operands=operands) | Or(operands=operands):
            parts = [region(part, domain) for part in operands]
            known = [part for part in parts if part is not None]
            if len(known) < len(parts):
                return None
            return union(known) if isinstance(condition, Or) else _intersection(known, domain.all)
        case In(operand=Name(name=domain.name), tests=tests):
            passing_regions = [region_of_test(test, domain) for test in tests]
            return None if None in passing_regions else union([part for part in passing_regions if part is not None])
        case Comparison(comparator=comparator, left=Name(name=domain.name), right=constant):
            return _comparison_region(comparator, domain.number_of(constant), domain)
        case Comparison(comparator=comparator, left=constant, right=Name(name=domain.name)):
            return _comparison_region(MIRRORED[comparator], domain.number_of(constant), domain)
        case _:
            return None


def region_of_test(test: Range | Test, domain: Domain) -> Region | None:
    """Return the values that pass one test; None if it is not plain."""
    match test:
        case Test():
            return _comparison_region(test.comparator, domain.number_of(test.value), domain)
        case Range():
            low = _comparison_region(">=" if test.low_closed else ">", domain.number_of(test.low), domain)
            high = _comparison_region("<=" if test.high_closed else "<", domain.number_of(test.high), domain)
            return None if low is None or high is None else intersection(low, high)


def _comparison_region(comparator: Comparator, number: Fraction | None, domain: Domain) -> Region | None:
    if number is None:
        return None
    [(low, high)] = domain.values
    least, greatest = {
        "<": (low, ceil(number) - 1),
        "<=": (low, floor(number)),
        ">": (floor(number) + 1, high),
        ">=": (ceil(number), high),
        "=": (ceil(number), floor(number)),
        "!=": (ceil(number), floor(number)),
    }[comparator]
    inside = intersection(((least, greatest),), domain.values)
    return difference(domain.values, inside) if comparator == "!=" else inside


def _asks_missing(condition: Expr) -> bool:
    match condition:
        case IsMissing():
            return True
        case Not(operand=operand):
            return _asks_missing(operand)
        case And(operands=operands) | Or(operands=operands):
            return any(map(_asks_missing, operands))
        case _:
            return False


# sets


def union(regions: Iterable[Region]) -> Region:
    """Return the union of regions."""
    intervals: list[tuple[int, int]] = []
    for low, high in sorted(part for region in regions for part in region):
        if intervals and low <= intervals[-1][1] + 1:
            intervals[-1] = (intervals[-1][0], max(intervals[-1][1], high))
        else:
            intervals.append((low, high))
    return tuple(intervals)


def intersection(one: Region, other: Region) -> Region:
    """Return the intersection of two regions."""
    pairs = ((max(a, c), min(b, d)) for a, b in one for c, d in other)
    return tuple(sorted((low, high) for low, high in pairs if low <= high))


def difference(whole: Region, part: Region) -> Region:
    """Return the values in `whole` that are not in `part`."""
    intervals: list[tuple[int, int]] = []
    for low, high in whole:
        for first, last in part:
            if low <= last and first <= high:
                if low < first:
                    intervals.append((low, first - 1))
                low = last + 1  # noqa: PLW2901  # what is left of the interval
        if low <= high:
            intervals.append((low, high))
    return tuple(intervals)


def _intersection(regions: Sequence[Region], whole: Region) -> Region:
    for each in regions:
        whole = intersection(whole, each)
    return whole


def texts_of(conditions: Iterable[Expr]) -> Iterator[str]:
    """Yield the texts that conditions name."""
    for condition in conditions:
        match condition:
            case Constant(value=str() as text):
                yield text
            case Not(operand=operand):
                yield from texts_of((operand,))
            case And(operands=operands) | Or(operands=operands):
                yield from texts_of(operands)
            case In(tests=tests):
                yield from texts_of(test.value for test in tests if isinstance(test, Test))
            case Comparison(left=left, right=right):
                yield from texts_of((left, right))
            case _:
                pass
