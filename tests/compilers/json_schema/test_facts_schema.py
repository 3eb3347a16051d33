"""The published schema of facts takes what is decided and nothing else: on every type, and on whole policies."""

from __future__ import annotations

import json
from datetime import date
from functools import cache
from typing import Any

import jsonschema_rs
import msgspec
import pytest
from hypothesis import HealthCheck, Phase, assume, find, given, settings
from hypothesis import strategies as st

from policy_service import Decider, FactsRejected
from policy_service.compilers.json_schema import facts_schema, type_schema
from policy_service.decisions.exact_json import NotJsonError, read_json
from policy_service.decisions.facts_reader import value_reader
from policy_service.decisions.request import MAX_FACTS
from policy_service.language.diagnostics import PolicyError
from policy_service.language.load import load_bytes
from policy_service.language.requirements import with_required_policies
from policy_service.language.types import (
    BooleanType,
    DateType,
    DurationType,
    NumberType,
    TextType,
    Type,
    ValueRejected,
)
from tests.compilers.json_schema.fact_texts import parsed, right, texts, types
from tests.conformance.comparison import drafts_of
from tests.effort import effort, sample
from tests.shipped import NEWEST

EXACTLY = msgspec.json.Encoder(decimal_format="number")
DAY = date(2026, 11, 21)
AMOUNT = NumberType("money", 2, low=0, currency="CNY")
COUNT = NumberType("integer", low=0)


def validator(schema: Any) -> jsonschema_rs.Draft202012Validator:  # noqa: ANN401  # a schema, as it is published
    return jsonschema_rs.Draft202012Validator(parsed(EXACTLY.encode(schema).decode()))


def is_read(kind: Type, text: str) -> bool:
    """Return True if the service takes the value."""
    try:
        value_reader(kind)(read_json(text.encode()))
    except (NotJsonError, ValueRejected):
        return False
    return True


@settings(max_examples=effort(30, 300))
@given(st.data())
def test_a_value_is_valid_when_and_only_when_it_is_read(data: st.DataObject) -> None:
    kind = data.draw(types())
    text = data.draw(texts(kind))
    assert validator(type_schema(kind)).is_valid(parsed(text)) == is_read(kind, text), type_schema(kind)


@pytest.mark.parametrize(
    "kind",
    [COUNT, AMOUNT, NumberType("number", 4, -12_345, 678_901), DurationType(), DurationType(-1, 2_592_000), DateType()],
)
@settings(max_examples=effort(8, 50))
@given(st.data())
def test_whatever_text_the_pattern_of_a_type_writes_is_read(kind: Type, data: st.DataObject) -> None:
    schema = type_schema(kind)
    patterns = [each["pattern"] for each in schema.get("anyOf", [schema]) if "pattern" in each]
    text = data.draw(st.from_regex(patterns[0], fullmatch=True).map(json.dumps))
    assert validator(schema).is_valid(parsed(text)) == is_read(kind, text)


@pytest.mark.parametrize(
    ("kind", "right", "wrong"),
    [
        (
            COUNT,
            ["45", "45.0", "4.5e1", "450e-1", '"45"', '"45.0"', "0", "-0", "-0.0", "0e9"],
            ["45.5", '"45.5"', "-1"],
        ),
        (COUNT, ["9007199254740992", "9007199254740992.0"], ["9007199254740993", "9007199254740992.5", "1e16", "true"]),
        (
            COUNT,
            ['"9007199254740992"'],
            ['"9007199254740993"', '"045"', '"+45"', '" 45"', '"4.5e1"', '"45."', '"45\\n"'],
        ),
        (
            AMOUNT,
            ["800000.000", "800000.10", "0.1", '"800000.000"', "8e5", '"0.10"'],
            ["800000.001", '"0.001"', "1e-3"],
        ),
        (AMOUNT, ["90071992547409.92", '"90071992547409.920"'], ["90071992547409.93", '"90071992547409.921"']),
        (AMOUNT, [f'"1.{"0" * 20}"', f"1.{'0' * 200}"], [f'"1.{"0" * 21}"', f"1.{'0' * 200}1", f"0.{'0' * 200}1"]),
        (NumberType("number", 2, 1, 150), ["0.01", '"1.5"', "1.50"], ["0", "0.001", "1.51", '"-0.01"', "-1"]),
        (NumberType("number", 1, -25, -5), ["-0.5", '"-2.5"', "-25e-1"], ["-0.4", "-2.6", "0", '"-0"', "0.5"]),
        (
            DateType(),
            ['"2024-02-29"', '"1900-01-01"', '"2199-12-31"'],
            ['"2026-02-30"', '"1900-02-29"', '"1899-12-31"'],
        ),
        (
            DateType(),
            ['"2000-02-29"'],
            ['"2026-00-10"', '"2026-11-21T00:00"', '"20261121"', "20261121", '"2026-11-31"'],
        ),
        (
            DurationType(0, 90_000),
            ['"PT25H"', '"P1DT1H"', '"PT08H05M"', '"-PT0S"'],
            ['"PT25H1S"', '"P1DT24H"', '"-PT1S"'],
        ),
        (
            DurationType(),
            ['"P104249991374D"', '"P0DT08H30M00S"'],
            ['"P104249991375D"', '"P1M"', '"PT1H60M"', '"P"', "5"],
        ),
        (TextType(), ['"' + "客" * 1_000 + '"', '"' + "𐀀" * 1_000 + '"', '""'], ['"' + "x" * 1_001 + '"', "5", "null"]),
        (BooleanType(), ["true", "false"], ["1", '"true"', "null"]),
    ],
)
def test_these_values_are_right_and_those_are_wrong(kind: Type, right: list[str], wrong: list[str]) -> None:
    schema = validator(type_schema(kind))
    for text in right:
        assert (is_read(kind, text), schema.is_valid(parsed(text))) == (True, True), text
    for text in wrong:
        assert (is_read(kind, text), schema.is_valid(parsed(text))) == (False, False), text


