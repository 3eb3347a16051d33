"""A working request for a decision, made from a policy's own examples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from policy_service.language.policy import Example, Fact, Policy
from policy_service.language.types import Value, format_value
from policy_service.subject import id_error


@dataclass(frozen=True, slots=True)
class _ExampleFacts:
    """The facts of an example, as JSON."""

    facts: Mapping[str, object]
    as_of: str | None


def example_request(policy: Policy, policies: Mapping[str, Policy], today: date) -> dict[str, Any] | None:
    """Return a request that decides the policy, made from its examples; None if no example is decided."""
    for example in policy.examples:
        if example.status == "decided":
            example_facts = _example_facts(policy, example, policies)
            as_of = example_facts.as_of or today.isoformat()
            subject = example.name if id_error(example.name) is None else "example"
            request = {"subject": subject, "kind": policy.subject, "facts": dict(example_facts.facts)}
            return {**request, "policies": [policy.id], "as_of": as_of}
    return None


def _example_facts(policy: Policy, example: Example, policies: Mapping[str, Policy]) -> _ExampleFacts:
    """Return the example's facts, with outcomes of other policies replaced by facts that lead to them."""
    facts = {name: format_value(policy.facts[name].type, value) for name, value in example.facts.items()}
    as_of = example.as_of
    for name, value in example.facts.items():
        source_facts = _source_facts(policy.facts[name], value, policies)
        if source_facts is None:
            continue
        agrees = all(
            facts.get(other, source_facts.facts[other]) == source_facts.facts[other] for other in source_facts.facts
        )
        if agrees and (as_of is None or source_facts.as_of in (None, as_of)):
            del facts[name]
            facts.update(source_facts.facts)
            as_of = as_of or source_facts.as_of
    return _ExampleFacts(facts, as_of)


def _source_facts(fact: Fact, value: Value, policies: Mapping[str, Policy]) -> _ExampleFacts | None:
    """Return the facts of an example of the source policy with this outcome."""
    source = policies.get(fact.requirement.policy) if fact.requirement else None
    if source is None or fact.requirement is None or source.returns_list:
        return None
    for example in source.examples:
        if isinstance(example.outcome, Mapping) and example.outcome[fact.requirement.outcome] == value:
            return _example_facts(source, example, policies)
    return None
