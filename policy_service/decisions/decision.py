"""What a decision answers: for each policy its status, outcome, rules and reasons, and the version that gave them."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from policy_service.language.outcome import Conflict, Decided, MissingFacts, NoRuleMatched, Result, Values
from policy_service.language.policy import Policy, Rule
from policy_service.language.types import DateType, DurationType, NumberType, TagsType, Type, write

Json = dict[str, Any]


class Writer:
    """Writes results of one policy as JSON; what never changes is written once."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self._identity: Json = {"version": policy.version, "digest": policy.digest}
        bands: tuple[Rule, ...] = policy.scorecard.bands if policy.scorecard else ()
        self._because = {rule.id: rule.because.to_dict() for rule in (*policy.rules, *bands)}
        self._outcomes: tuple[tuple[str, Type | None], ...] = tuple(
            (name, outcome.type if _needs_writing(outcome.type) else None) for name, outcome in policy.outcomes.items()
        )

    def write(self, result: Result, supplied: tuple[str, ...]) -> Json:
        """The entry of one policy, in the shape of `POST /v1/decisions`."""
        match result:
            case Decided():
                outcome: Any = [self.outcome(values) for values in result.outcome]
                entry: Json = {
                    "status": "decided",
                    "outcome": outcome if self.policy.lists else outcome[0],
                    "rules": list(result.rules),
                    "because": [self._because[rule] for rule in result.rules],
                }
            case NoRuleMatched():
                entry = {"status": "no_rule_matched"}
            case MissingFacts():
                entry = {"status": "missing_facts", "missing": list(result.names)}
            case Conflict():
                entry = {"status": "conflict", "rules": list(result.rules)}
        entry.update(self._identity)
        if supplied:
            entry["supplied"] = list(supplied)
        return entry

    def outcome(self, values: Values) -> Json:
        """One value for each outcome, by name."""
        pairs = zip(self._outcomes, values, strict=True)
        return {name: value if kind is None else write(kind, value) for (name, kind), value in pairs}


def _needs_writing(kind: Type) -> bool:
    """Whether a kept value of the type is not already what JSON shows."""
    return isinstance(kind, DateType | DurationType | TagsType) or (isinstance(kind, NumberType) and kind.kind != "integer")


@dataclass(frozen=True)
class PolicyDecision:
    """What one policy decided about the subject."""

    policy: Policy
    result: Result
    supplied: tuple[str, ...]
    """Facts with `from:` that the caller gave, because the service could not fill them."""
    served_by: str
    """The evaluator that answered: `durable_rules`, `python` or `definition`."""
    writer: Writer


@dataclass(frozen=True)
class Decision:
    """What the policies decided about one subject on the day `as_of`."""

    as_of: datetime.date
    policies: Mapping[str, PolicyDecision]
    trace: Json | None = None

    @cached_property
    def outcomes(self) -> Json:
        """The `outcomes` object of `POST /v1/decisions`."""
        return {id_: decided.writer.write(decided.result, decided.supplied) for id_, decided in self.policies.items()}

    def to_dict(self) -> Json:
        """The `outcomes` object of `POST /v1/decisions`."""
        return self.outcomes
