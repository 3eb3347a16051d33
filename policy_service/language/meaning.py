"""The meaning of a policy as a digest: texts with the same meaning give every subject the same answer, rule for rule.

It covers the name of the policy, its kind of subject, its facts and outcomes with their types, its hit policy, and its
parsed rules or bands, in their order if that matters. It does not cover the version, comments and spelling, titles,
reasons, sources, notes, the names of rules, examples and invariants.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterable
from fractions import Fraction
from typing import Any

from policy_service.canonical import digest, to_canonical_json_unchecked
from policy_service.language.policy import Fact, Hit, Policy, Rule

_ANY_ORDER = frozenset({Hit.UNIQUE, Hit.ANY})
"""Hit policies for which the order of rules does not matter; `otherwise` is marked, wherever it stands."""


def meaning_of(policy: Policy) -> str:
    """Return the digest of what a policy decides, `sha256:` and 64 hexadecimal digits."""
    rules = _rules(policy.rules)
    if policy.hit in _ANY_ORDER:
        rules.sort(key=to_canonical_json_unchecked)
    scorecard = policy.scorecard
    return digest(
        to_canonical_json_unchecked(
            {
                "policy": policy.id,
                "subject": policy.subject,
                "facts": {name: _fact(fact) for name, fact in policy.facts.items()},
                "outcomes": [
                    [name, _to_json(outcome.type), *([outcome.measure] if outcome.measure else [])]
                    for name, outcome in policy.outcomes.items()
                ],
                "hit": [policy.hit, policy.aggregate],
                "rules": rules,
                "scorecard": [_to_json(scorecard.type), scorecard.base, _rules(scorecard.bands)] if scorecard else None,
            }
        )
    )


def _fact(fact: Fact) -> Any:  # noqa: ANN401  # JSON
    rest = [*(["replaceable"] if fact.replaceable else []), *([fact.previous] if fact.previous else [])]
    return _to_json([fact.type, fact.optional, fact.sensitive, fact.requirement, fact.measure, *rest])


def _rules(rules: Iterable[Rule]) -> list[Any]:
    return [[_to_json(rule.when), _to_json(rule.then), rule.otherwise] for rule in rules]


def _to_json(value: object) -> Any:  # noqa: ANN401  # JSON
    """Return types, expressions and values as JSON, without the positions of expressions."""
    match value:
        case None | bool() | str():
            return value
        case int() | Fraction():
            return f"{value}"
        case datetime.date():
            return value.isoformat()
        case frozenset():
            return sorted(map(str, value))
        case tuple() | list():
            return [_to_json(item) for item in value]
        case _:
            fields = dataclasses.fields(value)  # type: ignore[arg-type]  # a type or a node
            fields_json = [[each.name, _to_json(getattr(value, each.name))] for each in fields if each.compare]
            return [type(value).__name__, fields_json]
