"""What a decision answers: for each policy its status, outcome, rules and reasons, and the version that gave them."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, assert_never

from policy_service.compilers.evaluator import Slots
from policy_service.decisions.overriding import Excepted, told
from policy_service.decisions.window import Stopped
from policy_service.language.outcome import Conflict, Decided, MissingFacts, NoRuleMatched, Result, Values
from policy_service.language.policy import Policy, Rule
from policy_service.language.types import DateType, DurationType, NumberType, TagsType, Type, write

Json = dict[str, Any]
EngineName = Literal["durable_rules", "python", "definition"]


Answered = Result | Stopped
"""What a policy answers: what its rules say, or that it is stopped."""


class Writer:
    """Writes results of one policy as JSON; what never changes is written once."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self._identity: Json = {"version": policy.version, "digest": policy.digest}
        bands: tuple[Rule, ...] = policy.scorecard.bands if policy.scorecard else ()
        self._because = {rule.id: rule.because.to_dict() for rule in (*policy.rules, *bands)}
        self._titles = {rule.id: rule.title.to_dict() for rule in (*policy.rules, *bands) if rule.title}
        self._names = tuple(policy.outcomes)
        self._outcomes: tuple[tuple[str, Type | None], ...] = tuple(
            (name, outcome.type if _needs_writing(outcome.type) else None) for name, outcome in policy.outcomes.items()
        )
        self._as_kept = all(kind is None for _, kind in self._outcomes)

    def write(self, result: Answered, supplied: tuple[str, ...]) -> Json:
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
                if self._titles and result.rules:
                    entry["titles"] = [self._titles.get(rule) for rule in result.rules]
            case NoRuleMatched():
                entry = {"status": "no_rule_matched"}
            case MissingFacts():
                entry = {"status": "missing_facts", "missing": list(result.names)}
            case Conflict():
                entry = {"status": "conflict", "rules": list(result.rules)}
            case Stopped():
                entry = {"status": "suspended", "suspension": result.suspension, "reason": result.reason}
            case _:
                assert_never(result)
        entry.update(self._identity)
        if supplied:
            entry["supplied"] = list(supplied)
        return entry

    def outcome(self, values: Values) -> Json:
        """One value for each outcome, by name."""
        if self._as_kept:
            return dict(zip(self._names, values, strict=False))
        pairs = zip(self._outcomes, values, strict=False)
        return {name: value if kind is None else write(kind, value) for (name, kind), value in pairs}


def _needs_writing(kind: Type) -> bool:
    """Whether a kept value of the type is not already what JSON shows."""
    return isinstance(kind, DateType | DurationType | TagsType) or (
        isinstance(kind, NumberType) and kind.kind != "integer"
    )


class PolicyDecision(NamedTuple):
    """What one policy decided about the subject."""

    result: Answered
    supplied: tuple[str, ...]
    """Facts with `from:` that the caller gave, because the service could not fill them."""
    served_by: EngineName
    """The evaluator that answered."""
    writer: Writer
    excepted: Excepted | None = None
    """The exception made for the subject; `result` is then what is answered instead."""

    @property
    def policy(self) -> Policy:
        """The version that decided."""
        return self.writer.policy

    @property
    def said(self) -> Answered:
        """What the rules answered, or that the policy is stopped."""
        return self.result if self.excepted is None else self.excepted.rules_said

    def to_dict(self) -> Json:
        """The entry of this policy."""
        if self.excepted is None:
            return self.writer.write(self.result, self.supplied)
        said = self.writer.write(self.excepted.rules_said, self.supplied)
        return told(self.writer.write(self.result, ()), said, self.excepted)


class Decision(NamedTuple):
    """What the policies decided about one subject on the day `as_of`."""

    as_of: datetime.date
    policies: Mapping[str, PolicyDecision]
    trace: Json | None = None
    evaluated: Mapping[str, PolicyDecision] = {}
    """Every policy that was evaluated, also one that others needed and that is not answered."""
    seen: Mapping[str, Slots] = {}
    """The facts that each of them saw, as it keeps them, with the day."""

    @property
    def overrides(self) -> tuple[str, ...]:
        """The exceptions that were looked at, those included that did not fit."""
        return tuple([each.excepted.overriding.id for each in self.evaluated.values() if each.excepted is not None])

    def to_dict(self) -> Json:
        """The `outcomes` object of `POST /v1/decisions`."""
        return {
            id_: entry.writer.write(entry.result, entry.supplied) if entry.excepted is None else entry.to_dict()
            for id_, entry in self.policies.items()
        }
