"""Every evaluator agrees with the definition on generated policies and facts, which reach the whole language."""

from __future__ import annotations

import datetime
import os
import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from policy_service.language.diagnostics import PolicyError
from policy_service.language.load import load_bytes
from policy_service.language.outcome import Conflict, Decided, MissingFacts, NoRuleMatched
from tests.conformance.comparison import BLOCK, Tally, answer, compare_block, drafts_of, opened, same
from tests.conformance.evaluators import COMPILED, Definition
from tests.conformance.facts import Pair, fact_sets, render_facts
from tests.conformance.features import FEATURES, features_of
from tests.conformance.generate import generate
from tests.conformance.shapes import SHAPES
from tests.effort import effort

SEEDS = [*range(effort(4, 200)), *([int(os.environ["AGREEMENT_SEED"])] if "AGREEMENT_SEED" in os.environ else [])]
"""Each gives 500 pairs, so 10,000 together, or 100,000 in a long run; and one more of the caller's choice."""


@pytest.mark.parametrize("seed", SEEDS)
def test_every_evaluator_agrees_with_the_definition(seed: int) -> None:
    tally = compare_block(seed)
    assert not tally.differences, tally.differences[0]
    assert tally.pairs == BLOCK


def test_most_generated_policies_are_accepted_and_every_kind_of_answer_is_common() -> None:
    tally = Tally()
    for seed in range(100, 130):
        policies = [draft for draft, _ in zip(drafts_of(seed), range(8), strict=False)][1:]
        for draft in policies:
            try:
                policy = load_bytes(draft.text.encode())
            except PolicyError:
                tally.refused += 1
                continue
            tally.policies += 1
            answers = [Definition(policy).evaluate(*pair) for pair in fact_sets(random.Random(seed), policy, 10)]
            tally.pairs += len(answers)
            tally.statuses.update(type(answer).__name__ for answer in answers)
    assert tally.accepted > 0.8
    for status in (Decided, NoRuleMatched, MissingFacts, Conflict):
        assert tally.statuses[status.__name__] > 0.05 * tally.pairs


def test_generated_policies_use_the_whole_language() -> None:
    seen: set[str] = set()
    for seed in range(600):
        try:
            seen |= features_of(load_bytes(generate(random.Random(seed)).text.encode()))
        except PolicyError:
            continue
        if seen >= FEATURES:
            break
    else:
        pytest.fail(f"never generated: {sorted(FEATURES - seen)}")


@pytest.mark.parametrize("shape", SHAPES)
def test_policies_of_extreme_shapes_are_accepted(shape: str) -> None:
    for seed in range(2):
        assert load_bytes(SHAPES[shape](random.Random(seed)).text.encode()).rules


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example])
@given(st.randoms(use_true_random=False))
def test_every_evaluator_agrees_on_policies_that_shrink(rng: random.Random) -> None:
    draft = generate(rng)
    try:
        policy = load_bytes(draft.text.encode())
    except PolicyError:
        return
    with opened(policy) as evaluators:
        for pair in fact_sets(rng, policy, 3):
            expected = Definition(policy).evaluate(*pair)
            for name, evaluator in evaluators.items():
                result = answer(evaluator, pair)
                assert same(result, expected), (
                    f"{name}: {result}, not {expected}\n{draft.text}\n{render_facts(pair[0])}\n{pair[1]}"
                )


def test_true_is_not_one() -> None:
    assert not same(Decided(((True,),), ("r",)), Decided(((1,),), ("r",)))
    assert same(Decided(((1, "a"),), ("r",)), Decided(((1, "a"),), ("r",)))


def test_what_an_evaluator_raises_is_a_difference() -> None:
    policy = load_bytes(generate(random.Random(1)).text.encode())
    pair: Pair = ({}, datetime.date(2026, 1, 1))

    class Broken(Definition):
        def evaluate(self, *_: object) -> Decided:
            raise ZeroDivisionError

    assert COMPILED
    assert not same(answer(Broken(policy), pair), answer(Definition(policy), pair))
