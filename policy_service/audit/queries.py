"""Reads pages of the log and of its checkpoints, by number or time, and the list of copies."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlmodel import Session, col, select

from policy_service.audit.checkpoints import SignedExtent
from policy_service.audit.log import EntryFilter, LogEntry, entries
from policy_service.audit.service import checkpoints
from policy_service.audit.tables import AuditEntry, Checkpoint, CheckpointCopy
from policy_service.paging import Page, both_ways, numbered_page

EntrySort = Literal["seq", "-seq"]
"""By number; with `-` newest first."""
CheckpointSort = Literal["size", "-size"]
"""By the number of entries covered; with `-` newest first."""
_ENTRY_ORDERS = both_ways("seq", col(AuditEntry.seq))
_CHECKPOINT_ORDERS = both_ways("size", col(Checkpoint.size))


def list_entries(
    session: Session,
    criteria: EntryFilter,
    *,
    sort: EntrySort = "-seq",
    cursor: str | None = None,
    limit: int = 50,
) -> Page[LogEntry]:
    """Return a page of the entries that match the filter. Raises InvalidCursor."""
    order = _ENTRY_ORDERS[sort]

    def read(after: int | None, count: int) -> list[tuple[int, LogEntry]]:
        rows = entries(session, criteria, cursor=after, limit=count, oldest_first=not order.descending)
        return [(row.seq, row) for row in rows]

    return numbered_page(order, cursor, limit, read)


def list_checkpoints(  # noqa: PLR0913  # which, in which order, how many
    session: Session,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    sort: CheckpointSort = "-size",
    cursor: str | None = None,
    limit: int = 50,
) -> Page[SignedExtent]:
    """Return a page of the checkpoints signed from one instant on and before another.

    Raises InvalidCursor, InvalidSignedLine.
    """
    order = _CHECKPOINT_ORDERS[sort]

    def read(after: int | None, count: int) -> list[tuple[int, SignedExtent]]:
        oldest_first = not order.descending
        signed = checkpoints(session, after, count, since=since, until=until, oldest_first=oldest_first)
        return [(each.extent.size, each) for each in signed]

    return numbered_page(order, cursor, limit, read)


@dataclass(frozen=True, slots=True)
class CheckpointCopies:
    """The checkpoints sent to one copy."""

    location: str
    count: int
    size: int
    """The number of entries that the newest covers."""
    at: datetime


def list_copies(session: Session) -> tuple[CheckpointCopies, ...]:
    """Return the copies, by location."""
    rows = session.exec(select(CheckpointCopy).where(CheckpointCopy.count > 0).order_by(CheckpointCopy.location))
    return tuple(CheckpointCopies(row.location, row.count, row.size, row.copied_at) for row in rows)
