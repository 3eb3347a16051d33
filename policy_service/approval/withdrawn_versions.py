"""Withdrawn versions: submitted, then sent back, withdrawn or rejected; hidden from those who may not read changes."""

from __future__ import annotations

from sqlmodel import Session, col, select

from policy_service.approval.change import ChangeState
from policy_service.approval.store import read_changes
from policy_service.database import cached
from policy_service.registry.tables import ActivationRow, VersionRow

WITHDRAWN_STATES = frozenset(
    {ChangeState.DRAFT, ChangeState.UNDER_ANALYSIS, ChangeState.WITHDRAWN, ChangeState.REJECTED}
)
"""The states of a change whose text is hidden: sent back, withdrawn or rejected."""


def withdrawn_versions(session: Session) -> frozenset[str]:
    """Return the digests of versions never in force whose change was sent back, withdrawn or rejected."""
    return cached(session, "withdrawn-versions", _read_withdrawn_versions)


def _read_withdrawn_versions(session: Session) -> frozenset[str]:
    was_activated = select(ActivationRow.digest).where(ActivationRow.digest == VersionRow.digest).exists()
    query = select(VersionRow.digest, VersionRow.change).where(col(VersionRow.change).is_not(None), ~was_activated)
    change_by_digest = {digest: change for digest, change in session.exec(query) if change is not None}
    states = {change.id: change.state for change in read_changes(session, change_by_digest.values())}
    return frozenset(digest for digest, change in change_by_digest.items() if states[change] in WITHDRAWN_STATES)
