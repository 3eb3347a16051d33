"""A decision: for each policy its status, outcome, rules and reasons, and the version that gave them."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, assert_never

from policy_service.compilers.evaluator import Slots
from policy_service.decisions.override import AppliedOverride, merge_override
from policy_service.decisions.previous import NO_PREVIOUS, PreviousByPolicy
from policy_service.decisions.window import PolicyStop
from policy_service.language.outcome import Conflict, Decided, MissingFacts, NoRuleMatched, Result, Values
from policy_service.language.policy import Policy
from policy_service.language.types import DateType, DurationType, NumberType, TagsType, Type, format_value

Json = dict[str, Any]
EngineName = Literal["durable_rules", "python", "definition"]


PolicyAnswer = Result | PolicyStop
"""A policy's answer: the result of its rules, or its stop."""


class ResultWriter:
    """Writes results of one policy as JSON; constant parts are built once."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self._identity: Json = {"version": policy.version, "digest": policy.digest}
        self._because = {rule.id: rule.because.to_dict() for rule in policy.all_rules}
        self._titles = {rule.id: rule.title.to_dict() for rule in policy.all_rules if rule.title}
        self._names = tuple(policy.outcomes)
        self._outcomes: tuple[tuple[str, Type | None], ...] = tuple(
            (name, outcome.type if _needs_writing(outcome.type) else None) for name, outcome in policy.outcomes.items()
        )
        self._is_json_ready = all(kind is None for _, kind in self._outcomes)

    def write(self, result: PolicyAnswer, supplied: tuple[str, ...]) -> Json:
        """Return the entry of one policy, in the shape of `POST /v1/decisions`."""
        match result:
            case Decided():
                outcome: Any = [self.outcome(values) for values in result.outcome]
                entry: Json = {
                    "status": "decided",
                    "outcome": outcome if self.policy.returns_list else outcome[0],
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
            case PolicyStop():
                entry = {"status": "suspended", "suspension": result.suspension, "reason": result.reason}
            case _:
                assert_never(result)
        entry.update(self._identity)
        if supplied:
            entry["supplied"] = list(supplied)
        return entry

    def outcome(self, values: Values) -> Json:
        """Return the value of each outcome, by name."""
        if self._is_json_ready:
            return dict(zip(self._names, values, strict=False))
        pairs = zip(self._outcomes, values, strict=False)
        return {name: value if kind is None else format_value(kind, value) for (name, kind), value in pairs}


def _needs_writing(kind: Type) -> bool:
    """Return True if JSON shows values of this type in another form than the stored one."""
    return isinstance(kind, DateType | DurationType | TagsType) or (
        isinstance(kind, NumberType) and kind.kind != "integer"
    )


class PolicyDecision(NamedTuple):
    """One policy's decision about the subject."""

    result: PolicyAnswer
    supplied: tuple[str, ...]
    """Facts with `from:` that the caller supplied, because the service could not fill them."""
    served_by: EngineName
    """The evaluator that answered."""
    writer: ResultWriter
    applied_override: AppliedOverride | None = None
    """The subject's override; `result` is then its outcome."""

    @property
    def policy(self) -> Policy:
        """The version that decided."""
        return self.writer.policy

    @property
    def rules_result(self) -> PolicyAnswer:
        """The answer of the rules, or the policy's stop."""
        return self.result if self.applied_override is None else self.applied_override.rules_result

    def to_dict(self) -> Json:
        """Return the entry of this policy as JSON."""
        if self.applied_override is None:
            return self.writer.write(self.result, self.supplied)
        rules_entry = self.writer.write(self.applied_override.rules_result, self.supplied)
        return merge_override(self.writer.write(self.result, ()), rules_entry, self.applied_override)


class Decision(NamedTuple):
    """The policies' decisions about one subject on the day `as_of`."""

    as_of: datetime.date
    policies: Mapping[str, PolicyDecision]
    trace: Json | None = None
    evaluated: Mapping[str, PolicyDecision] = {}
    """Every policy evaluated, including those that others need and that are not part of the answer."""
    inputs: Mapping[str, Slots] = {}
    """The stored facts that each of them read, and the day."""
    benchmark_set: str | None = None
    """The digest of the benchmark set, if a figure of it was used."""
    previous: PreviousByPolicy = NO_PREVIOUS
    """The subject's previous outcomes that policies read."""

    @property
    def overrides(self) -> tuple[str, ...]:
        """The overrides examined, including those that did not fit."""
        return tuple(
            [each.applied_override.override.id for each in self.evaluated.values() if each.applied_override is not None]
        )

    def to_dict(self) -> Json:
        """Return the `outcomes` object of `POST /v1/decisions`."""
        return {
            id_: entry.writer.write(entry.result, entry.supplied) if entry.applied_override is None else entry.to_dict()
            for id_, entry in self.policies.items()
        }
