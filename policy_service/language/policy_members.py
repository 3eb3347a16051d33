"""A policy as JSON: types, conditions and values as in policy files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from policy_service.language.ast import TRUE
from policy_service.language.policy import OTHERWISE, Fact, Outcome, Policy, Rule
from policy_service.language.types import Type, describe_type, format_value, type_name
from policy_service.language.unparse import unparse

Json = dict[str, Any]


def policy_members(policy: Policy) -> Json:
    """Return the members of a policy that are not simply its attributes."""
    scorecard = policy.scorecard
    return {
        "hit": policy.hit.value,
        "aggregate": policy.aggregate.value if policy.aggregate else None,
        "facts": [_fact(each) for each in policy.facts.values()],
        "outcomes": [_typed(each) for each in policy.outcomes.values()],
        "rules": [rule_members(policy, rule) for rule in policy.rules],
        "cross_table": _cross_table(policy),
        "bands": [rule_members(policy, band) for band in scorecard.bands] if scorecard else [],
        "examples": len(policy.examples),
    }


def rule_members(policy: Policy, rule: Rule) -> Json:
    """Return a rule or band of the policy; a scorecard's rule gives points."""
    types: Mapping[str, Type] = {name: outcome.type for name, outcome in policy.outcomes.items()}
    if policy.scorecard is not None and rule in policy.rules:
        types = {"points": policy.scorecard.type}
    pairs = zip(types.items(), rule.then, strict=False)  # COLLECT with count gives no values
    return {
        "id": rule.id,
        "title": rule.title,
        "when": OTHERWISE if rule.otherwise else unparse(rule.when),
        "then": {
            name: format_value(kind, value) if isinstance(value, bool | int | str | frozenset) else unparse(value)
            for (name, kind), value in pairs
        },
        "because": rule.because,
    }


def _typed(each: Fact | Outcome) -> Json:
    return {
        "name": each.name,
        "type": type_name(each.type),
        "title": each.title,
        "expected": describe_type(each.type),
    }


def _fact(fact: Fact) -> Json:
    source = fact.requirement or fact.previous
    return {
        **_typed(fact),
        "optional": fact.optional,
        "sensitive": fact.sensitive,
        "comes_from": str(source) if source else None,
        "measure": fact.measure,
    }


def _cross_table(policy: Policy) -> Json | None:
    """Return the grid of a cross table: for each row the rule of each column, None for no rule."""
    if (cross := policy.cross) is None:
        return None
    rules = dict(zip(cross.cells, (rule.id for rule in policy.rules), strict=False))
    rows, columns = (
        [{"id": line.id, "when": "-" if line.when == TRUE else unparse(line.when)} for line in lines]
        for lines in (cross.rows, cross.columns)
    )
    cells = [[rules.get((row, column)) for column in range(len(columns))] for row in range(len(rows))]
    down, across = policy.inputs
    return {"down": down, "across": across, "rows": rows, "columns": columns, "cells": cells}
