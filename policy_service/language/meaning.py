"""What a policy decides, as a digest: two texts of one meaning give every subject the same answer, rule for rule.

It covers the name of the policy, its kind of subject, its facts and outcomes with their types, its hit policy, and its
rules or bands as they were understood, in their order where that counts. It does not cover what only tells: the
version, comments and spelling, titles, reasons, sources, notes, the names of rules, examples and invariants.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterable
from fractions import Fraction
from typing import Any

from policy_service.canonical import canonical_unchecked, digest
from policy_service.language.policy import Hit, Policy, Rule

_ANY_ORDER = frozenset({Hit.UNIQUE, Hit.ANY})
"""Hit policies for which the order of the rules does not count; `otherwise` is marked, wherever it stands."""


def meaning_of(policy: Policy) -> str:
    """The digest of what a policy decides, `sha256:` and 64 hexadecimal digits."""
    rules = _rules(policy.rules)
    if policy.hit in _ANY_ORDER:
        rules.sort(key=canonical_unchecked)
    scorecard = policy.scorecard
    return digest(
        canonical_unchecked(
            {
                "policy": policy.id,
                "subject": policy.subject,
                "facts": {
                    name: _plain([fact.type, fact.optional, fact.sensitive, fact.requirement, fact.measure])
                    for name, fact in policy.facts.items()
                },
                "outcomes": [[name, _plain(outcome.type)] for name, outcome in policy.outcomes.items()],
                "hit": [policy.hit, policy.aggregate],
                "rules": rules,
                "scorecard": [_plain(scorecard.type), scorecard.base, _rules(scorecard.bands)] if scorecard else None,
            }
        )
    )


def _rules(rules: Iterable[Rule]) -> list[Any]:
    return [[_plain(rule.when), _plain(rule.then), rule.otherwise] for rule in rules]


def _plain(value: object) -> Any:  # noqa: ANN401  # JSON
    """Types, expressions and values as JSON; the place of an expression in its text is left out."""
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
            return [_plain(item) for item in value]
        case _:
            fields = dataclasses.fields(value)  # type: ignore[arg-type]  # a type or a node
            said = [[each.name, _plain(getattr(value, each.name))] for each in fields if each.compare]
            return [type(value).__name__, said]
