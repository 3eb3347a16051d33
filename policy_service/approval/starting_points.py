"""Starting points of a change: a policy's version in force, a new policy, or versions to roll back to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from policy_service.language.file_text import SAMPLE, next_version, with_version
from policy_service.language.load import version_key
from policy_service.language.policy import Bilingual
from policy_service.registry.catalogue import Catalogue
from policy_service.registry.model import all_active_at
from policy_service.registry.service import activation_in_force, activations, version_text, versions

MAX_OFFERED = 50
"""Maximum number of versions offered for a rollback, the newest; a link may name an older one."""
PolicyVersion = tuple[str, str]
"""A policy and one of its version numbers."""
NEW = "new"
"""The starting point for a new policy."""


@dataclass(frozen=True, slots=True)
class StartingPoint:
    """A policy in force, from which a change can begin."""

    policy: str
    version: str
    title: Bilingual


@dataclass(frozen=True, slots=True)
class RollbackOptions:
    """A policy, and its earlier versions in force."""

    policy: str
    versions: tuple[str, ...]
    """The newest first."""
    active: str | None
    """The one in force now."""

    @property
    def is_possible(self) -> bool:
        """True if there is another version than the one in force."""
        return any(version != self.active for version in self.versions)


def starting_points(catalogue: Catalogue, session: Session, now: datetime) -> tuple[StartingPoint, ...]:
    """Return the policies in force, by name."""
    policies = catalogue.heads_in_force(session, now)
    return tuple(StartingPoint(name, policy.version, policy.title) for name, policy in policies.items())


def starting_text(session: Session, name: str, now: datetime) -> bytes | None:
    """Return the policy file in force with the next version number; None if none is in force."""
    if name == NEW:
        return SAMPLE
    active = activation_in_force(session, name, now)
    if active is None:
        return None
    numbers = [each.version for each in versions(session, name)]
    return with_version(version_text(session, active.digest), next_version(numbers))


def rollback_options(
    session: Session, now: datetime, selected: Iterable[PolicyVersion] = ()
) -> tuple[RollbackOptions, ...]:
    """Return the policies ever in force, by name, with their newest versions and the selected ones."""
    recorded = [each for each in activations(session) if each.is_known_at(now) and each.effective.start <= now]
    active = all_active_at(recorded, now, now)
    in_force_once: dict[str, set[str]] = {}
    for each in (each for each in recorded if not each.is_ending):
        in_force_once.setdefault(each.policy, set()).add(each.version)
    selected_versions = set(selected)
    return tuple(
        RollbackOptions(
            name,
            _offered_versions(name, in_force_once[name], selected_versions),
            active[name].version if name in active and not active[name].is_stop else None,
        )
        for name in sorted(in_force_once)
    )


def _offered_versions(name: str, versions: set[str], selected: set[PolicyVersion]) -> tuple[str, ...]:
    """Return the offered versions, newest first; an older one only if it was selected."""
    ordered = sorted(versions, key=version_key, reverse=True)
    return (*ordered[:MAX_OFFERED], *(each for each in ordered[MAX_OFFERED:] if (name, each) in selected))
