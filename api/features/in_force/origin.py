"""What put a version in force: a change, a rollback, a suspension or the set-up; and who signed it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from api.kit.vocabulary import enum_label
from policy_service.actor import Role
from policy_service.approval.service import Change, Suspension, read_suspension
from policy_service.approval.store import read_changes
from policy_service.messages import Message
from policy_service.registry.model import Activation, ActivationKind, Period


@dataclass(frozen=True, slots=True)
class SignatureView:
    """One signature, as the record shows it: who, in which role, when, what it says, and why."""

    printed_name: str
    role: Role
    at: datetime
    meaning: str
    reason: str


@dataclass(frozen=True, slots=True)
class ActivationOrigin:
    """Why a version was in force."""

    kind: ActivationKind
    effective: Period
    """The period that was asked for; another version may have ended it before."""
    recorded_at: datetime
    change: str | None
    suspension: str | None
    title: str | None
    """Of the change."""
    signatures: tuple[SignatureView, ...]


def activation_origin(session: Session, activation: Activation) -> ActivationOrigin:
    """What put one version in force."""
    return activation_origins(session, [activation])[activation.id]


def activation_origins(session: Session, activations: Iterable[Activation]) -> dict[str, ActivationOrigin]:
    """What put versions in force, by the identifiers of the activations."""
    recorded = list(activations)
    changes = {change.id: change for change in read_changes(session, filter(None, (each.change for each in recorded)))}
    names = sorted({each.suspension for each in recorded if each.suspension is not None})
    suspensions = {name: read_suspension(session, name) for name in names}
    return {each.id: _origin(each, changes, suspensions) for each in recorded}


def _origin(
    activation: Activation, changes: Mapping[str, Change], suspensions: Mapping[str, Suspension]
) -> ActivationOrigin:
    change = changes.get(activation.change or "")
    suspension = suspensions.get(activation.suspension or "")
    signatures = _change_signatures(change) if change else _suspension_signatures(suspension) if suspension else ()
    return ActivationOrigin(
        kind=activation.kind,
        effective=activation.effective,
        recorded_at=activation.recorded_at,
        change=activation.change,
        suspension=activation.suspension,
        title=change.draft.title if change else None,
        signatures=tuple(signatures),
    )


def _change_signatures(change: Change) -> list[SignatureView]:
    return [
        SignatureView(each.by.printed_name, each.role, each.at, enum_label(each.meaning), each.reason)
        for each in change.signatures
        if each.role is not None and each.meaning is not None
    ]


def _suspension_signatures(suspension: Suspension) -> list[SignatureView]:
    signatures = (
        (Message("I suspend the version that was in force."), suspension.signature),
        (Message("I ratify the suspension."), suspension.ratification),
    )
    return [
        SignatureView(signature.by.printed_name, signature.role, signature.at, meaning, signature.reason)
        for meaning, signature in signatures
        if signature is not None
    ]
