"""The shipped policies of tiering and assignment decide what a spelling of their rules in plain Python decides."""

from __future__ import annotations

import datetime
import random
from decimal import Decimal
from pathlib import Path

import pytest

from policy_service.language.evaluate import evaluate
from policy_service.language.outcome import Decided
from policy_service.language.policy import Policy
from policy_service.language.types import NumberType, TagsType, Type, Value, format_value, parse_value
from tests.effort import effort
from tests.policies import grid, plain_tiering
from tests.shipped import SHIPPED

POLICIES = {policy.id: policy for policy in SHIPPED}
SUBJECTS = effort(300, 20_000)
TODAY = datetime.date(2026, 11, 21)


def plain(kind: Type, value: Value) -> object:
    """A value as plain Python has it."""
    match kind, format_value(kind, value):
        case TagsType(), list() as raw:
            return set(raw)
        case NumberType(scale=scale), raw if scale:
            return Decimal(str(raw))
        case _, raw:
            return raw


def axes(policy: Policy) -> dict[str, tuple[Value, ...]]:
    """The values of each fact: those that the spelling names, and the ends of its type or all of its words."""
    results: dict[str, tuple[Value, ...]] = {}
    for name, fact in policy.facts.items():
        named = plain_tiering.VALUES.get(policy.id, {}).get(name, ())
        values = [parse_value(fact.type, str(value)) for value in named]
        if isinstance(fact.type, NumberType):
            values += [fact.type.low, fact.type.high]
        else:
            values += sorted(grid.values(policy, name, {}), key=str)
        results[name] = tuple(values)
    return results


def subject(policy: Policy, values: dict[str, tuple[Value, ...]], rng: random.Random) -> dict[str, Value]:
    """Facts as the generator has it; an optional one is missing one time in three."""
    results = [name for name, fact in policy.facts.items() if not fact.optional or rng.random() > 1 / 3]
    return {name: rng.choice(values[name]) for name in results}


@pytest.mark.parametrize("name", plain_tiering.SPELLINGS)
def test_a_policy_decides_what_its_plain_spelling_decides(name: str) -> None:
    policy, spelling = POLICIES[name], plain_tiering.SPELLINGS[name]
    rng, values = random.Random(name), axes(policy)
    outcomes = {outcome.name: outcome.type for outcome in policy.outcomes.values()}
    used: set[str] = set()
    for _ in range(SUBJECTS):
        facts = subject(policy, values, rng)
        result = evaluate(policy, facts, TODAY)
        assert isinstance(result, Decided), facts
        decided = [
            {outcome: plain(kind, value) for (outcome, kind), value in zip(outcomes.items(), entry, strict=True)}
            for entry in result.outcome
        ]
        spelt = spelling({fact: plain(policy.facts[fact].type, value) for fact, value in facts.items()}, TODAY)
        assert (decided if policy.returns_list else decided[0]) == spelt, facts
        used.update(result.rules)
    rules = {rule.id for rule in policy.all_rules}
    assert used == rules, "the generated subjects reach every rule"


def test_the_spelling_imports_nothing_of_the_product() -> None:
    text = Path(plain_tiering.__file__).read_text("utf-8")
    assert "policy_service" not in text
    assert "import api" not in text
