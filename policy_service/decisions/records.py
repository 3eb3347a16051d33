"""The decision records on file: one by its identifier, a subject's or everybody's from the newest backwards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from typing import NamedTuple

from sqlmodel import Session, col, func, select

from policy_service.decisions.record import Record, read_record
from policy_service.decisions.tables import DecisionRow
from policy_service.sentences import Sentence

PAGE = 50
MAX_PAGE = 500
SCANNED = 5_000
"""Records that are looked through for a page: which policies a record is of stands in its line alone."""
AT_ONCE = 500
"""Lines fetched at a time."""


class UnknownDecision(LookupError):
    """There is no such decision."""

    def __init__(self, decision_id: str) -> None:
        super().__init__(Sentence("there is no decision {decision}", decision=decision_id))


class Page(NamedTuple):
    """Some records, newest first, and where those before them begin; None when there are none."""

    records: list[Record]
    cursor: int | None


def read_decision(session: Session, decision_id: str) -> Record:
    """One record. Raises UnknownDecision."""
    row = session.exec(select(DecisionRow).where(DecisionRow.id == decision_id)).first()
    if row is None:
        raise UnknownDecision(decision_id)
    return read_record(row.line)


def history(session: Session, subject: str, cursor: int | None = None, limit: int = PAGE) -> Page:
    """A subject's records, newest first, from `cursor` on; at most MAX_PAGE."""
    query = select(DecisionRow.line).where(DecisionRow.subject == subject)
    if cursor is not None:
        query = query.where(DecisionRow.seq <= cursor)
    limit = max(1, min(limit, MAX_PAGE))
    lines = session.exec(query.order_by(col(DecisionRow.seq).desc()).limit(limit + 1)).all()
    records = [read_record(line) for line in lines]
    return Page(records[:limit], records[limit].seq if len(records) > limit else None)


def latest(  # noqa: PLR0913  # the filters
    session: Session,
    policy: str | None = None,
    *,
    version: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    cursor: int | None = None,
    limit: int = PAGE,
) -> Page:
    """Everybody's records, newest first, from `cursor` on: of a policy, decided from `since` on and before `until`.

    At most MAX_PAGE. For those of one policy at most SCANNED are looked through: a page may hold few, or none, and
    still have a cursor.
    """
    limit = max(1, min(limit, MAX_PAGE))
    first, end = numbers(session, since, until)
    if cursor is not None:
        end = min(end, cursor + 1)
    found: list[Record] = []
    seq = first
    for seq, line in _backwards(session, first, end, limit + 1 if policy is None else SCANNED):
        record = read_record(line) if policy is None or _names(line, policy) else None
        if record is None or not _is_of(record, policy, version):
            continue
        if len(found) == limit:
            return Page(found, seq)
        found.append(record)
    return Page(found, seq - 1 if policy is not None and seq > first else None)


def numbers(session: Session, since: datetime | None = None, until: datetime | None = None) -> tuple[int, int]:
    """The numbers, half open, of the records decided from one instant on and before another."""
    end = (session.exec(select(func.max(DecisionRow.seq))).one() or 0) + 1
    first = 1 if since is None else _first_from(session, since, end)
    return first, end if until is None else _first_from(session, until, end)


def newest_lines(session: Session, some: int) -> Iterator[bytes]:
    """The lines of the newest records, from the last backwards."""
    for _, line in _backwards(session, *numbers(session), some):
        yield line


def _backwards(session: Session, first: int, end: int, some: int) -> Iterator[tuple[int, bytes]]:
    """Numbers and lines of records between two numbers, half open, from the last backwards."""
    seq = col(DecisionRow.seq)
    query = select(DecisionRow.seq, DecisionRow.line).where(seq >= first, seq < end).order_by(seq.desc()).limit(some)
    with closing(session.exec(query, execution_options={"yield_per": AT_ONCE})) as rows:
        yield from rows


def _first_from(session: Session, instant: datetime, end: int) -> int:
    """The first record from an instant on, or `end`: numbers have no gap, and no record is before an earlier one."""
    low, high = 1, end
    while low < high:
        middle = (low + high) // 2
        decided_at = session.exec(select(DecisionRow.decided_at).where(DecisionRow.seq == middle)).one()
        low, high = (middle + 1, high) if decided_at < instant else (low, middle)
    return low


def _names(line: bytes, policy: str) -> bool:
    """Whether the line of a record has the name of a policy in it, whatever it says of it."""
    return f'"{policy}"'.encode() in line


def _is_of(record: Record, policy: str | None, version: str | None) -> bool:
    """Whether a record answers for a policy, by a version of it."""
    if policy is None:
        return True
    used = record.policies.get(policy)
    return policy in record.outcomes and used is not None and version in {None, used.version}