# whole policies


@cache
def shipped() -> Decider:
    return Decider(NEWEST, engine="python")


@cache
def generated(seed: int) -> Decider | None:
    try:
        return Decider([load_bytes(next(iter(drafts_of(seed))).text.encode())], engine="python")
    except PolicyError:
        return None


@cache
def schema_of(decider: Decider, policy: str) -> jsonschema_rs.Draft202012Validator:
    return validator(facts_schema(decider.policies[policy], decider.policies, MAX_FACTS))


def is_evaluated(decider: Decider, policy: str, text: str) -> bool | None:
    """Whether the policy takes the facts and misses none; None when all that is wrong is that facts contradict it."""
    facts = read_json(text.encode())
    try:
        decision = decider.decide(facts, as_of=DAY, policies=[policy])
    except FactsRejected as refused:
        return False if any(problem.code != "contradiction" for problem in refused.problems) else None
    return bool(decision.to_dict()[policy]["status"] != "missing_facts")


@cache
def whole(decider: Decider, id_: str) -> st.SearchStrategy[str]:
    """Facts of a policy and of those it needs, mostly right; some are left out, some are of other policies."""
    policy = decider.policies[id_]
    kinds = {
        fact.name: fact.type
        for each in with_required_policies(policy, decider.policies)
        for fact in each.facts.values()
    }
    others = sorted({name for each in decider.policies.values() for name in each.facts} - set(kinds))
    mostly_right = {name: st.one_of(*[right(kind)] * 6, st.just("null"), texts(kind)) for name, kind in kinds.items()}
    left_out: st.SearchStrategy[frozenset[str]] = st.one_of(
        st.just(frozenset()), st.frozensets(st.sampled_from(sorted(kinds)), max_size=6)
    )
    more: st.SearchStrategy[dict[str, str]] = st.one_of(
        st.just({}), st.just({}), st.dictionaries(st.sampled_from([*others, "no_fact"]), texts(TextType()))
    )
    return st.builds(_object, st.fixed_dictionaries(mostly_right), left_out, more)


def _object(facts: dict[str, str], left_out: frozenset[str], more: dict[str, str]) -> str:
    members = [(name, text) for name, text in {**facts, **more}.items() if name not in left_out]
    return "{" + ", ".join(f"{json.dumps(name)}: {text}" for name, text in members) + "}"


def assert_same(decider: Decider, policy: str, text: str) -> None:
    expected = is_evaluated(decider, policy, text)
    assume(expected is not None)
    assert schema_of(decider, policy).is_valid(parsed(text)) == expected


@pytest.mark.parametrize("policy", sample(sorted(shipped().policies), 5))
@given(st.data())
def test_facts_are_valid_when_and_only_when_a_shipped_policy_takes_them(policy: str, data: st.DataObject) -> None:
    assert_same(shipped(), policy, data.draw(whole(shipped(), policy)))


@settings(suppress_health_check=[HealthCheck.filter_too_much])
@given(st.integers(0, 100).map(lambda number: 2 * number + 1), st.data())
def test_facts_are_valid_when_and_only_when_a_generated_policy_takes_them(seed: int, data: st.DataObject) -> None:
    decider = generated(seed)
    assume(decider is not None)
    assert decider is not None
    [policy] = decider.policies.values()
    assert_same(decider, policy.id, data.draw(whole(decider, policy.id)))


@pytest.mark.parametrize("policy", ["followup/contact_cadence", "tiering/rfm_value"])
@pytest.mark.parametrize("answer", [True, False])
def test_both_answers_come(policy: str, answer: bool) -> None:
    """The laws above speak of something."""
    first = settings(phases=[Phase.generate], max_examples=50, derandomize=True, database=None)
    find(whole(shipped(), policy), lambda text: is_evaluated(shipped(), policy, text) is answer, settings=first)
