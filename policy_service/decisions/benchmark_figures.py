"""Fills the benchmark facts of a policy from the benchmark set in force.

| the set                                        | the caller gives  | the fact                                  |
|------------------------------------------------|-------------------|-------------------------------------------|
| has a figure for the subject's group           | nothing, the same | is the figure                             |
| has one                                        | another value     | is refused                                |
| has one, and the fact is `replaceable`         | another value     | is the caller's, and recorded as supplied |
| has none: no set, no such group, one too small | nothing           | is missing                                |
| has none                                       | a value           | is the caller's, and recorded as supplied |
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from policy_service.decisions.facts_reader import raw_text
from policy_service.errors import FactProblem
from policy_service.language.benchmark_set import BenchmarkSet
from policy_service.language.measure import parse_measure
from policy_service.language.policy import Fact, Policy
from policy_service.language.types import Value, format_value


@dataclass(frozen=True, slots=True)
class BenchmarkSlot:
    """The slot of a benchmark fact, and the facts that determine the subject's group."""

    slot: int
    policy: Policy
    fact: Fact
    groups: tuple[int, ...]


def benchmark_slots(policy: Policy) -> tuple[BenchmarkSlot, ...]:
    """Return the slots of a policy's benchmark facts that no other policy supplies."""
    names = list(policy.facts)
    return tuple(
        BenchmarkSlot(slot, policy, fact, tuple(map(names.index, parse_measure(fact.measure).groups)))
        for slot, fact in enumerate(policy.facts.values())
        if fact.measure is not None and fact.requirement is None
    )


def fill_figures(
    benchmarks: Iterable[BenchmarkSlot],
    slots: list[Value | None],
    benchmark_set: BenchmarkSet | None,
    problems: list[FactProblem],
) -> tuple[list[str], bool]:
    """Fill the benchmark slots of a subject; add contradicting values to `problems`.

    Returns the facts that the caller supplied, and whether a figure was used.
    """
    supplied, is_used = [], False
    for each in benchmarks:
        figure = benchmark_set.figure_for(each.policy, each.fact) if benchmark_set is not None else None
        words = [slots[group] for group in each.groups]
        value = figure.value_for(words, each.fact.type) if figure is not None else None
        given = slots[each.slot]
        if given is not None and given != value and (value is None or each.fact.replaceable):
            supplied.append(each.fact.name)
        elif value is not None:
            is_used = True
            slots[each.slot] = value
            if given not in {None, value}:
                problems.append(_contradiction(each.fact, given, value))
    return supplied, is_used


def _contradiction(fact: Fact, given: Value | None, value: Value) -> FactProblem:
    texts = [raw_text(None if each is None else format_value(fact.type, each)) for each in (given, value)]
    hint = "leave it out: the service fills it"
    return FactProblem(fact.name, "contradiction", texts[0], f"{texts[1]}, which the benchmark set in force says", hint)
