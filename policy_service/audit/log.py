"""The log: an entry stands or falls with the transaction of what it tells."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from policy_service.actor import Actor
from policy_service.audit.chain import GENESIS, entry_line
from policy_service.audit.events import Event
from policy_service.audit.tables import AuditAbout, AuditEntry
from policy_service.canonical import digest
from policy_service.database import Transaction


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which entries somebody wants to read; what is None does not matter."""

    event: str | None = None
    actor: str | None = None
    """The identifier of who did it."""
    about: str | None = None
    """What it is about, e.g. `policy:tiering/rfm_value`."""
    since: datetime | None = None
    until: datetime | None = None
    """Before this instant."""


def append(transaction: Transaction, actor: Actor, event: Event) -> AuditEntry:
    """Adds what was done as the last entry; in the lane `governance` alone, so that there is one last entry."""
    session = transaction.session
    last = last_entry(session)
    seq, previous = (last.seq + 1, last.digest) if last else (1, GENESIS)
    about = event.about()
    line = entry_line(seq, transaction.now, actor, event.name, about, event.body(), previous)
    entry = AuditEntry(seq=seq, at=transaction.now, event=event.name, actor=actor.id, line=line, digest=digest(line))
    session.add(entry)
    session.flush()
    session.add_all(AuditAbout(about=each, seq=seq) for each in dict.fromkeys(about))
    session.flush()
    return entry


def last_entry(session: Session) -> AuditEntry | None:
    """The last entry; None when the log is empty."""
    return session.exec(select(AuditEntry).order_by(col(AuditEntry.seq).desc()).limit(1)).first()


def entries(
    session: Session,
    wanted: Wanted = Wanted(),
    *,
    cursor: int | None = None,
    limit: int = 50,
    oldest_first: bool = False,
) -> list[AuditEntry]:
    """A page of the log, newest first unless told otherwise, from behind the entry whose number is the cursor."""
    seq = col(AuditEntry.seq)
    query = _only(wanted).order_by(seq.asc() if oldest_first else seq.desc()).limit(limit)
    if cursor is not None:
        query = query.where(seq > cursor if oldest_first else seq < cursor)
    return list(session.exec(query))


def _only(wanted: Wanted) -> SelectOfScalar[AuditEntry]:
    query = select(AuditEntry)
    if wanted.event is not None:
        query = query.where(AuditEntry.event == wanted.event)
    if wanted.actor is not None:
        query = query.where(AuditEntry.actor == wanted.actor)
    if wanted.about is not None:
        about = select(AuditAbout.seq).where(AuditAbout.about == wanted.about)
        query = query.where(col(AuditEntry.seq).in_(about))
    if wanted.since is not None:
        query = query.where(AuditEntry.at >= wanted.since)
    if wanted.until is not None:
        query = query.where(AuditEntry.at < wanted.until)
    return query
