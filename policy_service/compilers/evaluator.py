"""What every compiled policy does alike: ask which rules match, add up a scorecard, apply the hit policy.

A compiler only makes matchers; the rest stands here once. A subject comes as its *slots*: one kept value a fact, in the
policy's order, None for what is missing, and last the day of the decision as an ordinal.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from policy_service.compilers.python_text import define, function, giving
from policy_service.language.core import Asked, Computed, Core, CoreRule
from policy_service.language.outcome import MissingFacts, Result, Values, conclude
from policy_service.language.policy import AS_OF, SCORE, Policy
from policy_service.language.types import Value

Slots = tuple[Value | None, ...]


class Matcher(Protocol):
    """Says which rules match."""

    def matches(self, slots: Slots) -> Sequence[int]:
        """The indices of the rules whose condition holds, ascending."""

    def close(self) -> None:
        """Gives back what it holds."""


MakeMatcher = Callable[[Sequence[CoreRule], Sequence[str], Mapping[str, Value]], Matcher]
"""Makes a matcher of rules, from the names of the slots and the stand-ins of missing facts."""


class Evaluator:
    """One policy, compiled."""

    def __init__(self, policy: Policy, core: Core, make: MakeMatcher) -> None:
        self.policy = policy
        self._names = (*policy.facts, AS_OF)
        self._required = tuple(
            (slot, name) for slot, name in enumerate(policy.facts) if not policy.facts[name].optional
        )
        self._rules = make(core.rules, self._names, core.stand_ins)
        self._given = givers(core.rules, self._names, core.stand_ins)
        self._constant: list[Any] | None = None
        if not any(computes(rule) for rule in core.rules):
            self._constant = [rule.then for rule in core.rules]
        self._bands: Matcher | None = None
        if policy.scorecard is not None:
            self._base = policy.scorecard.base
            with_score = (*self._names, SCORE)
            self._bands = make(core.bands, with_score, core.stand_ins)
            self._band_given = givers(core.bands, with_score, core.stand_ins)

    def evaluate(self, facts: Mapping[str, Value], as_of: datetime.date) -> Result:
        """What the policy decides; the same as `language.evaluate.evaluate`."""
        return self.decide((*map(facts.get, self.policy.facts), as_of.toordinal()))

    def decide(self, slots: Slots) -> Result:
        """What the policy decides about a subject given by its slots."""
        if None in slots and (missing := tuple(name for slot, name in self._required if slots[slot] is None)):
            return MissingFacts(missing)
        matched = self._rules.matches(slots)
        if self._bands is None:
            if self._constant is not None:
                return conclude(self.policy, matched, self._constant.__getitem__)
            return conclude(self.policy, matched, lambda index: self._given[index](slots))
        return self._score(slots, matched, self._bands)

    def _score(self, slots: Slots, matched: Sequence[int], bands: Matcher) -> Result:
        points: list[Any] = [self._given[index](slots)[0] for index in matched]
        scored = (*slots, self._base + sum(points))
        [band] = bands.matches(scored)
        return conclude(self.policy, matched, lambda index: self._band_given[index](scored), band)

    def close(self) -> None:
        """Gives back what the matchers hold."""
        self._rules.close()
        if self._bands is not None:
            self._bands.close()


def computes(rule: CoreRule) -> bool:
    """Whether what the rule gives depends on facts."""
    return any(isinstance(given, Computed | Asked) for given in rule.then)


def givers(
    rules: Sequence[CoreRule], slots: Sequence[str], stand_ins: Mapping[str, Value]
) -> list[Callable[[Slots], Values]]:
    """For each rule the function that gives its outcome values."""
    return [_giver(rule, slots, stand_ins) for rule in rules]


def _giver(rule: CoreRule, slots: Sequence[str], stand_ins: Mapping[str, Value]) -> Callable[[Slots], Values]:
    if not computes(rule):
        constant: Any = rule.then
        return lambda _slots: constant
    body = f"return ({', '.join(map(giving, rule.then))},)"
    return define(function("gives", slots, stand_ins, [body]), "gives")
