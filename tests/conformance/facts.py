"""Makes facts for a policy: mostly at the values its rules speak of and next to them, and at the ends of the types."""

from __future__ import annotations

import datetime
import random
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from fractions import Fraction
from typing import assert_never

from policy_service.language.ast import Constant
from policy_service.language.policy import Policy
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
    Value,
)
from tests.conformance.features import nodes
from tests.conformance.vocabulary import DAYS, PARTS, TEXTS

Facts = dict[str, Value]
Pair = tuple[Facts, datetime.date]
MODES = ("usual",) * 12 + ("one required missing", "low", "high", "given", "bare", "some required missing")
SMALL = range(-6, 13)


def fact_sets(rng: random.Random, policy: Policy, count: int) -> Iterator[Pair]:
    """`count` subjects, each with the day of its decision."""
    pools = pools_of(policy)
    days = [datetime.date.fromisoformat(day) for day in DAYS]
    required = [name for name, fact in policy.facts.items() if not fact.optional]
    for _ in range(count):
        mode = rng.choice(MODES)
        missing = set()
        if required and mode.endswith("required missing"):
            missing = set(rng.sample(required, 1 if mode.startswith("one") else rng.randint(1, len(required))))
        absent = {"bare": 1.0, "given": 0.0, "low": 0.0, "high": 0.0}.get(mode, 0.3)
        facts = {
            name: _value(rng, fact.type, pools[name], mode)
            for name, fact in policy.facts.items()
            if name not in missing and not (fact.optional and rng.random() < absent)
        }
        yield facts, rng.choice(days)


def _value(rng: random.Random, kind: Type, pool: list[Value], mode: str) -> Value:
    if mode in ("low", "high") and isinstance(kind, NumberType | DateType | DurationType):
        return kind.low if mode == "low" else kind.high
    match kind:
        case TagsType(of=words):
            return frozenset(word for word in words if rng.random() < rng.choice((0.0, 0.3, 0.5, 1.0)))
        case NumberType() | DateType() | DurationType() if rng.random() < 0.1:
            return rng.randint(kind.low, kind.high)
        case NumberType() if rng.random() < 0.4:
            small = rng.choice(SMALL) * 10**kind.scale
            return small if kind.low <= small <= kind.high else rng.choice(pool)
        case _:
            return rng.choice(pool)


def pools_of(policy: Policy) -> dict[str, list[Value]]:
    """For each fact the values worth asking about, by the constants in the policy."""
    thens = [then for rule in policy.rules for then in rule.then]
    conditions = [rule.when for rule in policy.rules]
    constants: set[object] = {node.value for node in nodes([conditions, thens]) if isinstance(node, Constant)}
    return {name: _pool(fact.type, constants) for name, fact in policy.facts.items()}


def _pool(kind: Type, constants: AbstractSet[object]) -> list[Value]:
    """The values of `kind` at and beside the constants, and its ends."""
    match kind:
        case BooleanType():
            return [False, True]
        case ChoiceType():
            return list(kind.of)
        case TagsType():
            return [frozenset(kind.of)]
        case TextType():
            results = [text for text in constants if isinstance(text, str)]
            return [*TEXTS, *results, *(text + PARTS[1] for text in results), *(PARTS[2] + text for text in results)]
        case NumberType():
            marks = [int(v * 10**kind.scale // 1) for v in constants if isinstance(v, Fraction)]
            marks += [0, 10**kind.scale, -(10**kind.scale)]
        case DateType():
            marks = [v.toordinal() for v in constants if isinstance(v, datetime.date)]
            marks += [datetime.date.fromisoformat(day).toordinal() for day in DAYS]
        case DurationType():
            marks = [int(v.seconds) for v in constants if isinstance(v, Duration)]
            marks += [0, 86_399, 86_400, -86_400, -86_401, 129_600]
        case _:
            assert_never(kind)
    near = sorted(
        {mark + step for mark in marks for step in (-1, 0, 0, 1)} | {kind.low, kind.low + 1, kind.high - 1, kind.high}
    )
    return [value for value in near if kind.low <= value <= kind.high]


def render_facts(facts: Mapping[str, Value]) -> str:
    """Facts for a person, long texts cut."""
    return "\n".join(
        f"  {name} = {str(value)[:80]!r}" if isinstance(value, str) else f"  {name} = {value!r}"
        for name, value in facts.items()
    )
