"""What the checker knows of a number before any fact is known is true of it for every fact."""

from __future__ import annotations

import datetime
import random
from collections.abc import Mapping
from fractions import Fraction

import pytest

from policy_service.language.ast import Arithmetic, Call, Name, Negation, Property
from policy_service.language.check import Checker
from policy_service.language.diagnostics import PolicyError
from policy_service.language.evaluate import evaluate_expression, scope_of
from policy_service.language.load import load_bytes
from policy_service.language.policy import AS_OF, Policy
from policy_service.language.quantities import Quantity
from policy_service.language.types import DateType, Duration, Exact, Type
from tests.conformance.facts import fact_sets
from tests.conformance.features import nodes
from tests.conformance.generate import generate

Numeric = Arithmetic | Call | Name | Negation | Property


def known_quantities(policy: Policy) -> list[tuple[Numeric, Quantity]]:
    """Every number, date and duration in the rules of a policy, with what is known of it."""
    names: dict[str, Type] = {name: fact.type for name, fact in policy.facts.items()}
    checker = Checker({**names, AS_OF: DateType()}, frozenset(n for n, fact in policy.facts.items() if fact.optional))
    parts = [node for rule in policy.rules for node in nodes([rule.when, rule.then]) if isinstance(node, Numeric)]
    results = [(part, checker.infer(part)) for part in parts]
    return [(part, static) for part, static in results if isinstance(static, Quantity)]


def figure(exact: Exact) -> Fraction:
    """A value as a quantity counts it: dates in days, durations in seconds."""
    match exact:
        case datetime.date():
            return Fraction(exact.toordinal())
        case Duration():
            return exact.seconds
        case Fraction():
            return exact
        case _:
            raise TypeError(exact)


def assert_known(part: Numeric, known: Quantity, scope: Mapping[str, Exact]) -> None:
    number = figure(evaluate_expression(part, scope))
    assert known.low <= number <= known.high, f"{part} is {number}, not in {known}, for {scope}"
    if known.scale is not None:
        assert (number * 10**known.scale).denominator == 1, f"{part} is {number}, more decimals than {known}"


@pytest.mark.parametrize("block", range(8))
def test_a_number_lies_in_the_range_the_checker_knows(block: int) -> None:
    request_count = 0
    for index in range(40):
        rng = random.Random(f"ranges/{block}/{index}")
        try:
            policy = load_bytes(generate(rng).text.encode())
        except PolicyError:
            continue
        quantities = known_quantities(policy)
        for facts, as_of in fact_sets(rng, policy, 12):
            if len(facts) == len(policy.facts):
                scope = scope_of(policy, facts, as_of)
                for part, known in quantities:
                    request_count += 1
                    assert_known(part, known, scope)
    assert request_count > 500
