"""What put a version in force: a change, a rollback, a suspension or the set-up; and who signed it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from api.pages.vocabulary import name_of
from policy_service.actor import Role
from policy_service.approval.service import Change, Suspension, read_suspension
from policy_service.approval.store import changes_named
from policy_service.registry.model import Activation, ActivationKind, Period
from policy_service.sentences import Sentence


@dataclass(frozen=True, slots=True)
class Signed:
    """One signature, as the record shows it: who, in which role, when, what it says, and why."""

    printed_name: str
    role: Role
    at: datetime
    meaning: str
    reason: str


@dataclass(frozen=True, slots=True)
class Standing:
    """Why a version was in force."""

    kind: ActivationKind
    effective: Period
    """The period that was asked for; another version may have ended it before."""
    recorded_at: datetime
    change: str | None
    suspension: str | None
    title: str | None
    """Of the change."""
    signatures: tuple[Signed, ...]


def standing_of(session: Session, activation: Activation) -> Standing:
    """What put one version in force."""
    return standings(session, [activation])[activation.id]


def standings(session: Session, activations: Iterable[Activation]) -> dict[str, Standing]:
    """What put versions in force, by the identifiers of the activations."""
    listed = list(activations)
    changes = {change.id: change for change in changes_named(session, filter(None, (each.change for each in listed)))}
    names = sorted({each.suspension for each in listed if each.suspension is not None})
    suspensions = {name: read_suspension(session, name) for name in names}
    return {each.id: _standing(each, changes, suspensions) for each in listed}


def _standing(activation: Activation, changes: Mapping[str, Change], suspensions: Mapping[str, Suspension]) -> Standing:
    change = changes.get(activation.change or "")
    suspension = suspensions.get(activation.suspension or "")
    signatures = _of_change(change) if change else _of_suspension(suspension) if suspension else ()
    return Standing(
        kind=activation.kind,
        effective=activation.effective,
        recorded_at=activation.recorded_at,
        change=activation.change,
        suspension=activation.suspension,
        title=change.draft.title if change else None,
        signatures=tuple(signatures),
    )


def _of_change(change: Change) -> list[Signed]:
    return [
        Signed(each.by.printed_name, each.role, each.at, name_of(each.meaning), each.reason)
        for each in change.signatures
        if each.role is not None and each.meaning is not None
    ]


def _of_suspension(suspension: Suspension) -> list[Signed]:
    said = (
        (Sentence("I suspend the version that was in force."), suspension.signed),
        (Sentence("I ratify the suspension."), suspension.ratified),
    )
    return [
        Signed(signature.by.printed_name, signature.role, signature.at, meaning, signature.reason)
        for meaning, signature in said
        if signature is not None
    ]
