"""Hit policies: from the matching rules to the answer (DMN 1.5 section 8.2.8).

| hit policy   | answer when several rules match                                                   |
|--------------|-----------------------------------------------------------------------------------|
| UNIQUE       | a conflict: the table promised that only one matches                              |
| ANY          | their common outcome; a conflict when the outcomes differ                         |
| FIRST        | the outcome of the first                                                          |
| PRIORITY     | the outcome whose words stand first in their choices' lists, left to right        |
| RULE ORDER   | all outcomes, in the order of the rules                                           |
| OUTPUT ORDER | all outcomes, in the order of PRIORITY                                            |
| COLLECT      | all outcomes, in the order of the rules; or their sum, least, greatest or number  |

If no rule matches, the rule `otherwise` gives the outcome. Without it, every hit policy has a distinct answer for that
case, never an empty list or a zero.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import assert_never

from policy_service.language.policy import Aggregate, Hit, Policy
from policy_service.language.types import ChoiceType, Value

Values = tuple[Value, ...]
"""One stored value per outcome, in the policy's order of outcomes."""


@dataclass(frozen=True, slots=True)
class Decided:
    """The outcome, and the rules that gave it.

    Policies that list have one entry of `outcome` per rule, others exactly one.
    """

    outcome: tuple[Values, ...]
    rules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NoRuleMatched:
    """All required facts were given, and no rule matched."""


@dataclass(frozen=True, slots=True)
class MissingFacts:
    """Not evaluated: these required facts are missing, in the order of the policy."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Conflict:
    """Several rules matched where the hit policy allows one, or their outcomes differ where they must not."""

    rules: tuple[str, ...]


Result = Decided | NoRuleMatched | MissingFacts | Conflict


def missing_facts(policy: Policy, facts: Mapping[str, Value]) -> tuple[str, ...]:
    """Return the required facts that are not given."""
    return tuple(name for name, fact in policy.facts.items() if name not in facts and not fact.optional)


def conclude(
    policy: Policy, matched: Sequence[int], values: Callable[[int], Values], band: int | None = None
) -> Result:
    """Return the answer from the ascending indices of the matching rules, and each one's values.

    For a scorecard `band` is the index of the total's band, and `values` returns a band's values.
    """
    rules = policy.rules
    names = tuple([rules[index].id for index in matched])
    if policy.scorecard is not None and band is not None:
        return Decided((values(band),), (*names, policy.scorecard.bands[band].id))
    if not matched:
        if (last := policy.otherwise) is None:
            return NoRuleMatched()
        return Decided((values(last),), (rules[last].id,))
    match policy.hit:
        case Hit.FIRST:
            return Decided((values(matched[0]),), names[:1])
        case Hit.RULE_ORDER | Hit.COLLECT:
            return Decided(_collect(policy, matched, values), names)
        case Hit.UNIQUE:
            return Decided((values(matched[0]),), names) if len(matched) == 1 else Conflict(names)
        case Hit.ANY:
            outcomes = {values(index): None for index in matched}
            return Decided(tuple(outcomes), names) if len(outcomes) == 1 else Conflict(names)
        case Hit.PRIORITY:
            best = by_priority(policy, matched, values)[0]
            return Decided((values(best),), (rules[best].id,))
        case Hit.OUTPUT_ORDER:
            order = by_priority(policy, matched, values)
            return Decided(tuple([values(index) for index in order]), tuple([rules[index].id for index in order]))
        case _:
            assert_never(policy.hit)


def _collect(policy: Policy, matched: Sequence[int], values: Callable[[int], Values]) -> tuple[Values, ...]:
    """Return all outcomes, or the one value of the aggregate."""
    if policy.aggregate is None:
        return tuple([values(index) for index in matched])
    if policy.aggregate is Aggregate.COUNT:
        return ((len(matched),),)
    return ((_AGGREGATES[policy.aggregate](values(index)[0] for index in matched),),)


def by_priority(policy: Policy, matched: Sequence[int], values: Callable[[int], Values]) -> list[int]:
    """Return the rules in the order of PRIORITY; of equals, the earlier rule first."""
    return sorted(matched, key=lambda index: rank(policy, values(index)))


_AGGREGATES: Mapping[Aggregate, Callable[..., Value]] = {
    Aggregate.SUM: sum,
    Aggregate.MIN: min,
    Aggregate.MAX: max,
}


def rank(policy: Policy, outcome: Values) -> tuple[int, ...]:
    """Return an outcome's rank for PRIORITY: the positions of its choices in their lists, left to right."""
    kinds = [declared.type for declared in policy.outcomes.values()]
    pairs = zip(kinds, outcome, strict=True)
    return tuple(kind.of.index(str(word)) for kind, word in pairs if isinstance(kind, ChoiceType))
