"""The shipped policies decide what an independent spelling of their rules in plain Python decides."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path

import pytest

from policy_service.language.evaluate import evaluate
from policy_service.language.outcome import Decided
from policy_service.language.policy import Policy
from policy_service.language.types import (
    BooleanType,
    ChoiceType,
    DateType,
    DurationType,
    NumberType,
    TagsType,
    Type,
    Value,
    format_value,
    parse_value,
)
from tests.effort import effort
from tests.policies import grid, plain_followup, plain_governance, plain_rewards, plain_service_levels, plain_tiering
from tests.shipped import SHIPPED

MODULES = (plain_followup, plain_governance, plain_service_levels, plain_rewards)
SPELLINGS = {name: spelling for module in MODULES for name, spelling in module.SPELLINGS.items()}
VALUES: Mapping[str, Callable[[date], Mapping[str, tuple[object, ...]]]] = {
    name: values for module in MODULES for name, values in module.VALUES.items()
}
POLICIES = {policy.id: policy for policy in SHIPPED}
SUBJECTS = effort(300, 20_000)


def plain(kind: Type, value: Value) -> object:
    """A value as plain Python has it."""
    raw = format_value(kind, value)
    match kind, raw:
        case DateType(), str():
            return date.fromisoformat(raw)
        case DurationType(), _:
            assert isinstance(value, int)
            return timedelta(seconds=value)
        case TagsType(), list():
            return set(raw)
        case NumberType(scale=scale), _ if scale:
            return Decimal(str(raw))
        case _:
            return raw


def as_text(kind: Type, value: Value) -> str:
    """One text for one value, the same in every process."""
    return str(format_value(kind, value))


def as_json(value: object) -> object:
    """A value of a spelling's list as JSON writes it."""
    return value.isoformat() if isinstance(value, date) else value


def axes(policy: Policy, today: date) -> dict[str, tuple[Value | None, ...]]:
    """The values of each fact: the words or the ends of its type, and those beside the limits of the spelling."""
    results: dict[str, tuple[Value | None, ...]] = {}
    beside = VALUES[policy.id](today) if policy.id in VALUES else {}
    for name, fact in policy.facts.items():
        named = beside.get(name, ())
        values = [None if value is None else parse_value(fact.type, as_json(value)) for value in named]
        absent = [None] if fact.optional else []
        if isinstance(fact.type, BooleanType | ChoiceType | TagsType):
            values += sorted(grid.values(policy, name, {}), key=partial(as_text, fact.type))
        elif isinstance(fact.type, NumberType):
            values += [fact.type.low, fact.type.high]
        assert values, f"{policy.id}: the spelling names no value of {name}"
        results[name] = (*absent, *values)
    return results


@pytest.mark.parametrize("name", SPELLINGS)
def test_a_policy_decides_what_its_plain_spelling_decides(name: str) -> None:
    policy, spelling = POLICIES[name], SPELLINGS[name]
    rng = random.Random(name)
    values = {today: axes(policy, today) for today in plain_followup.TODAY}
    used: set[str] = set()
    for _ in range(SUBJECTS):
        today = rng.choice(plain_followup.TODAY)
        facts = {fact: chosen for fact, every in values[today].items() if (chosen := rng.choice(every)) is not None}
        result = evaluate(policy, facts, today)
        assert isinstance(result, Decided), (facts, today)
        types = [outcome.type for outcome in policy.outcomes.values()]
        decided = [plain(kind, value) for kind, value in zip(types, result.outcome[0], strict=True)]
        actual = spelling({fact: plain(policy.facts[fact].type, value) for fact, value in facts.items()}, today)
        assert dict(zip(policy.outcomes, decided, strict=True)) == actual, (facts, today)
        used.update(result.rules)
    rules = {rule.id for rule in policy.all_rules}
    assert used == rules, "the generated subjects reach every rule"


def test_every_policy_has_a_plain_spelling() -> None:
    assert {*SPELLINGS, *plain_tiering.SPELLINGS} == set(POLICIES)


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_a_spelling_imports_nothing_of_the_product(module: object) -> None:
    text = Path(str(module.__file__)).read_text("utf-8")  # type: ignore[attr-defined]
    assert "policy_service" not in text
    assert "import api" not in text
