"""The log: an entry commits with the transaction it records, and names the rows written."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, func, select

from policy_service.actor import SERVICE, Actor
from policy_service.audit.chain import GENESIS, entry_line
from policy_service.audit.coverage import read_rows, row_digest, row_key
from policy_service.audit.events import OBJECT_FIELDS, Event, RowsRecorded
from policy_service.audit.log_key import NO_KEY
from policy_service.audit.rows import RowDigest, current_key, pending_count, take_pending
from policy_service.audit.tables import AuditAbout, AuditEntry, Checkpoint
from policy_service.canonical import digest
from policy_service.database import BEFORE_COMMIT, Transaction
from policy_service.database.declared import table_of
from policy_service.errors import PolicyServiceError
from policy_service.messages import Message

_CHECKPOINT = table_of(Checkpoint)
END_SEQ = 2**31 - 1
"""Greater than any entry's number; the database takes none greater."""


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One sealed line of the log, and the columns that repeat it."""

    seq: int
    at: datetime
    event: str
    actor: str
    """The identifier of the actor."""
    line: bytes
    digest: str


@dataclass(frozen=True, slots=True)
class EntryFilter:
    """Filters of a list of entries; None matches any."""

    event: str | None = None
    actor: str | None = None
    """The identifier of the actor."""
    about: str | None = None
    """An object, e.g. `policy:tiering/rfm_value`."""
    since: datetime | None = None
    until: datetime | None = None
    """The upper bound of the time, exclusive."""


QUALIFIED = re.compile(rf"(?:{'|'.join(OBJECT_FIELDS)}):.+", re.DOTALL)
"""An object with its kind, as entries store it."""


def find_object(session: Session, name: str) -> str | None:
    """Return the object with this name, with its kind as entries store it; of several kinds the first.

    A name that includes its kind is returned unchanged.
    """
    if QUALIFIED.fullmatch(name):
        return name
    kinds = {f"{kind}:{name}": position for position, kind in enumerate(OBJECT_FIELDS)}
    matches = session.exec(select(AuditAbout.about).where(col(AuditAbout.about).in_(kinds)).distinct())
    return min(matches, key=lambda about: kinds[about], default=None)


def append(transaction: Transaction, actor: Actor, event: Event) -> AuditEntry:
    """Append an entry; only in the lane `governance`, so that the last entry is unique.

    It names the covered rows written since the previous entry. Raises KeyUnavailable if the log has MACs and its key is
    not in the folder of the database.
    """
    session = transaction.session
    session.flush()
    key = current_key(session)
    rows, state = take_pending(session, key)
    last = last_entry(session)
    rows += [] if last is None else _signed(session, last.seq)
    seq, previous = (last.seq + 1, last.digest) if last else (1, GENESIS)
    about = event.about()
    line = entry_line(seq, transaction.now, actor, event.name, about, event.body(), previous, rows, state)
    entry = AuditEntry(seq=seq, at=transaction.now, event=event.name, actor=actor.id, line=line, digest=digest(line))
    entry.mac = None if key is NO_KEY else key.mac("entry", line)
    session.add(entry)
    session.flush()
    session.add_all(AuditAbout(about=each, seq=seq) for each in dict.fromkeys(about))
    session.flush()
    return entry


def _signed(session: Session, size: int) -> list[RowDigest]:
    """Return the row of the checkpoint of `size` entries, if any.

    The next entry records it, so that its loss is detected.
    """
    where = _CHECKPOINT.c.size == size
    return [
        RowDigest(_CHECKPOINT.name[:], row_key(_CHECKPOINT, values), row_digest(_CHECKPOINT, values))
        for values in read_rows(session.connection(), _CHECKPOINT, where)
    ]


def _record_pending_rows(transaction: Transaction) -> None:
    """Append an entry for rows written after the last entry of a transaction, or without one."""
    transaction.session.flush()
    if rows := pending_count(transaction.session):
        append(transaction, SERVICE, RowsRecorded(rows))


BEFORE_COMMIT.append(_record_pending_rows)


def log_length(session: Session) -> int:
    """The number of entries."""
    return session.exec(select(func.max(AuditEntry.seq))).one() or 0


def last_entry(session: Session) -> AuditEntry | None:
    """Return the last entry; None when the log is empty."""
    return session.exec(select(AuditEntry).order_by(col(AuditEntry.seq).desc()).limit(1)).first()


def entries(
    session: Session,
    criteria: EntryFilter = EntryFilter(),
    *,
    cursor: int | None = None,
    limit: int = 50,
    oldest_first: bool = False,
) -> list[LogEntry]:
    """Return a page of the log, newest first by default, after the entry with the cursor's number."""
    query, seq = select(AuditEntry), col(AuditEntry.seq)
    if criteria.about is not None:
        seq = col(AuditAbout.seq)
        query = query.join(AuditAbout, seq == col(AuditEntry.seq)).where(AuditAbout.about == criteria.about)
    if criteria.event is not None:
        query = query.where(AuditEntry.event == criteria.event)
    if criteria.actor is not None:
        query = query.where(AuditEntry.actor == criteria.actor)
    first, end = _seq_range(session, criteria)
    if cursor is not None:
        cursor = min(cursor, END_SEQ - 1)
        first, end = (max(first, cursor + 1), end) if oldest_first else (first, min(end, cursor))
    query = query.where(seq >= first, seq < end)
    return list(map(_log_entry, session.exec(query.order_by(seq.asc() if oldest_first else seq.desc()).limit(limit))))


class UnknownEntry(PolicyServiceError, LookupError):
    """The log has no entry with that number."""

    kind = "not-found"

    def __init__(self) -> None:
        super().__init__(Message("The log has no such entry."))


def read_entry(session: Session, seq: int) -> LogEntry:
    """Return the entry with a number. Raises UnknownEntry."""
    row = session.get(AuditEntry, seq)
    if row is None:
        raise UnknownEntry
    return _log_entry(row)


def _log_entry(row: AuditEntry) -> LogEntry:
    return LogEntry(row.seq, row.at, row.event, row.actor, row.line, row.digest)


def _seq_range(session: Session, criteria: EntryFilter) -> tuple[int, int]:
    """Return the half-open range of entries in the filter's period; entry times never decrease."""
    first, end = 1, END_SEQ
    if criteria.since is not None:
        first = _first_seq_from(session, criteria.since)
    if criteria.until is not None:
        end = _first_seq_from(session, criteria.until)
    return first, end


def _first_seq_from(session: Session, instant: datetime) -> int:
    """Return the number of the first entry at or after an instant; END_SEQ if there is none yet."""
    at, seq = col(AuditEntry.at), col(AuditEntry.seq)
    first_seq = session.exec(select(AuditEntry.seq).where(at >= instant).order_by(at, seq).limit(1)).first()
    return END_SEQ if first_seq is None else first_seq
