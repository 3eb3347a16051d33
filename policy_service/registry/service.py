"""The registry service: loads rows, applies the model, adds rows, writes the log."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy
from sqlalchemy import Select
from sqlmodel import Session, col, func, select

from policy_service.actor import Actor
from policy_service.audit.events import (
    ActivationCancelled,
    ActivationRecorded,
    EndingCancelled,
    PolicyEnded,
    StopRecorded,
    VersionImported,
    VersionSubmitted,
)
from policy_service.audit.log import append
from policy_service.canonical import digest
from policy_service.clock import timestamp
from policy_service.database import Transaction, cached
from policy_service.errors import PolicyServiceError
from policy_service.integrity import DamagedRecord, reading_row
from policy_service.language.load import load_bytes, version_key
from policy_service.language.policy import Policy
from policy_service.messages import Message
from policy_service.registry.model import Activation, ActivationKind, Period, active_at, all_active_at
from policy_service.registry.tables import ActivationRow, CancellationRow, VersionRow

_SUSPENSION = sqlalchemy.table("suspension", sqlalchemy.column("id"), sqlalchemy.column("reason"))
"""The table of suspensions, which belong to a higher layer; read only for the reason of a stop."""
_COLUMNS: tuple[Any, ...] = (
    *(ActivationRow.seq, ActivationRow.id, ActivationRow.policy, ActivationRow.version, ActivationRow.digest),
    *(ActivationRow.kind, ActivationRow.effective_from, ActivationRow.effective_until, ActivationRow.recorded_at),
    *(CancellationRow.recorded_at, ActivationRow.change, ActivationRow.suspension, _SUSPENSION.c.reason),
)
_IS_STOP = sqlalchemy.and_(
    col(ActivationRow.kind) == ActivationKind.STOP, _SUSPENSION.c.id == col(ActivationRow.suspension)
)
_ALL_ACTIVATIONS: Select[Any] = (
    sqlalchemy.select(*_COLUMNS)
    .join_from(ActivationRow, CancellationRow, isouter=True)
    .join(_SUSPENSION, _IS_STOP, isouter=True)
)
"""Selects the activations by columns."""


_EVENT_TYPES: Mapping[ActivationKind, type[ActivationRecorded | PolicyEnded | StopRecorded]] = {
    ActivationKind.ENDING: PolicyEnded,
    ActivationKind.STOP: StopRecorded,
}
"""The events of activations that put nothing in force."""


class VersionTaken(ValueError):
    """The version number belongs to another text, which cannot be edited."""


class UnknownVersion(PolicyServiceError, LookupError):
    """The registry holds no such version."""

    kind = "damaged-record"

    @property
    def detail(self) -> str:
        """Return the message that something on record names a missing version."""
        return Message("What is on record names a version that is not there: {fault}.", fault=str(self))


class AlreadyInForce(ValueError):
    """The activation has begun: what was in force cannot be cancelled, only superseded."""


def activations(
    session: Session, policy: str | None = None, *, without: Collection[int] = ()
) -> tuple[Activation, ...]:
    """Return all recorded activations, of one policy or of all, excluding some numbers, in order of recording."""
    if without:
        return _activations(session, _ALL_ACTIVATIONS.where(col(ActivationRow.seq).not_in(without)))
    if policy is None:
        return cached(session, "activations", lambda session: _activations(session, _ALL_ACTIVATIONS))
    return _activations(session, _ALL_ACTIVATIONS.where(col(ActivationRow.policy) == policy))


def versions(session: Session, policy: str | None = None) -> list[VersionRow]:
    """Return the versions of a policy, or of all of them, by name and number."""
    query = select(VersionRow)
    rows = session.exec(query if policy is None else query.where(VersionRow.policy == policy))
    return sorted(rows, key=lambda row: (row.policy, version_key(row.version)))


def policy_names(session: Session) -> tuple[str, ...]:
    """Return the names of all policies that have a version, in their order."""
    return tuple(session.exec(select(VersionRow.policy).distinct().order_by(col(VersionRow.policy))))


def read_version(session: Session, policy: str, version: str, expected_digest: str | None = None) -> VersionRow:
    """Return one version. Raises UnknownVersion, and DamagedRecord when its digest is not `expected_digest`."""
    query = select(VersionRow).where(VersionRow.policy == policy, VersionRow.version == version)
    row = session.exec(query).first()
    if row is None:
        raise UnknownVersion(Message("{policy} has no version {version}", policy=policy, version=version))
    if expected_digest is not None and row.digest != expected_digest:
        raise DamagedRecord("version", row.digest)
    return row


def load_version(session: Session, version_digest: str) -> Policy:
    """Return the policy with a digest. Raises UnknownVersion."""
    row = _version_row(session, version_digest)
    return load_bytes(row.content, f"{row.policy}/{row.version}.yaml")


def version_text(session: Session, version_digest: str) -> bytes:
    """Return the bytes with a digest. Raises UnknownVersion."""
    return _version_row(session, version_digest).content


def _version_row(session: Session, version_digest: str) -> VersionRow:
    row = session.get(VersionRow, version_digest)
    if row is None:
        raise UnknownVersion(Message("no version has the digest {digest}", digest=version_digest))
    with reading_row("version", version_digest):
        if digest(row.content) != version_digest:
            raise ValueError(version_digest)
    return row


def activation_in_force(session: Session, policy: str, at: datetime) -> Activation | None:
    """Return the activation of a policy at an instant, as recorded then; None when nothing is in force."""
    return active_at(activations(session, policy), policy, at, at)


def activations_in_force(session: Session, at: datetime) -> dict[str, Activation]:
    """Return the activation of every policy in force at an instant, as recorded then, by name."""
    return all_active_at(activations(session), at, at)


def policies_in_force(session: Session, at: datetime) -> dict[str, Policy]:
    """Return every policy in force at an instant, by name; for a stopped one, the suspended version."""
    return {name: load_version(session, each.digest) for name, each in activations_in_force(session, at).items()}


def record_version(
    transaction: Transaction, actor: Actor, content: bytes, *, change: str | None, policy: Policy | None = None
) -> Policy:
    """Freeze a version's text, as imported if it has no change; idempotent for the same text.

    `policy` is the parsed text or its head, if available. Raises PolicyError, VersionTaken.
    """
    if policy is None or policy.digest != digest(content):
        policy = load_bytes(content)
    session = transaction.session
    existing = session.exec(
        select(VersionRow).where(VersionRow.policy == policy.id, VersionRow.version == policy.version)
    ).first()
    if existing is not None:
        if existing.digest != policy.digest:
            raise VersionTaken(
                Message(
                    "{policy} {version} was submitted before with another text, which is never edited: "
                    "give this text a higher version",
                    policy=policy.id,
                    version=policy.version,
                )
            )
        return policy
    session.add(
        VersionRow(
            digest=policy.digest,
            policy=policy.id,
            version=policy.version,
            content=content,
            recorded_at=transaction.now,
            submitted_by=actor.id,
            change=change,
        )
    )
    session.flush()
    event = (
        VersionImported(policy.id, policy.version, policy.digest)
        if change is None
        else VersionSubmitted(policy.id, policy.version, policy.digest, change)
    )
    append(transaction, actor, event)
    return policy


def activate(  # noqa: PLR0913  # what an activation says
    transaction: Transaction,
    actor: Actor,
    version: VersionRow,
    effective: Period,
    kind: ActivationKind,
    *,
    change: str | None = None,
    suspension: str | None = None,
) -> Activation:
    """Record that a version is in force over a period, or, by the kind, that none is."""
    session = transaction.session
    row = ActivationRow(
        seq=(session.exec(select(func.max(ActivationRow.seq))).one() or 0) + 1,
        id=transaction.new_id(),
        policy=version.policy,
        version=version.version,
        digest=version.digest,
        kind=kind,
        effective_from=effective.start,
        effective_until=effective.until,
        recorded_at=transaction.now,
        change=change,
        suspension=suspension,
    )
    session.add(row)
    session.flush()
    until = timestamp(effective.until) if effective.until else None
    event_type = _EVENT_TYPES.get(kind, ActivationRecorded)
    event = event_type(
        version.policy,
        version.version,
        version.digest,
        row.id,
        kind,
        timestamp(effective.start),
        until,
        change,
        suspension,
    )
    append(transaction, actor, event)
    return _activation(row)


def describe_ending(ending: Activation) -> Message:
    """Return a clause that says which change ended a policy, and from when."""
    return Message(
        "it was ended by the change {change} from {start}",
        change=ending.change or "",
        start=timestamp(ending.effective.start),
    )


def cancel(transaction: Transaction, actor: Actor, activation: Activation) -> None:
    """Cancel an activation that has not begun. Raises AlreadyInForce."""
    if activation.effective.start <= transaction.now:
        raise AlreadyInForce(
            Message("{policy} {version} is in force already", policy=activation.policy, version=activation.version)
        )
    record_cancellation(transaction, actor, activation)


def end_activation(transaction: Transaction, actor: Actor, activation: Activation) -> None:
    """End an activation that has begun now.

    It is cancelled, and recorded again up to now: the history is unchanged, and from now on the other activations
    apply.
    """
    record_cancellation(transaction, actor, activation)
    start, now = activation.effective.start, transaction.now
    if start < now:
        version_name = (activation.policy, activation.version, activation.digest)
        row = read_version(transaction.session, *version_name)
        origin = {"change": activation.change, "suspension": activation.suspension}
        activate(transaction, actor, row, Period(start, now), activation.kind, **origin)


def record_cancellation(transaction: Transaction, actor: Actor, activation: Activation) -> None:
    """Cancel an activation, begun or not; for one that began, the caller records its replacement."""
    session = transaction.session
    session.add(CancellationRow(activation=activation.id, recorded_at=transaction.now))
    session.flush()
    start = timestamp(activation.effective.start)
    event_type = EndingCancelled if activation.is_ending else ActivationCancelled
    append(
        transaction, actor, event_type(activation.policy, activation.version, activation.id, start, activation.change)
    )


def _activations(session: Session, query: Select[Any]) -> tuple[Activation, ...]:
    """Return the activations of some rows, read as columns, since there are thousands."""
    return tuple(
        Activation(seq, id_, policy, version, digest, _kind(id_, kind), Period(start, until), recorded_at, *others)
        for seq, id_, policy, version, digest, kind, start, until, recorded_at, *others in session.execute(
            query.order_by(col(ActivationRow.seq))
        )
    )


def _kind(id_: str, kind: str) -> ActivationKind:
    with reading_row("activation", id_):
        return ActivationKind(kind)


def _activation(row: ActivationRow) -> Activation:
    return Activation(
        seq=row.seq,
        id=row.id,
        policy=row.policy,
        version=row.version,
        digest=row.digest,
        kind=_kind(row.id, row.kind),
        effective=Period(row.effective_from, row.effective_until),
        recorded_at=row.recorded_at,
        cancelled_at=None,
        change=row.change,
        suspension=row.suspension,
    )
