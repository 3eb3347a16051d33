"""Which policies need which: the requirements graph (DMN 1.5 section 6, DRG). Circles and mismatches are refused.

A fact with `from: tiering/rfm_value.tier` takes an outcome of another policy. So that it always can, the fact's type
must take every value of the outcome's.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from graphlib import CycleError, TopologicalSorter

from policy_service.language.diagnostics import Code, Diagnostic, Place, PolicyError, did_you_mean
from policy_service.language.load import PolicyFolderError
from policy_service.language.policy import Fact, Policy
from policy_service.language.source import find, read_source
from policy_service.language.types import (
    ChoiceType,
    DateType,
    DurationType,
    NumberType,
    TagsType,
    Type,
    describe,
)


def in_stages(policies: Iterable[Policy], absent: Collection[str] = ()) -> tuple[Policy, ...]:
    """The policies in an order in which each stands after those it needs.

    `absent` are policies that were in force and are not any more: facts from them are missing, or supplied by the
    caller. Raises PolicyFolderError, with the faults of every file, when one needs what is not there, what does not
    fit, or itself.
    """
    by_id: dict[str, Policy] = {}
    faults: dict[str, list[Diagnostic]] = {}
    policies = tuple(policies)
    for policy in policies:
        if policy.id in by_id:
            message = f"`{policy.id}` is there twice, as {by_id[policy.id].version} and {policy.version}"
            faults.setdefault(policy.id, []).append(
                Diagnostic(Code.DUPLICATE_VERSION, message, _place(policy, "policy"))
            )
        by_id[policy.id] = policy
    for policy in by_id.values():
        for fact in policy.facts.values():
            if (found := _fault(policy, fact, by_id, absent)) is not None:
                faults.setdefault(policy.id, []).append(found)
    order = _order(by_id, faults)
    if faults:
        raise PolicyFolderError(
            [PolicyError(f"{id_}/{by_id[id_].version}.yaml", found, by_id[id_].text) for id_, found in faults.items()]
        )
    return tuple(by_id[id_] for id_ in order)


def needed(policy: Policy) -> frozenset[str]:
    """The policies whose outcomes the policy takes."""
    return frozenset(fact.requirement.policy for fact in policy.facts.values() if fact.requirement)


def needs_of(policy: Policy, source: str) -> tuple[Fact, ...]:
    """The facts that the policy takes from another."""
    return tuple(fact for fact in policy.facts.values() if fact.requirement and fact.requirement.policy == source)


def _order(by_id: Mapping[str, Policy], faults: dict[str, list[Diagnostic]]) -> tuple[str, ...]:
    graph = {id_: needed(policy) & by_id.keys() for id_, policy in by_id.items()}
    try:
        return tuple(TopologicalSorter(graph).static_order())
    except CycleError as error:
        circle: list[str] = error.args[1]
        policy = by_id[circle[0]]
        fact = next(fact for fact in policy.facts.values() if fact.requirement and fact.requirement.policy in circle)
        message = f"the policies need each other in a circle: {' → '.join(reversed(circle))}"
        place = _place(policy, "facts", fact.name, "from")
        faults.setdefault(policy.id, []).append(Diagnostic(Code.REQUIREMENT_CYCLE, message, place))
        return ()


def _fault(policy: Policy, fact: Fact, by_id: Mapping[str, Policy], absent: Collection[str]) -> Diagnostic | None:
    """Why the fact cannot come from where it says, or None."""
    required = fact.requirement
    if required is None:
        return None

    def place() -> Place:  # which reads the file, and is asked for only where there is a fault
        return _place(policy, "facts", fact.name, "from")

    source = by_id.get(required.policy)
    if source is None and required.policy in absent:
        return None
    if source is None:
        return Diagnostic(
            Code.UNKNOWN_POLICY,
            f"unknown policy `{required.policy}`",
            place(),
            did_you_mean(required.policy, by_id),
        )
    outcome = source.outcomes.get(required.outcome)
    if outcome is None:
        hint = did_you_mean(required.outcome, source.outcomes)
        return Diagnostic(Code.UNKNOWN_OUTCOME, f"`{source.id}` has no outcome `{required.outcome}`", place(), hint)
    if source.subject != policy.subject:
        message = f"`{source.id}` is about a {source.subject}, this policy about a {policy.subject}"
        return Diagnostic(Code.REQUIREMENT_MISMATCH, message, place())
    if not takes(fact.type, outcome.type, listed=source.lists):
        given = f"a list of {describe(outcome.type)}" if source.lists else describe(outcome.type)
        message = f"`{fact.name}` takes {describe(fact.type)}; `{required.policy}.{required.outcome}` is {given}"
        return Diagnostic(
            Code.REQUIREMENT_MISMATCH, message, place(), "the fact's type must take every value of the outcome"
        )
    return None


def takes(fact: Type, outcome: Type, *, listed: bool) -> bool:
    """Whether a fact can take every value an outcome can have; a listed choice becomes tags."""
    match fact, outcome:
        case TagsType(), ChoiceType() if listed:
            return set(outcome.of) <= set(fact.of)
        case _ if listed:
            return False
        case ChoiceType(of=taken), ChoiceType(of=given):
            return set(given) <= set(taken)
        case TagsType(of=taken), TagsType(of=given):
            return set(given) <= set(taken)
        case NumberType(), NumberType():
            same = (fact.kind, fact.scale, fact.currency) == (outcome.kind, outcome.scale, outcome.currency)
            return same and fact.low <= outcome.low and outcome.high <= fact.high
        case DateType(low=low, high=high), DateType():
            return low <= outcome.low and outcome.high <= high
        case DurationType(low=low, high=high), DurationType():
            return low <= outcome.low and outcome.high <= high
        case _:
            return type(fact) is type(outcome)


def _place(policy: Policy, *path: str) -> Place:
    root, _ = read_source(policy.id, policy.text.encode())
    return find(root, path).place
