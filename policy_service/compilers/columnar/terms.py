"""Writes conditions and numbers of the core as values of a query over one table.

A rounded quotient uses its numerator, denominator and quotient several times, so each becomes a column of the table
first.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from typing import assert_never

from policy_service.compilers.columnar import door
from policy_service.compilers.columnar.door import COMPARE, Dialect, Table, Value, balanced, cases, whole
from policy_service.compilers.columnar.layout import TAG_SEPARATOR, NotColumnar, to_cell
from policy_service.compilers.columnar.widths import (
    NARROW,
    WIDE,
    Bounds,
    Interval,
    factor_interval,
    size_of,
)
from policy_service.language.core import (
    Absolute,
    All,
    Any,
    BooleanOutcome,
    ComputedNumber,
    CountOf,
    DatePart,
    Extreme,
    Factor,
    Formula,
    HasTag,
    HasTagOf,
    IsPresent,
    MonthsLater,
    OneOf,
    OutcomeExpr,
    Polynomial,
    RoundedQuotient,
    SameWord,
    Sign,
    StoredFact,
    TextTest,
    Threshold,
    Truth,
)
from policy_service.language.polynomial import constant, scale
from policy_service.language.types import Type


class Terms:
    """The values of one policy's core over a table, to which needed columns are added."""

    def __init__(  # noqa: PLR0913, PLR0917  # what a query is made of
        self,
        policy: str,
        prefix: str,
        table: Table,
        columns: Mapping[str, str],
        bounds: Bounds,
        dialect: Dialect,
    ) -> None:
        self.policy = policy
        self.prefix = prefix
        self.table = table
        self.columns = dict(columns)
        """The column of each fact."""
        self.bounds = dict(bounds)
        self.dialect = dialect
        self._quotients: dict[RoundedQuotient, str] = {}

    def add(self, columns: Mapping[str, Value]) -> None:
        """Add columns to the table."""
        self.table = self.table.mutate(**columns)

    # facts

    def fact(self, name: str) -> Value:
        """Return a fact; null if it is missing."""
        return self.table[self.columns[name]]

    def word(self, text: str) -> Value:
        """Return a word or text of the policy. Raises NotColumnar for one that some database cannot represent."""
        if "\0" in text:
            raise NotColumnar(self.policy, "a text of it holds the character NUL")
        return door.text(text)

    # numbers

    def is_wide(self, *polynomials: Polynomial, factor: int = 1) -> bool:
        """Return True if computing the factor may need more than 64 bits. Raises NotColumnar beyond 38 digits."""
        size = factor * max(size_of(polynomial, self.bounds) for polynomial in polynomials)
        if size > WIDE:
            raise NotColumnar(self.policy, f"a number of it may need {size.bit_length():,} bits, and not 126 at most")
        return size > NARROW

    def number(self, polynomial: Polynomial, *, wide: bool) -> Value:
        """Return a polynomial."""
        if not polynomial:
            return whole(0, wide=wide)
        terms = []
        for monomial, coefficient in polynomial:
            factors = [self.factor(factor, wide=wide) for factor in monomial]
            if coefficient != 1 or not factors:
                factors.insert(0, whole(coefficient, wide=wide))
            product = factors[0]
            for factor in factors[1:]:
                product = product * factor
            terms.append(product)
        return door.balanced_sum(terms)

    def factor(self, factor: Factor, *, wide: bool) -> Value:
        """Return one factor."""
        value, is_wide = self._factor(factor)
        if wide == is_wide:
            return value
        return value.cast(door.WIDE_TYPE if wide else door.NARROW_TYPE)

    def _factor(self, factor: Factor) -> tuple[Value, bool]:
        match factor:
            case StoredFact():
                return self.fact(factor.fact), False
            case RoundedQuotient():
                return self.table[self._quotients[factor]], factor_interval(factor, self.bounds).size > NARROW
            case Extreme():
                wide = self.is_wide(*factor.parts)
                return door.extreme(factor.choose, [self.number(part, wide=wide) for part in factor.parts]), wide
            case Absolute():
                wide = self.is_wide(factor.operand)
                return self.number(factor.operand, wide=wide).abs(), wide
            case DatePart(part="weekday"):
                day = self._day(factor.day)
                return day - self.dialect.divide(day - whole(1), whole(7)) * whole(7), False
            case DatePart():
                return door.date_part(factor.part, self._day(factor.day)), False
            case MonthsLater():
                return door.months_later(self._day(factor.day), factor.months), False
            case CountOf():
                tags = self.fact(factor.fact)
                return (tags.length() - tags.replace(TAG_SEPARATOR, "").length()).cast(door.NARROW_TYPE) - 1, False
            case _:
                assert_never(factor)

    def _day(self, day: Polynomial) -> Value:
        wide = self.is_wide(day)
        return self.number(day, wide=wide).cast(door.NARROW_TYPE) if wide else self.number(day, wide=wide)

    # quotients

    def prepare(self, used: Iterable[object]) -> None:
        """Add the columns of the rounded quotients in parts of the core, in order of dependency."""
        levels: dict[int, list[RoundedQuotient]] = {}
        for quotient in sorted(set(quotients_in(used)) - self._quotients.keys(), key=repr):
            levels.setdefault(_depth(quotient), []).append(quotient)
        for _, level in sorted(levels.items()):
            self._add_quotients(level)

    def _add_quotients(self, quotients: list[RoundedQuotient]) -> None:
        start = len(self._quotients)
        names = [f"{self.prefix}q{start + index}" for index, _ in enumerate(quotients)]
        wide = [self.is_wide(each.numerator, each.denominator, factor=4) for each in quotients]
        sides: dict[str, Value] = {}
        for name, each, is_wide in zip(names, quotients, wide, strict=True):
            sides[f"{name}n"] = self.number(each.numerator, wide=is_wide)
            sides[f"{name}d"] = self.number(each.denominator, wide=is_wide)
        self.add(sides)
        towards_zero = [
            self.divide(
                self.table[f"{name}n"], self.table[f"{name}d"], factor_interval(each, self.bounds), wide=is_wide
            )
            for name, each, is_wide in zip(names, quotients, wide, strict=True)
        ]
        self.add({f"{name}t": value for name, value in zip(names, towards_zero, strict=True)})
        rounded = {}
        for name, each, is_wide in zip(names, quotients, wide, strict=True):
            value = self._rounded(name, each, wide=is_wide)
            if is_wide and factor_interval(each, self.bounds).size <= NARROW:
                value = value.cast(door.NARROW_TYPE)
            rounded[name] = value
        self.add(rounded)
        self._quotients.update(zip(quotients, names, strict=True))

    def divide(self, numerator: Value, denominator: Value, quotient: Interval, *, wide: bool) -> Value:
        """Return the quotient of whole numbers, truncated."""
        if not wide:
            return self.dialect.divide(numerator, denominator)
        if quotient.size > NARROW and not self.dialect.wide_quotients:
            raise NotColumnar(
                self.policy, f"a quotient of it may need more than 64 bits, which {self.dialect.name} lacks"
            )
        return self.dialect.divide_wide(numerator, denominator).cast(door.WIDE_TYPE)

    def _rounded(self, name: str, quotient: RoundedQuotient, *, wide: bool) -> Value:
        """Return the rounded quotient, given the truncated one and the remainder, which has the numerator's sign."""
        numerator, denominator, towards_zero = (self.table[f"{name}{side}"] for side in "ndt")
        rest = numerator - towards_zero * denominator
        twice = rest.abs() * whole(2, wide=wide)
        zero, one = whole(0, wide=wide), whole(1, wide=wide)
        away = cases([(numerator < zero, -one)], one)
        two = whole(2, wide=wide)
        half = (
            self.dialect.divide_wide(towards_zero, two).cast(door.WIDE_TYPE)
            if wide
            else self.dialect.divide(towards_zero, two)
        )
        steps: dict[str, tuple[Value, Value]] = {
            "floor": (rest < zero, -one),
            "ceiling": (rest > zero, one),
            "up": (rest != zero, away),
            "half up": (twice >= denominator, away),
            "half down": (twice > denominator, away),
            "half even": (
                (twice > denominator) | ((twice == denominator) & (towards_zero != half * two)),
                away,
            ),
        }
        if quotient.way == "down":
            return towards_zero
        condition, step = steps[quotient.way]
        return towards_zero + cases([(condition, step)], zero)

    # conditions

    def condition(self, formula: Formula) -> Value:
        """Return a condition, true or false for every evaluated subject.

        Comparisons with a missing optional fact are null, but the checker has proved that no answer depends on them:
        they are combined with `false` in an `and` and with `true` in an `or`; or the whole is null, and so not true,
        where the reference evaluator gives false.
        """
        match formula:
            case Truth(value=value):
                return door.truth(value)
            case All(parts=parts):
                return balanced(operator.and_, [self.condition(part) for part in parts])
            case Any(parts=parts):
                return door.any_of([self.condition(part) for part in parts])
            case IsPresent():
                return self.fact(formula.fact).isnull() if formula.negated else self.fact(formula.fact).notnull()
            case Threshold():
                return self._threshold(formula)
            case Sign():
                return self.sign(formula)
            case OneOf():
                for each in formula.words:
                    self.word(each)
                return _signed(self.fact(formula.fact).isin(sorted(formula.words)), formula.negated)
            case SameWord():
                return _signed(self.fact(formula.left) == self.fact(formula.right), formula.negated)
            case HasTag():
                word = self.word(f"{TAG_SEPARATOR}{formula.word}{TAG_SEPARATOR}")
                return _signed(self.fact(formula.fact).contains(word), formula.negated)
            case HasTagOf():
                separator = door.text(TAG_SEPARATOR)
                word = separator + self.fact(formula.choice) + separator
                return _signed(self.fact(formula.tags).contains(word), formula.negated)
            case TextTest():
                return _signed(self._text_test(formula), formula.negated)
            case _:
                assert_never(formula)

    def _threshold(self, threshold: Threshold) -> Value:
        """Return the comparison of a fact with a number, possibly outside the fact's range."""
        comparator, value = threshold.comparator, threshold.value
        if abs(value) > NARROW:
            beyond = ("<", "<=", "!=") if value > 0 else (">", ">=", "!=")
            return door.truth(comparator in beyond)
        return COMPARE[comparator](self.fact(threshold.fact), whole(value))

    def sign(self, sign: Sign) -> Value:
        """Return the comparison of a polynomial with zero: its positive terms with its negated negative ones."""
        left = tuple(term for term in sign.polynomial if term[1] > 0)
        right = scale(tuple(term for term in sign.polynomial if term[1] < 0), -1)
        wide = self.is_wide(left, right)
        return COMPARE[sign.comparator](self.number(left, wide=wide), self.number(right, wide=wide))

    def _text_test(self, test: TextTest) -> Value:
        fact = self.fact(test.fact)
        self.word(test.word)
        match test.test:
            case "contains":
                return fact.contains(test.word)
            case "starts with":
                return fact.startswith(test.word)
            case _:
                return fact.endswith(test.word)

    # outcomes

    def outcome(self, outcome: OutcomeExpr, kind: Type) -> Value:
        """Return a rule's value for one outcome, in the form of its column."""
        match outcome:
            case ComputedNumber():
                return self._computed(outcome)
            case BooleanOutcome():
                return cases([(self.condition(outcome.condition), whole(1))], whole(0))
            case _:
                cell = to_cell(kind, outcome)
                return whole(cell) if isinstance(cell, int) else self.word(str(cell))

    def _computed(self, outcome: ComputedNumber) -> Value:
        """Return a computed value in stored form. The checker has proved that it is whole and fits its type."""
        divisor = constant(outcome.ratio.denominator)
        shares = [Fraction(c * 10**outcome.scale, divisor or 1) for _, c in outcome.ratio.numerator]
        if divisor is None or any(share.denominator != 1 for share in shares):
            raise TypeError(f"no whole number: {outcome!r}")
        numerator = tuple((m, int(share)) for (m, _), share in zip(outcome.ratio.numerator, shares, strict=True))
        wide = self.is_wide(numerator)
        value = self.number(numerator, wide=wide)
        return value.cast(door.NARROW_TYPE) if wide else value


def _signed(value: Value, negated: bool) -> Value:  # noqa: FBT001  # a sign
    return ~value if negated else value


def quotients_in(parts: Iterable[object]) -> Iterator[RoundedQuotient]:
    """Yield every rounded quotient in parts of the core."""
    for part in parts:
        match part:
            case RoundedQuotient():
                yield part
                yield from quotients_in((part.numerator, part.denominator))
            case tuple():
                yield from quotients_in(part)
            case Sign():
                yield from quotients_in(part.polynomial)
            case All() | Any() | Extreme():
                yield from quotients_in(part.parts)
            case Absolute():
                yield from quotients_in(part.operand)
            case DatePart() | MonthsLater():
                yield from quotients_in(part.day)
            case ComputedNumber():
                yield from quotients_in((part.ratio.numerator, part.ratio.denominator))
            case BooleanOutcome():
                yield from quotients_in((part.condition,))
            case _:
                pass


def _depth(quotient: RoundedQuotient) -> int:
    return 1 + max(map(_depth, quotients_in((quotient.numerator, quotient.denominator))), default=0)
