"""Arithmetic of polynomials with whole coefficients. A canonical form: equal polynomials are equal values."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from math import gcd, lcm

from policy_service.language.core import Factor, Monomial, Polynomial, Ratio

MAX_MONOMIALS = 200
"""Maximum number of monomials of a polynomial."""
MAX_PRODUCTS = 10_000
"""Maximum number of monomial products in one multiplication."""


class TooComplex(ArithmeticError):
    """A polynomial is too large; the message tells the author."""


ZERO: Polynomial = ()
ONE: Polynomial = (((), 1),)


def constant_polynomial(value: int) -> Polynomial:
    """Return a constant polynomial."""
    return (((), value),) if value else ZERO


def factor_polynomial(factor: Factor) -> Polynomial:
    """Return the polynomial of a single factor."""
    return (((factor,), 1),)


def sum_terms(terms: Iterable[tuple[Monomial, int]]) -> Polynomial:
    """Return the sum of terms, with like terms combined. Raises TooComplex."""
    sums: dict[Monomial, int] = {}
    for monomial, coefficient in terms:
        sums[monomial] = sums.get(monomial, 0) + coefficient
    if len(sums) > MAX_MONOMIALS:
        raise TooComplex(f"one comparison or value needs more than {MAX_MONOMIALS} products of facts")
    return tuple(sorted(((m, c) for m, c in sums.items() if c), key=lambda term: (len(term[0]), repr(term[0]))))


def add(left: Polynomial, right: Polynomial) -> Polynomial:
    """Return left + right."""
    return sum_terms((*left, *right))


def scale(polynomial: Polynomial, factor: int) -> Polynomial:
    """Return polynomial * factor."""
    return tuple((monomial, coefficient * factor) for monomial, coefficient in polynomial) if factor else ZERO


def multiply(left: Polynomial, right: Polynomial) -> Polynomial:
    """Return left * right. Raises TooComplex."""
    if len(left) * len(right) > MAX_PRODUCTS:
        raise TooComplex(f"one comparison or value needs more than {MAX_MONOMIALS} products of facts")
    return sum_terms((tuple(sorted((*m, *n), key=repr)), c * d) for m, c in left for n, d in right)


def constant(polynomial: Polynomial) -> int | None:
    """Return the value of a constant polynomial; None if it depends on facts."""
    if not polynomial:
        return 0
    return polynomial[0][1] if len(polynomial) == 1 and polynomial[0][0] == () else None


def ratio_of(value: Fraction) -> Ratio:
    """Return a number as a ratio."""
    return Ratio(constant_polynomial(value.numerator), constant_polynomial(value.denominator))


def add_ratios(left: Ratio, right: Ratio) -> Ratio:
    """Return left + right, over the least common denominator if both are plain numbers."""
    numerators, denominator = common_denominator([left, right])
    return Ratio(add(*numerators), denominator)


def multiply_ratios(left: Ratio, right: Ratio) -> Ratio:
    """Return left * right."""
    return Ratio(multiply(left.numerator, right.numerator), multiply(left.denominator, right.denominator))


def common_denominator(ratios: list[Ratio]) -> tuple[list[Polynomial], Polynomial]:
    """Return the numerators over one common denominator, and that denominator."""
    constants = [constant(ratio.denominator) for ratio in ratios]
    if None not in constants:
        least = lcm(*(value for value in constants if value is not None))
        return [
            scale(r.numerator, least // (c or 1)) for r, c in zip(ratios, constants, strict=True)
        ], constant_polynomial(least)
    denominator = ONE
    for factor in dict.fromkeys(ratio.denominator for ratio in ratios):
        denominator = multiply(denominator, factor)
    numerators = []
    for index, ratio in enumerate(ratios):
        others = dict.fromkeys(other.denominator for other in ratios[:index] + ratios[index + 1 :])
        numerator = ratio.numerator
        for other in others:
            if other != ratio.denominator:
                numerator = multiply(numerator, other)
        numerators.append(numerator)
    return numerators, denominator


def primitive_part(polynomial: Polynomial) -> Polynomial:
    """Return the polynomial divided by the common divisor of its coefficients; its sign is unchanged."""
    divisor = gcd(*(coefficient for _, coefficient in polynomial))
    return (
        tuple((monomial, coefficient // divisor) for monomial, coefficient in polynomial) if divisor > 1 else polynomial
    )
