"""Polynomials and ratios: a canonical form, exact arithmetic, and an end to growing."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy_service.language.core import Polynomial, Ratio, StoredFact
from policy_service.language.polynomial import (
    MAX_PRODUCTS,
    ONE,
    ZERO,
    TooComplex,
    add,
    add_ratios,
    common_denominator,
    constant,
    constant_polynomial,
    factor_polynomial,
    multiply,
    multiply_ratios,
    primitive_part,
    ratio_of,
    scale,
    sum_terms,
)

NAMES = ("a", "b", "c")
A, B, C = (factor_polynomial(StoredFact(name)) for name in NAMES)


def at(polynomial: Polynomial, values: dict[str, int]) -> int:
    """What the polynomial is for these values of the facts."""
    total = 0
    for monomial, coefficient in polynomial:
        product = coefficient
        for factor in monomial:
            assert isinstance(factor, StoredFact)
            product *= values[factor.fact]
        total += product
    return total


def of(ratio: Ratio, values: dict[str, int]) -> Fraction:
    """What the ratio is for these values of the facts."""
    return Fraction(at(ratio.numerator, values), at(ratio.denominator, values))


monomials = st.lists(st.sampled_from(NAMES), max_size=3).map(
    lambda names: tuple(StoredFact(name) for name in sorted(names))
)
polynomials = st.lists(st.tuples(monomials, st.integers(-9, 9)), max_size=4).map(sum_terms)
subjects = st.fixed_dictionaries({name: st.integers(1, 50) for name in NAMES})
denominators = st.sampled_from([ONE, constant_polynomial(6), constant_polynomial(10), A, B, add(A, B), multiply(A, B)])
ratios = st.builds(Ratio, polynomials, denominators)


@given(polynomials, polynomials, subjects, st.integers(-9, 9))
def test_arithmetic_of_polynomials_is_that_of_their_values(
    left: Polynomial, right: Polynomial, values: dict[str, int], factor: int
) -> None:
    one, other = at(left, values), at(right, values)
    assert at(add(left, right), values) == one + other
    assert at(multiply(left, right), values) == one * other
    assert at(scale(left, factor), values) == one * factor
    assert add(left, scale(left, -1)) == ZERO
    assert add(left, right) == add(right, left)
    assert multiply(left, right) == multiply(right, left)


@given(ratios, ratios, ratios, subjects)
def test_arithmetic_of_ratios_is_that_of_their_values(
    first: Ratio, second: Ratio, third: Ratio, values: dict[str, int]
) -> None:
    one, two, three = of(first, values), of(second, values), of(third, values)
    assert of(add_ratios(first, second), values) == one + two
    assert of(multiply_ratios(first, second), values) == one * two
    numerators, denominator = common_denominator([first, second, third])
    assert [of(Ratio(numerator, denominator), values) for numerator in numerators] == [one, two, three]
    assert at(denominator, values) > 0


def test_a_common_denominator_is_no_larger_than_it_must_be() -> None:
    assert common_denominator([Ratio(A, constant_polynomial(6)), Ratio(B, constant_polynomial(10))]) == (
        [scale(A, 5), scale(B, 3)],
        constant_polynomial(30),
    )
    assert common_denominator([Ratio(A, C), Ratio(B, C)]) == ([A, B], C)
    assert common_denominator([Ratio(A, C), Ratio(B, constant_polynomial(2))]) == (
        [scale(A, 2), multiply(B, C)],
        scale(C, 2),
    )


@given(polynomials)
def test_a_reduced_polynomial_keeps_its_sign_and_loses_every_common_divisor(polynomial: Polynomial) -> None:
    assert primitive_part(scale(polynomial, 6)) == primitive_part(polynomial)
    assert scale(primitive_part(scale(polynomial, -4)), -1) == primitive_part(polynomial)


def test_only_a_polynomial_without_facts_is_a_number() -> None:
    assert (
        constant(ZERO),
        constant(constant_polynomial(-7)),
        constant(A),
        constant(add(A, constant_polynomial(1))),
    ) == (0, -7, None, None)
    assert ratio_of(Fraction(-6, 4)) == Ratio(constant_polynomial(-3), constant_polynomial(2))
    assert constant_polynomial(0) == ZERO


def test_a_product_that_would_grow_without_end_is_refused_before_it_does() -> None:
    def sum_of(count: int, name: str) -> Polynomial:
        return sum_terms(((StoredFact(f"{name}{number}"),), 1) for number in range(count))

    side = int(MAX_PRODUCTS**0.5)
    assert multiply(sum_of(1, "x"), sum_of(100, "y"))
    with pytest.raises(TooComplex, match="needs more than 200 products of facts"):
        multiply(sum_of(side + 1, "x"), sum_of(side + 1, "y"))
