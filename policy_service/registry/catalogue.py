"""Looks up and lists the versions in the registry, and when each is in force.

A version never changes, so each is parsed once and cached (`policy_cache`); the list of versions is cached until one is
added (`snapshot`).
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlmodel import Session

from policy_service.language.policy import Policy
from policy_service.language.requirements import Dependencies, dependencies_of
from policy_service.messages import Message
from policy_service.registry import policy_cache
from policy_service.registry.model import Activation, active_at, all_endings_at, ending_at
from policy_service.registry.service import activations, activations_in_force, describe_ending
from policy_service.registry.snapshot import RegistrySnapshot, SnapshotCache, UnknownPolicy, versions_hint


class Catalogue:
    """Policies by name and version; `hidden` are the digests of versions hidden from the reader."""

    def __init__(self) -> None:
        self._snapshots = SnapshotCache()

    def snapshot(self, session: Session, hidden: Collection[str] = ()) -> RegistrySnapshot:
        """Return the versions, and when each is in force."""
        return self._snapshots.read(session, hidden)

    @staticmethod
    def load(session: Session, digest: str) -> Policy:
        """Return the version with a digest that is known to be in the registry."""
        return policy_cache.load(session, digest)

    def in_force(self, session: Session, now: datetime) -> dict[str, Policy]:
        """Return the version in force of every policy that has one, by name, in order of names.

        For a stopped policy this is the suspended version, since callers still send its facts.
        """
        active = activations_in_force(session, now)
        return {name: self.load(session, each.digest) for name, each in active.items()}

    @staticmethod
    def heads_in_force(session: Session, now: datetime) -> dict[str, Policy]:
        """Return their heads, without rules: fast if these are cached."""
        active = activations_in_force(session, now)
        return {name: policy_cache.load_head(session, each.digest) for name, each in active.items()}

    @staticmethod
    def ended_policies(session: Session, now: datetime) -> dict[str, Activation]:
        """Return the ended policies by name, each with the activation that ended it."""
        return all_endings_at(activations(session), now, now)

    def version_in_force(self, session: Session, name: str, now: datetime) -> Policy:
        """Return a policy's version in force. Raises UnknownPolicy if there is none, or it is suspended."""
        active = active_at(activations(session), name, now, now)
        if active is not None and active.is_stop:
            message = Message(
                "`{policy}` is suspended, and no version applies: {reason}", policy=name, reason=active.reason
            )
            raise UnknownPolicy(message, versions_hint(self.snapshot(session).versions_of(name)))
        return self.declaring_version(session, name, now)

    def declaring_version(self, session: Session, name: str, now: datetime) -> Policy:
        """Return the version that declares which facts a caller sends, even while the policy is suspended."""
        versions = self.snapshot(session).versions_of(name)
        recorded = activations(session)
        active = active_at(recorded, name, now, now)
        if active is None:
            ending = ending_at(recorded, name, now, now)
            message = (
                Message("`{policy}` is not in force", policy=name)
                if ending is None
                else Message("`{policy}` is not in force: {why}", policy=name, why=describe_ending(ending))
            )
            raise UnknownPolicy(message, versions_hint(versions))
        return self.load(session, active.digest)

    def dependencies(self, session: Session, snapshot: RegistrySnapshot, name: str, now: datetime) -> Dependencies:
        """Return a policy's dependencies and dependents, among the versions in force. Raises UnknownPolicy.

        A policy that is not in force is shown by its newest version, without dependencies.
        """
        snapshot.versions_of(name)
        active = {each: piece[1].digest for each in snapshot.versions if (piece := snapshot.active(each, now))}
        newest = {each: versions[0].digest for each, versions in snapshot.versions.items()}
        policies = {each: self.load(session, active.get(each, newest[each])) for each in sorted(newest)}
        return dependencies_of(name, policies, active)
