"""Provenance of a version: the change, rollback, suspension or set-up that put it in force, and the signatures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlmodel import Session

from policy_service.actor import Role
from policy_service.approval.change import Action, Change, Meaning, Person
from policy_service.approval.store import read_changes
from policy_service.approval.suspension import Suspension
from policy_service.approval.suspension_queries import read_suspension
from policy_service.registry.model import Activation, ActivationKind
from policy_service.registry.service import activations
from policy_service.registry.snapshot import Version

MAX_ORIGINS = 100
"""Maximum number of activations read, the newest."""
MAX_SHOWN = 10
"""Maximum number of activations whose changes and suspensions are summarised."""


class SuspensionMeaning(StrEnum):
    """The meaning of a signature on a suspension."""

    SUSPENDS = "suspends"
    """I suspend the version that was in force."""
    RATIFIES = "ratifies"
    """I ratify the suspension."""


@dataclass(frozen=True, slots=True)
class RecordedSignature:
    """One recorded signature (21 CFR 11.50): person, role, time, meaning and reason."""

    by: Person
    role: Role
    at: datetime
    meaning: Meaning | SuspensionMeaning
    reason: str


@dataclass(frozen=True, slots=True)
class SignedChange:
    """A summary of a change, with the signatures on the last submission."""

    id: str
    title: str
    author: Person
    submitted_by: Person | None
    signatures: tuple[RecordedSignature, ...]


@dataclass(frozen=True, slots=True)
class ActivationOrigin:
    """The origin of an activation; neither a change nor a suspension if it was imported at set-up."""

    activation: Activation
    change: SignedChange | None
    suspension: Suspension | None

    @property
    def title(self) -> str | None:
        """The title of the change."""
        return self.change.title if self.change else None

    @property
    def signatures(self) -> tuple[RecordedSignature, ...]:
        """The signatures on the change or suspension."""
        if self.change is not None:
            return self.change.signatures
        return _suspension_signatures(self.suspension) if self.suspension is not None else ()


@dataclass(frozen=True, slots=True)
class VersionProvenance:
    """The provenance of a version: the change that submitted it, None if imported, and each activation."""

    version: Version
    submission: SignedChange | None
    origins: tuple[ActivationOrigin, ...]
    """The newest first, without those cancelled before they began."""

    @property
    def changes(self) -> tuple[SignedChange, ...]:
        """The changes that submitted it or recently put it in force, oldest first."""
        origins = (each.change for each in self.origins[:MAX_SHOWN])
        changes = {each.id: each for each in (self.submission, *origins) if each}
        return tuple(changes[name] for name in sorted(changes))

    @property
    def suspensions(self) -> tuple[tuple[str, tuple[RecordedSignature, ...]], ...]:
        """The suspensions of other versions that recently put it in force, oldest first, with their signatures."""
        origins = self.origins[:MAX_SHOWN][::-1]
        return tuple({each.suspension.id: each.signatures for each in origins if each.suspension}.items())

    @property
    def is_imported(self) -> bool:
        """True if it was imported at set-up, and not signed here since."""
        is_signed = any(each.change and each.activation.kind is ActivationKind.INITIAL for each in self.origins)
        return self.version.change is None and not is_signed


def read_provenance(session: Session, version: Version) -> VersionProvenance:
    """Return the provenance of a version."""
    recorded = [
        each
        for each in activations(session, version.policy)
        if each.digest == version.digest and not each.is_ending and not each.is_stop and each.cancelled_at is None
    ][: -MAX_ORIGINS - 1 : -1]
    origins = activation_origins(session, recorded)
    submissions = read_signed_changes(session, [version.change])
    return VersionProvenance(
        version, submissions.get(version.change or ""), tuple(origins[each.id] for each in recorded)
    )


def activation_origins(session: Session, activations: Iterable[Activation]) -> dict[str, ActivationOrigin]:
    """Return the origins of activations, by identifier."""
    recorded = list(activations)
    changes = read_signed_changes(session, (each.change for each in recorded))
    names = sorted({each.suspension for each in recorded if each.suspension is not None})
    suspensions = {name: read_suspension(session, name) for name in names}
    return {
        each.id: ActivationOrigin(each, changes.get(each.change or ""), suspensions.get(each.suspension or ""))
        for each in recorded
    }


def read_signed_changes(session: Session, names: Iterable[str | None]) -> Mapping[str, SignedChange]:
    """Return the changes with these identifiers, oldest first; None is skipped."""
    identifiers = {name for name in names if name is not None}
    return {change.id: signed_change(change) for change in read_changes(session, identifiers)} if identifiers else {}


def signed_change(change: Change) -> SignedChange:
    """Return the summary of a change, with its signatures."""
    submitters = [acted.by for acted in change.actions if acted.action is Action.SUBMIT]
    signatures = tuple(
        RecordedSignature(each.by, each.role, each.at, each.meaning, each.reason)
        for each in change.signatures
        if each.role is not None and each.meaning is not None
    )
    return SignedChange(change.id, change.title, change.author, submitters[-1] if submitters else None, signatures)


def _suspension_signatures(suspension: Suspension) -> tuple[RecordedSignature, ...]:
    signatures = (
        (SuspensionMeaning.SUSPENDS, suspension.signature),
        (SuspensionMeaning.RATIFIES, suspension.ratification),
    )
    return tuple(
        RecordedSignature(each.by, each.role, each.at, meaning, each.reason)
        for meaning, each in signatures
        if each is not None
    )
