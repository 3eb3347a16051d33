"""The log entries of a pack, and the proofs that they are in the signed log."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from policy_service.audit.checkpoints import SignedExtent
from policy_service.audit.export import key_line
from policy_service.audit.identity import log_id
from policy_service.audit.levels import Levels
from policy_service.audit.proofs import KIND
from policy_service.audit.service import last_checkpoint, signing_keys
from policy_service.audit.tables import AuditAbout, AuditEntry
from policy_service.errors import PolicyServiceError
from policy_service.packs.scope import MAX_ENTRIES

CHUNK_SIZE = 500
"""Objects, or numbers, per query."""
FETCH_SIZE = 20_000
"""Digests per query."""


class LogNotSigned(PolicyServiceError):
    """There is no checkpoint, or the log differs from the signed one."""

    kind = "conflict"


def entries_of_period(session: Session, since: datetime, until: datetime | None) -> list[AuditEntry]:
    """Return the entries of a period, oldest first; one more than the limit if there are more."""
    query = select(AuditEntry).where(AuditEntry.at >= since)
    if until is not None:
        query = query.where(AuditEntry.at < until)
    return list(session.exec(query.order_by(col(AuditEntry.at), col(AuditEntry.seq)).limit(MAX_ENTRIES + 1)))


def entries_about(
    session: Session, objects: Sequence[str], events: Sequence[str] = (), limit: int | None = None
) -> list[AuditEntry]:
    """Return the entries about objects, oldest first; only some events, if named."""
    rows: dict[int, AuditEntry] = {}
    for chunk in _chunks(objects):
        query = select(AuditEntry).join(AuditAbout).where(col(AuditAbout.about).in_(chunk))
        if events:
            query = query.where(col(AuditEntry.event).in_(events))
        query = query.order_by(col(AuditAbout.seq))
        rows |= {row.seq: row for row in session.exec(query if limit is None else query.limit(limit))}
    return [rows[seq] for seq in sorted(rows)]


def objects_of_kind(session: Session, kind: str, numbers: Sequence[int]) -> Iterator[str]:
    """Yield the names of all objects of a kind in the log."""
    for chunk in _chunks(numbers):
        query = select(AuditAbout.about).where(col(AuditAbout.seq).in_(chunk))
        for about in session.exec(query.where(col(AuditAbout.about).startswith(f"{kind}:")).distinct()):
            yield about.partition(":")[2]


def _chunks(values: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(values), CHUNK_SIZE):
        yield values[start : start + CHUNK_SIZE]


class Proofs:
    """Proves entries under the newest checkpoint, reading the log once. Raises LogNotSigned."""

    def __init__(self, session: Session) -> None:
        checkpoint = last_checkpoint(session)
        if checkpoint is None:
            raise LogNotSigned("the log was never signed: there is nothing to prove entries by")
        self.checkpoint: SignedExtent = checkpoint
        self.log = log_id(session)
        """The identity of the log."""
        self.keys = [key_line(body) for body in signing_keys(session)]
        self._levels = Levels(_digests(session, checkpoint.extent.size))
        if self._levels.root() != checkpoint.extent.root:
            raise LogNotSigned("the log is not what was signed: `policy-service audit verify` says where")

    def covers(self, seq: int) -> bool:
        """Return True if the checkpoint records an entry."""
        return seq <= self._levels.size

    def path(self, seq: int) -> list[str]:
        """Return the path of an entry."""
        return self._levels.path(seq - 1)

    def proof(self, row: AuditEntry) -> dict[str, Any]:
        """Return the whole proof of an entry, for `audit.proofs.verify_proof`."""
        return {
            "kind": KIND,
            "seq": row.seq,
            "entry": row.line.decode(),
            "path": self.path(row.seq),
            "checkpoint": self.checkpoint.line.decode(),
            "keys": [line.decode() for line in self.keys],
        }


def _digests(session: Session, size: int) -> Iterable[str]:
    query = select(AuditEntry.digest).where(AuditEntry.seq <= size).order_by(col(AuditEntry.seq))
    return session.exec(query, execution_options={"yield_per": FETCH_SIZE})
