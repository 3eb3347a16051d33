"""Fills a policy's facts that are the subject's own previous outcome, from the group lists.

| the lists say                                 | the caller gives  | the fact                                  |
|-----------------------------------------------|-------------------|-------------------------------------------|
| there was an outcome, whose value it takes    | nothing, the same | is the value, or the day since when       |
| there was one                                 | another value     | is refused                                |
| there was none, or its value is one that the  | nothing           | is missing                                |
| fact does not take any more                   | a value           | is the caller's, and recorded as supplied |
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import NamedTuple

from policy_service.decisions.facts_reader import ValueReader, raw_text, value_reader
from policy_service.errors import FactProblem
from policy_service.language.policy import Fact, Policy, Previous
from policy_service.language.types import Value, ValueRejected, format_value


class PreviousOutcome(NamedTuple):
    """The value of a subject's previous outcome, and the day since which it had it."""

    value: str | bool
    since: date


PreviousOutcomes = Mapping[str, PreviousOutcome]
"""By the outcome's name; empty if nothing was decided before."""
PreviousByPolicy = Mapping[str, PreviousOutcomes]
NO_PREVIOUS: PreviousByPolicy = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class PreviousSlot:
    """The slot of a fact that is a previous outcome."""

    slot: int
    fact: Fact
    source: Previous
    read: ValueReader

    def value(self, outcomes: PreviousOutcomes) -> Value | None:
        """Return the fact's stored value; None if there was no outcome, or one the fact no longer accepts."""
        outcome = outcomes.get(self.source.outcome)
        if outcome is None:
            return None
        with suppress(ValueRejected):
            return self.read(outcome.since.isoformat() if self.source.is_since else outcome.value)
        return None


def previous_slots(policy: Policy) -> tuple[PreviousSlot, ...]:
    """Return the slots of a policy's facts that are its own previous outcomes."""
    return tuple(
        PreviousSlot(slot, fact, fact.previous, value_reader(fact.type))
        for slot, fact in enumerate(policy.facts.values())
        if fact.previous is not None
    )


def previous_facts(policy: Policy, outcomes: PreviousOutcomes) -> dict[str, Value]:
    """Return the facts of a policy that its own previous outcomes fill, by name."""
    values = {each.fact.name: each.value(outcomes) for each in previous_slots(policy)}
    return {name: value for name, value in values.items() if value is not None}


def fill_previous(
    previous: Iterable[PreviousSlot],
    slots: list[Value | None],
    outcomes: PreviousOutcomes,
    problems: list[FactProblem],
) -> list[str]:
    """Put previous outcomes into the slots of a subject; add contradicting values to `problems`.

    Returns the facts that the caller supplied.
    """
    supplied = []
    for each in previous:
        value, given = each.value(outcomes), slots[each.slot]
        if value is None and given is not None:
            supplied.append(each.fact.name)
        elif value is not None:
            slots[each.slot] = value
            if given not in {None, value}:
                problems.append(_contradiction(each.fact, given, value))
    return supplied


def _contradiction(fact: Fact, given: Value | None, value: Value) -> FactProblem:
    texts = [raw_text(None if each is None else format_value(fact.type, each)) for each in (given, value)]
    hint = "leave it out: the service fills it"
    return FactProblem(fact.name, "contradiction", texts[0], f"{texts[1]}, which the last decision says", hint)
