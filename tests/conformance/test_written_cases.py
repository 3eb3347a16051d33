"""The written cases: each file in `cases/` is a policy whose examples every evaluator answers, down to the rules."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from pathlib import Path

import pytest

from policy_service.language.load import load_bytes
from policy_service.language.outcome import Conflict, Decided, MissingFacts, NoRuleMatched, Result
from policy_service.language.policy import Example, Policy
from policy_service.language.types import Value
from tests.conformance.comparison import same
from tests.conformance.evaluators import EVALUATORS
from tests.conformance.features import FEATURES, features_of

FOLDER = Path(__file__).parent / "cases"
POLICIES = {path.stem: load_bytes(path.read_bytes(), path.name) for path in sorted(FOLDER.glob("*.yaml"))}
ANY_DAY = "2026-11-21"
STATUSES = {"decided", "no_rule_matched", "missing_facts", "conflict"}


def expected(policy: Policy, example: Example) -> Result:
    """What an example says the answer is."""
    match example.status:
        case "decided":
            outcome = example.outcome or ()
            entries = (outcome,) if isinstance(outcome, Mapping) else outcome
            values = tuple(tuple(stored_value(entry[name]) for name in policy.outcomes) for entry in entries)
            return Decided(values, example.rules or ())
        case "no_rule_matched":
            return NoRuleMatched()
        case "missing_facts":
            return MissingFacts(example.missing)
        case "conflict":
            return Conflict(example.rules or ())


def stored_value(value: object) -> Value:
    """A kept value; what the loader read is nothing else."""
    assert isinstance(value, bool | int | str | frozenset)
    return value


def facts_of(example: Example) -> dict[str, Value]:
    return {name: stored_value(value) for name, value in example.facts.items()}


@pytest.mark.parametrize("evaluator", EVALUATORS)
@pytest.mark.parametrize("name", POLICIES)
def test_every_evaluator_answers_the_written_cases(name: str, evaluator: str) -> None:
    policy = POLICIES[name]
    opened = EVALUATORS[evaluator](policy)
    wrong = []
    for example in policy.examples:
        answer = opened.evaluate(facts_of(example), datetime.date.fromisoformat(example.as_of or ANY_DAY))
        if not same(answer, expected_values := expected(policy, example)):
            wrong.append(f"{example.name}: expected {expected_values}, found {answer}")
    opened.close()
    assert policy.examples
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("name", POLICIES)
def test_every_rule_of_a_case_is_exercised(name: str) -> None:
    """A rule that no case names would not be tested; `never…` names those that no facts can reach."""
    policy = POLICIES[name]
    rules = policy.all_rules
    named = {rule for example in policy.examples for rule in example.rules or ()}
    assert {rule.id for rule in rules if not rule.id.startswith("never")} == named


def test_the_written_cases_use_the_whole_language() -> None:
    used = set().union(*(features_of(policy) for policy in POLICIES.values()))
    assert used == FEATURES, f"never written: {sorted(FEATURES - used)}; not listed: {sorted(used - FEATURES)}"


def test_the_written_cases_have_every_kind_of_answer() -> None:
    assert {example.status for policy in POLICIES.values() for example in policy.examples} == STATUSES


def test_a_case_is_named_after_its_file() -> None:
    assert [policy.id for policy in POLICIES.values()] == [f"conformance/{name}" for name in POLICIES]
