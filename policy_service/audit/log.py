"""Writes the log: an entry stands or falls with the transaction of what it tells."""

from __future__ import annotations

from sqlmodel import col, select

from policy_service.actor import Actor
from policy_service.audit.chain import GENESIS, entry_line
from policy_service.audit.events import Event
from policy_service.audit.tables import AuditAbout, AuditEntry
from policy_service.canonical import digest
from policy_service.database import Transaction


def append(transaction: Transaction, actor: Actor, event: Event) -> AuditEntry:
    """Adds what was done as the last entry. The transaction must be of the lane `governance`, so there is one last entry."""
    session = transaction.session
    last = session.exec(select(AuditEntry).order_by(col(AuditEntry.seq).desc()).limit(1)).first()
    seq, previous = (last.seq + 1, last.digest) if last else (1, GENESIS)
    about = event.about()
    line = entry_line(seq, transaction.now, actor, event.name, about, event.body(), previous)
    entry = AuditEntry(seq=seq, at=transaction.now, event=event.name, actor=actor.id, line=line, digest=digest(line))
    session.add(entry)
    session.flush()
    session.add_all(AuditAbout(about=each, seq=seq) for each in dict.fromkeys(about))
    session.flush()
    return entry
