"""Which versions only those read who may read the change: texts that were submitted and then taken back or refused."""

from __future__ import annotations

from sqlmodel import Session, col, select

from policy_service.approval.change import State
from policy_service.approval.store import changes_named
from policy_service.database import remembered
from policy_service.registry.tables import ActivationRow, VersionRow

TAKEN_BACK = frozenset({State.DRAFT, State.WITHDRAWN, State.REJECTED})
"""What became of a change whose text is not to be read by everybody: sent back, withdrawn or rejected."""


def withdrawn(session: Session) -> frozenset[str]:
    """The digests of versions whose change was taken back or refused, and that were never put in force."""
    return remembered(session, "withdrawn-versions", _withdrawn)


def _withdrawn(session: Session) -> frozenset[str]:
    active = select(ActivationRow.digest).where(ActivationRow.digest == VersionRow.digest).exists()
    query = select(VersionRow.digest, VersionRow.change).where(col(VersionRow.change).is_not(None), ~active)
    found = {digest: change for digest, change in session.exec(query) if change is not None}
    states = {change.id: change.state for change in changes_named(session, found.values())}
    return frozenset(digest for digest, change in found.items() if states[change] in TAKEN_BACK)
