"""The steps common to all compiled policies: find matching rules, add up a scorecard, apply the hit policy.

A compiler only creates matchers; the rest is here. A subject is given by its *slots*: one stored value per fact, in the
policy's order, None for a missing one, and last the day of the decision as an ordinal.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from policy_service.compilers.python_text import define_function, function_text, outcome_text
from policy_service.language.core import BooleanOutcome, ComputedNumber, Core, CoreRule
from policy_service.language.outcome import MissingFacts, Result, Values, conclude
from policy_service.language.policy import AS_OF, SCORE, Policy
from policy_service.language.types import Value

Slots = tuple[Value | None, ...]


class Matcher(Protocol):
    """Finds the rules that match."""

    def matches(self, slots: Slots) -> Sequence[int]:
        """Return the indices of the rules whose condition holds, ascending."""

    def close(self) -> None:
        """Release its resources."""


MakeMatcher = Callable[[Sequence[CoreRule], Sequence[str], Mapping[str, Value]], Matcher]
"""Creates a matcher of rules, given the names of the slots and the stand-ins of missing facts."""


class Evaluator:
    """One policy, compiled."""

    def __init__(self, policy: Policy, core: Core, make_matcher: MakeMatcher) -> None:
        self.policy = policy
        self._names = (*policy.facts, AS_OF)
        self._required = tuple(
            (slot, name) for slot, name in enumerate(policy.facts) if not policy.facts[name].optional
        )
        self._rules = make_matcher(core.rules, self._names, core.stand_ins)
        self._outcomes = outcome_functions(core.rules, self._names, core.stand_ins)
        self._constant: list[Any] | None = None
        if not any(is_computed(rule) for rule in core.rules):
            self._constant = [rule.then for rule in core.rules]
        self._bands: Matcher | None = None
        if policy.scorecard is not None:
            self._base = policy.scorecard.base
            band_slots = (*self._names, SCORE)
            self._bands = make_matcher(core.bands, band_slots, core.stand_ins)
            self._band_outcomes = outcome_functions(core.bands, band_slots, core.stand_ins)

    def evaluate(self, facts: Mapping[str, Value], as_of: datetime.date) -> Result:
        """Evaluate the policy; same result as `language.evaluate.evaluate`."""
        return self.decide((*map(facts.get, self.policy.facts), as_of.toordinal()))

    def decide(self, slots: Slots) -> Result:
        """Evaluate the policy for a subject given by its slots."""
        if None in slots and (missing := tuple(name for slot, name in self._required if slots[slot] is None)):
            return MissingFacts(missing)
        matched = self._rules.matches(slots)
        if self._bands is None:
            if self._constant is not None:
                return conclude(self.policy, matched, self._constant.__getitem__)
            return conclude(self.policy, matched, lambda index: self._outcomes[index](slots))
        return self._score(slots, matched, self._bands)

    def _score(self, slots: Slots, matched: Sequence[int], bands: Matcher) -> Result:
        points: list[Any] = [self._outcomes[index](slots)[0] for index in matched]
        scored = (*slots, self._base + sum(points))
        [band] = bands.matches(scored)
        return conclude(self.policy, matched, lambda index: self._band_outcomes[index](scored), band)

    def close(self) -> None:
        """Release the resources of the matchers."""
        self._rules.close()
        if self._bands is not None:
            self._bands.close()


def is_computed(rule: CoreRule) -> bool:
    """Return True if the rule's outcome depends on facts."""
    return any(isinstance(outcome, ComputedNumber | BooleanOutcome) for outcome in rule.then)


def outcome_functions(
    rules: Sequence[CoreRule], slots: Sequence[str], stand_ins: Mapping[str, Value]
) -> list[Callable[[Slots], Values]]:
    """Return, for each rule, the function that computes its outcome values."""
    return [_outcome_function(rule, slots, stand_ins) for rule in rules]


def _outcome_function(
    rule: CoreRule, slots: Sequence[str], stand_ins: Mapping[str, Value]
) -> Callable[[Slots], Values]:
    if not is_computed(rule):
        constant: Any = rule.then
        return lambda _slots: constant
    body = f"return ({', '.join(map(outcome_text, rule.then))},)"
    return define_function(function_text("gives", slots, stand_ins, [body]), "gives")
