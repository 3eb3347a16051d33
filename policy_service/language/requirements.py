"""The requirements graph of policies (DMN 1.5 section 6, DRG). Cycles and type mismatches are errors.

A fact with `from: tiering/rfm_value.tier` takes an outcome of another policy. So the fact's type must accept every
value of the outcome's type.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from graphlib import CycleError, TopologicalSorter

from policy_service.language.acceptance import accepts
from policy_service.language.diagnostics import Code, Diagnostic, PolicyError, SourceSpan, did_you_mean
from policy_service.language.load import PolicyFolderError
from policy_service.language.measure import parse_measure
from policy_service.language.policy import Bilingual, Fact, Outcome, Policy, Requirement
from policy_service.language.source import find_node, read_source
from policy_service.language.types import describe_type


@dataclass(frozen=True, slots=True)
class Dependency:
    """An outcome of one policy used as a fact of another."""

    policy: str
    """The other policy."""
    title: Bilingual
    outcome: str
    fact: str


@dataclass(frozen=True, slots=True)
class Dependencies:
    """The neighbours of a policy in the graph."""

    upstream: tuple[Dependency, ...]
    """The policies it depends on."""
    downstream: tuple[Dependency, ...]
    """The policies that depend on it."""
    measures: tuple[tuple[str, str], ...]
    """Facts from the benchmark set, with their measures."""


def bind_figures(policies: Iterable[Policy]) -> tuple[Policy, ...]:
    """Return the policies, with benchmark facts bound to policies among them that hold the figures.

    A fact takes the outcome of the same measure from a policy about the same kind of subject, if its type accepts every
    value; of several policies, the first by name. An unbound fact is supplied by the caller.
    """
    policies = tuple(policies)
    figures: dict[tuple[str, str], list[tuple[Policy, Outcome]]] = {}
    for policy in sorted(policies, key=lambda each: each.id):
        for outcome in policy.outcomes.values():
            if outcome.measure is not None:
                figures.setdefault((policy.subject, outcome.measure), []).append((policy, outcome))
    return tuple(_bound(policy, figures) for policy in policies) if figures else policies


def _bound(policy: Policy, figures: Mapping[tuple[str, str], list[tuple[Policy, Outcome]]]) -> Policy:
    facts = {}
    for name, fact in policy.facts.items():
        if fact.measure is None:
            continue
        for source, outcome in figures.get((policy.subject, str(parse_measure(fact.measure))), ()):
            if accepts(fact.type, outcome.type, is_list=source.returns_list):
                facts[name] = replace(fact, requirement=Requirement(source.id, outcome.name))
                break
    return replace(policy, facts={**policy.facts, **facts}) if facts else policy


def topological_order(policies: Iterable[Policy], absent: Collection[str] = ()) -> tuple[Policy, ...]:
    """Return the policies in topological order, each after those it needs.

    `absent` are policies no longer in force: facts from them are missing, or supplied by the caller. Raises
    PolicyFolderError with the errors of every file, if a policy needs one that is missing or does not fit, or itself.
    """
    by_id: dict[str, Policy] = {}
    errors: dict[str, list[Diagnostic]] = {}
    policies = tuple(policies)
    for policy in policies:
        if policy.id in by_id:
            message = f"`{policy.id}` is there twice, as {by_id[policy.id].version} and {policy.version}"
            errors.setdefault(policy.id, []).append(
                Diagnostic(Code.DUPLICATE_VERSION, message, _span_at(policy, "policy"))
            )
        by_id[policy.id] = policy
    for policy in by_id.values():
        for fact in policy.facts.values():
            if (error := _requirement_error(policy, fact, by_id, absent)) is not None:
                errors.setdefault(policy.id, []).append(error)
    order = _order(by_id, errors)
    if errors:
        raise PolicyFolderError(
            [
                PolicyError(f"{id_}/{by_id[id_].version}.yaml", diagnostics, by_id[id_].text)
                for id_, diagnostics in errors.items()
            ]
        )
    return tuple(by_id[id_] for id_ in order)


def required_policies(policy: Policy) -> frozenset[str]:
    """Return the policies whose outcomes the policy uses."""
    return frozenset(fact.requirement.policy for fact in policy.facts.values() if fact.requirement)


def with_required_policies(policy: Policy, policies: Mapping[str, Policy]) -> list[Policy]:
    """Return the policy and all those it needs, directly or indirectly, each once."""
    chained = [policy]
    for each in chained:
        chained += [
            policies[name]
            for name in sorted(required_policies(each))
            if name in policies and policies[name] not in chained
        ]
    return chained


def facts_from(policy: Policy, source: str) -> tuple[Fact, ...]:
    """Return the facts that the policy takes from another."""
    return tuple(fact for fact in policy.facts.values() if fact.requirement and fact.requirement.policy == source)


def dependencies_of(name: str, policies: Mapping[str, Policy], active: Collection[str]) -> Dependencies:
    """Return the neighbours of a policy; only the `active` policies have dependencies."""
    policy = policies[name]
    return Dependencies(
        upstream=tuple(
            Dependency(source.id, source.title, fact.requirement.outcome, fact.name)
            for fact in policy.facts.values()
            if fact.requirement is not None and (source := policies.get(fact.requirement.policy)) is not None
        ),
        downstream=tuple(
            Dependency(other.id, other.title, fact.requirement.outcome, fact.name)
            for other in policies.values()
            if other.id in active
            for fact in facts_from(other, name)
            if fact.requirement is not None
        ),
        measures=tuple((fact.name, fact.measure) for fact in policy.facts.values() if fact.measure is not None),
    )


def _order(by_id: Mapping[str, Policy], errors: dict[str, list[Diagnostic]]) -> tuple[str, ...]:
    # Sorted, since the order of a set differs between processes.
    graph = {id_: sorted(required_policies(by_id[id_]) & by_id.keys()) for id_ in sorted(by_id)}
    try:
        return tuple(TopologicalSorter(graph).static_order())
    except CycleError as error:
        cycle: list[str] = error.args[1]
        policy = by_id[cycle[0]]
        fact = next(fact for fact in policy.facts.values() if fact.requirement and fact.requirement.policy in cycle)
        message = f"the policies need each other in a circle: {' → '.join(reversed(cycle))}"
        span = _span_at(policy, "facts", fact.name, "from")
        errors.setdefault(policy.id, []).append(Diagnostic(Code.REQUIREMENT_CYCLE, message, span))
        return ()


def _requirement_error(
    policy: Policy, fact: Fact, by_id: Mapping[str, Policy], absent: Collection[str]
) -> Diagnostic | None:
    """Return why the fact cannot come from its source, or None."""
    required = fact.requirement
    if required is None:
        return None

    def span() -> SourceSpan:  # parses the file, so it is only called for an error
        return _span_at(policy, "facts", fact.name, "from")

    source = by_id.get(required.policy)
    if source is None and required.policy in absent:
        return None
    if source is None:
        return Diagnostic(
            Code.UNKNOWN_POLICY,
            f"unknown policy `{required.policy}`",
            span(),
            did_you_mean(required.policy, by_id),
        )
    outcome = source.outcomes.get(required.outcome)
    if outcome is None:
        hint = did_you_mean(required.outcome, source.outcomes)
        return Diagnostic(Code.UNKNOWN_OUTCOME, f"`{source.id}` has no outcome `{required.outcome}`", span(), hint)
    if source.subject != policy.subject:
        message = f"`{source.id}` is about a {source.subject}, this policy about a {policy.subject}"
        return Diagnostic(Code.REQUIREMENT_MISMATCH, message, span())
    if not accepts(fact.type, outcome.type, is_list=source.returns_list):
        actual = f"a list of {describe_type(outcome.type)}" if source.returns_list else describe_type(outcome.type)
        message = f"`{fact.name}` takes {describe_type(fact.type)}; `{required.policy}.{required.outcome}` is {actual}"
        return Diagnostic(
            Code.REQUIREMENT_MISMATCH, message, span(), "the fact's type must take every value of the outcome"
        )
    return None


def _span_at(policy: Policy, *path: str) -> SourceSpan:
    root, _ = read_source(policy.id, policy.text.encode())
    return find_node(root, path).span
