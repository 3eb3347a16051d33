"""The newest activations that have begun, and those that end soon, without reading the others."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from policy_service.integrity import reading_row
from policy_service.registry.model import ActivationKind
from policy_service.registry.tables import ActivationRow, CancellationRow


@dataclass(frozen=True, slots=True)
class RecentActivation:
    """A version that came into force; with the kind `stop`, one that went out of force without a replacement."""

    policy: str
    version: str
    kind: ActivationKind
    at: datetime
    change: str | None
    suspension: str | None


def recent_activations(session: Session, now: datetime, *, limit: int = 10) -> tuple[RecentActivation, ...]:
    """Return the newest activations that have begun, newest first, without those cancelled before they began."""
    cancelled = select(CancellationRow.activation).where(CancellationRow.activation == ActivationRow.id).exists()
    query = (
        select(ActivationRow)
        .where(col(ActivationRow.effective_from) <= now, ~cancelled)
        .order_by(col(ActivationRow.effective_from).desc(), col(ActivationRow.seq).desc())
        .limit(limit)
    )
    return tuple(
        RecentActivation(row.policy, row.version, _kind(row), row.effective_from, row.change, row.suspension)
        for row in session.exec(query)
    )


@dataclass(frozen=True, slots=True)
class EndingActivation:
    """A version that goes out of force by itself."""

    policy: str
    version: str
    until: datetime


def ending_activations(
    session: Session, now: datetime, until: datetime, *, limit: int = 10
) -> tuple[EndingActivation, ...]:
    """Return the activations that end after now and until an instant, the first end first; without suspensions."""
    cancelled = select(CancellationRow.activation).where(CancellationRow.activation == ActivationRow.id).exists()
    end = col(ActivationRow.effective_until)
    query = (
        select(ActivationRow)
        .where(end > now, end <= until, col(ActivationRow.suspension).is_(None), ~cancelled)
        .order_by(end, col(ActivationRow.seq))
        .limit(limit)
    )
    return tuple(
        EndingActivation(row.policy, row.version, row.effective_until)
        for row in session.exec(query)
        if row.effective_until is not None
    )


def _kind(row: ActivationRow) -> ActivationKind:
    with reading_row("activation", row.id):
        return ActivationKind(row.kind)
