"""The identity of a log: the digest of its first entry, which names the first key, made at random.

Checkpoints, exports and packs contain it, which distinguishes another database from an altered one. Copies, backups and
restored databases have the same first entry, and so the same identity.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlmodel import Session, select

from policy_service.audit.checkpoints import SignedExtent
from policy_service.audit.keys import PublicKey
from policy_service.audit.tables import AuditEntry
from policy_service.audit.verdict import VerificationFailed
from policy_service.canonical import digest
from policy_service.messages import Message


class OtherLog(VerificationFailed):
    """The data belong to another log: nothing was altered, but the two cannot be compared."""

    def __init__(self, source: str, other: str, log: str) -> None:
        sentence = Message("{what} is of another log, {other}; this log is {log}", what=source, other=other, log=log)
        super().__init__(sentence, is_other_log=True)


def log_id(session: Session) -> str | None:
    """Return the identity of the log in a database, `sha256:…`; None while the log is empty."""
    line = session.exec(select(AuditEntry.line).where(AuditEntry.seq == 1)).first()
    return None if line is None else digest(line)


def refuse_other_log(log: str | None, checkpoints: Iterable[SignedExtent], keys: Sequence[PublicKey]) -> None:
    """Raise OtherLog if a checkpoint from elsewhere names another log.

    A checkpoint signed with one of the log's own `keys` belongs to this log, even if its first entry was altered since.
    """
    for checkpoint in checkpoints:
        if checkpoint.log in {None, log} or log is None or any(checkpoint.is_signed_by(key) for key in keys):
            continue
        source = Message("the checkpoint of {count} entries kept elsewhere", count=checkpoint.extent.size)
        raise OtherLog(source, str(checkpoint.log), log)
