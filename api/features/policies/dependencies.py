"""Which policies a policy needs, and which need it, by the versions in force (DMN 1.5 section 6, DRG)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from policy_service.language.policy import Bilingual, Policy
from policy_service.registry.catalogue import Catalogue
from policy_service.registry.snapshot import RegistrySnapshot


@dataclass(frozen=True, slots=True)
class Dependency:
    """An outcome of one policy that is a fact of another."""

    policy: str
    """The other policy."""
    title: Bilingual
    outcome: str
    fact: str

    @property
    def address(self) -> str:
        """The address of the other policy."""
        return f"/policies/{self.policy}"


@dataclass(frozen=True, slots=True)
class Dependencies:
    """The neighbours of a policy in the graph."""

    upstream: tuple[Dependency, ...]
    downstream: tuple[Dependency, ...]
    measures: tuple[tuple[str, str], ...]
    """Facts that come from the benchmark set, and what they measure."""


def read_dependencies(
    catalogue: Catalogue, snapshot: RegistrySnapshot, session: Session, name: str, now: datetime
) -> Dependencies:
    """The neighbours of a policy."""
    active = {each: piece[1].digest for each in snapshot.versions if (piece := snapshot.active(each, now))}
    newest = {each: versions[0].digest for each, versions in snapshot.versions.items()}
    policies = {each: catalogue.load(session, active.get(each, newest[each])) for each in sorted(newest)}
    return dependencies_of(name, policies, frozenset(active))


def dependencies_of(name: str, policies: dict[str, Policy], active: frozenset[str]) -> Dependencies:
    """The neighbours of a policy among others; only what is in force needs anything."""
    policy = policies[name]
    required = [(fact.name, fact.requirement) for fact in policy.facts.values() if fact.requirement is not None]
    return Dependencies(
        upstream=tuple(
            Dependency(each.policy, policies[each.policy].title, each.outcome, fact)
            for fact, each in required
            if each.policy in policies
        ),
        downstream=tuple(
            Dependency(other.id, other.title, fact.requirement.outcome, fact.name)
            for other in policies.values()
            if other.id in active
            for fact in other.facts.values()
            if fact.requirement is not None and fact.requirement.policy == name
        ),
        measures=tuple((fact.name, fact.measure) for fact in policy.facts.values() if fact.measure is not None),
    )
