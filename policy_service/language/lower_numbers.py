"""Lowers numbers, dates and durations to ratios of polynomials over stored facts."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from fractions import Fraction
from functools import reduce
from math import gcd
from typing import Literal

from policy_service.language.ast import Arithmetic, Call, Constant, Expr, Name, Negation, Property
from policy_service.language.check import Checker, whole_constant
from policy_service.language.core import (
    Absolute,
    CountOf,
    DatePart,
    Extreme,
    MonthsLater,
    Polynomial,
    Ratio,
    RoundedQuotient,
    StoredFact,
)
from policy_service.language.functions import ROUNDING_FUNCTIONS, Rounding
from policy_service.language.polynomial import (
    ONE,
    add_ratios,
    common_denominator,
    constant,
    constant_polynomial,
    factor_polynomial,
    multiply_ratios,
    ratio_of,
    scale,
)
from policy_service.language.quantities import DATE, DURATION, MONTHS, Quantity
from policy_service.language.types import SECONDS_PER_DAY, Duration, Months, NumberType, Type


class NumberLowering:
    """Lowers numbers over the facts `names`."""

    def __init__(self, names: Mapping[str, Type], checker: Checker) -> None:
        self.names = names
        self.checker = checker

    def ratio(self, expression: Expr) -> Ratio:  # one return a node is the clearest
        """Return a number in the core: dates in days, durations in seconds."""
        match expression:
            case Constant(value=Fraction() as number):
                return ratio_of(number)
            case Constant(value=datetime.date() as day):
                return ratio_of(Fraction(day.toordinal()))
            case Constant(value=Duration(seconds=seconds)):
                return ratio_of(seconds)
            case Name(name=name):
                kind = self.names[name]
                return Ratio(
                    factor_polynomial(StoredFact(name)),
                    constant_polynomial(10**kind.scale) if isinstance(kind, NumberType) else ONE,
                )
            case Negation():
                return multiply_ratios(ratio_of(Fraction(-1)), self.ratio(expression.operand))
            case Arithmetic():
                return self.arithmetic(expression)
            case Call():
                return self.call(expression)
            case Property():
                return self.property(expression)
            case _:
                raise TypeError(f"no number: {expression!r}")

    def quantity(self, expression: Expr) -> Quantity:
        """Return the checker's range and unit of a number."""
        static = self.checker.type_of(expression)
        if not isinstance(static, Quantity):
            raise TypeError(f"no number: {expression!r}")
        return static

    def arithmetic(self, expression: Arithmetic) -> Ratio:
        left = self.ratio(expression.left)
        if expression.operator == "**":
            return self.power(left, expression)
        units = self.quantity(expression.left).unit, self.quantity(expression.right).unit
        if units[1] == MONTHS:
            return self.months(left, expression)
        right = self.ratio(expression.right)
        match expression.operator, units:
            case "-", (unit, _) if unit == DATE and units[1] == DATE:
                days = add_ratios(left, multiply_ratios(ratio_of(Fraction(-1)), right))
                return multiply_ratios(days, ratio_of(Fraction(SECONDS_PER_DAY)))
            case "+" | "-" as operator, (unit, _) if unit == DATE:
                seconds = multiply_ratios(ratio_of(Fraction(1 if operator == "+" else -1)), right)
                shift = rounded_quotient("floor", seconds.numerator, scale(seconds.denominator, SECONDS_PER_DAY))
                return add_ratios(left, shift)
            case "+", _:
                return add_ratios(left, right)
            case "-", _:
                return add_ratios(left, multiply_ratios(ratio_of(Fraction(-1)), right))
            case "*", _:
                return multiply_ratios(left, right)
            case _:
                return multiply_ratios(left, self.inverse(right, expression.right))

    def inverse(self, ratio: Ratio, expression: Expr) -> Ratio:
        """`1 / x`, for the ratio of an expression that is never zero."""
        sign = 1 if self.quantity(expression).low > 0 else -1
        return Ratio(scale(ratio.denominator, sign), scale(ratio.numerator, sign))

    def power(self, base: Ratio, expression: Arithmetic) -> Ratio:
        exponent = whole_constant(expression.right) or 0
        factor = base if exponent >= 0 else self.inverse(base, expression.left)
        return reduce(multiply_ratios, [factor] * abs(exponent), ratio_of(Fraction(1)))

    def months(self, day: Ratio, expression: Arithmetic) -> Ratio:
        match expression.right:
            case Constant(value=Months(count=count)):
                return Ratio(
                    factor_polynomial(MonthsLater(day.numerator, count if expression.operator == "+" else -count)), ONE
                )
            case other:
                raise TypeError(f"no months: {other!r}")

    def call(self, call: Call) -> Ratio:
        if call.function == "count" and isinstance(tags := call.arguments[0], Name):
            return Ratio(factor_polynomial(CountOf(tags.name)), ONE)
        ratios = [self.ratio(argument) for argument in call.arguments]
        if way := ROUNDING_FUNCTIONS.get(call.function):
            places = (whole_constant(call.arguments[1]) or 0) if len(ratios) > 1 else 0
            whole_part = rounded_quotient(way, scale(ratios[0].numerator, 10**places), ratios[0].denominator)
            return multiply_ratios(whole_part, ratio_of(Fraction(1, 10**places)))
        if call.function == "modulo":
            dividend, divisor = ratios
            quotient = multiply_ratios(dividend, self.inverse(divisor, call.arguments[1]))
            whole_part = rounded_quotient("floor", quotient.numerator, quotient.denominator)
            return add_ratios(dividend, multiply_ratios(ratio_of(Fraction(-1)), multiply_ratios(divisor, whole_part)))
        if call.function == "abs":
            value = constant(ratios[0].numerator)
            numerator = (
                constant_polynomial(abs(value))
                if value is not None
                else factor_polynomial(Absolute(ratios[0].numerator))
            )
            return Ratio(numerator, ratios[0].denominator)
        numerators, denominator = common_denominator(ratios)
        choose: Literal["min", "max"] = "min" if call.function == "min" else "max"
        return Ratio(factor_polynomial(Extreme(choose, tuple(numerators))), denominator)

    def property(self, expression: Property) -> Ratio:
        operand = self.ratio(expression.operand)
        if self.quantity(expression.operand).unit == DURATION:
            return rounded_quotient("down", operand.numerator, scale(operand.denominator, SECONDS_PER_DAY))
        return Ratio(factor_polynomial(DatePart(expression.name, operand.numerator)), ONE)


def rounded_quotient(way: Rounding, numerator: Polynomial, denominator: Polynomial) -> Ratio:
    """Return a rounded quotient, without common divisors of its coefficients."""
    divisor = gcd(*(coefficient for _, coefficient in (*numerator, *denominator)))
    numerator, denominator = (tuple((m, c // divisor) for m, c in part) for part in (numerator, denominator))
    return Ratio(factor_polynomial(RoundedQuotient(way, numerator, denominator)), ONE)
