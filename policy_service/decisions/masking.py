"""Masking of sensitive facts in logs, on pages and in traces."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from policy_service.language.policy import Policy

MASK = "•••"
"""The text shown instead of a sensitive value."""


def sensitive_facts(policies: Iterable[Policy]) -> frozenset[str]:
    """Return the facts that at least one of the policies declares sensitive."""
    return frozenset(fact.name for policy in policies for fact in policy.facts.values() if fact.sensitive)


def masked(facts: Mapping[str, Any], sensitive: frozenset[str]) -> dict[str, Any]:
    """Return the facts with a mask for each sensitive one that was given."""
    return {name: MASK if name in sensitive and value is not None else value for name, value in facts.items()}


def masked_trace(trace: Mapping[str, Any], sensitive: frozenset[str]) -> dict[str, Any]:
    """Return the trace with sensitive values masked."""
    return {
        policy: [{**rule, "saw": masked(rule["saw"], sensitive)} if "saw" in rule else rule for rule in rules]
        for policy, rules in trace.items()
    }
