"""Every evaluator decides the shipped policies as the definition does, on generated subjects beside their limits."""

from __future__ import annotations

import random

import pytest

from policy_service.language.outcome import Decided
from policy_service.language.policy import Policy
from tests.conformance.comparison import answer, opened, same, sound
from tests.conformance.evaluators import Definition
from tests.conformance.facts import fact_sets, render_facts
from tests.effort import effort
from tests.shipped import NEWEST

SUBJECTS = effort(200, 20_000)
"""Of each policy."""
DECIDED = 0.5
"""The share of them that must be decided at least, so that more than missing facts is compared."""


@pytest.mark.parametrize("policy", NEWEST, ids=lambda policy: policy.id)
def test_every_evaluator_agrees_with_the_definition(policy: Policy) -> None:
    decided = 0
    with opened(policy) as evaluators:
        for pair in fact_sets(random.Random(policy.id), policy, SUBJECTS):
            expected = answer(Definition(policy), pair)
            decided += isinstance(expected, Decided)
            assert sound(policy, expected), (render_facts(pair[0]), pair[1], expected)
            for name, evaluator in evaluators.items():
                result = answer(evaluator, pair)
                assert same(result, expected), (name, render_facts(pair[0]), pair[1], result, expected)
    assert decided >= DECIDED * SUBJECTS
