"""The decision records on file: one by its identifier; a subject's, a policy's or everybody's, in either order."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sqlmodel import Session, col, func, select

from policy_service.damaged import row_of
from policy_service.decisions.record import Record, read_record, read_row
from policy_service.decisions.state_tables import OverrideRow
from policy_service.decisions.tables import DecisionRow
from policy_service.sentences import Sentence
from policy_service.subject import CUSTOMER, InvalidSubject, Subject, faults_of

PAGE = 50
MAX_PAGE = 500
SCANNED = 5_000
"""Records that are looked through for a page."""
AT_ONCE = 500
"""Lines fetched at a time."""


class UnknownDecision(LookupError):
    """There is no such decision."""

    def __init__(self, decision_id: str) -> None:
        super().__init__(Sentence("there is no decision {decision}", decision=decision_id))


def last_decision(session: Session) -> int:
    """The number of the last record; 0 when there is none."""
    return session.exec(select(func.max(DecisionRow.seq))).one() or 0


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which records somebody wants to read; what is None does not matter."""

    subject: str | None = None
    """The identifier."""
    policy: str | None = None
    version: str | None = None
    """Of the policy."""
    kind: str | None = None
    """Of the subject."""
    since: datetime | None = None
    until: datetime | None = None
    """Before this instant."""

    @property
    def is_sought(self) -> bool:
        """Whether records have to be looked through: no index finds those of a policy, or of all subjects of a kind."""
        return self.policy is not None or (self.kind is not None and self.subject is None)

    def read(self, line: bytes) -> Record | None:
        """The record that a line of the right subject and time holds; None when it is of another kind or policy."""
        named = [f'"{self.policy}"'] if self.policy is not None else []
        named += [f'"kind":"{self.kind}"'] if self.kind not in {None, CUSTOMER} else []
        if not all(each.encode() in line for each in named):  # most lines of others are told without being read
            return None
        record = read_record(line)
        if self.kind not in {None, record.subject.kind}:
            return None
        if self.policy is None:
            return record
        used = record.policies.get(self.policy)
        is_of = self.policy in record.outcomes and used is not None and self.version in {None, used.version}
        return record if is_of else None


class Page(NamedTuple):
    """Some records, and where those behind them begin; None when there are none."""

    records: list[Record]
    cursor: int | None


def read_decision(session: Session, decision_id: str) -> Record:
    """One record. Raises UnknownDecision."""
    row = session.exec(select(DecisionRow).where(DecisionRow.id == decision_id)).first()
    if row is None:
        raise UnknownDecision(decision_id)
    return read_row(row.seq, row.line)


def history(session: Session, subject: Subject, cursor: int | None = None, limit: int = PAGE) -> Page:
    """A subject's records, newest first, from `cursor` on; at most MAX_PAGE. Raises InvalidSubject."""
    return find(session, Wanted(subject.id, kind=subject.kind), cursor=cursor, limit=limit)


def is_on_record(session: Session, id_: str, kind: str | None = None) -> bool:
    """Whether anything was ever decided about a subject, or it was excepted from a policy; `kind` None is any kind."""
    for table in (DecisionRow, OverrideRow):
        query = select(table.seq).where(table.subject == id_).limit(1)
        if session.exec(query if kind is None else query.where(table.kind == kind)).first() is not None:
            return True
    return False


def check_lookup(session: Session, id_: str, kind: str | None = None) -> None:
    """Refuses to look for a subject that is written as none can be; `kind` None is any kind. Raises InvalidSubject.

    Before identifiers had one spelling others were recorded too: these are found, and erased, as they were written.
    """
    subject = Subject(id_, kind or CUSTOMER)
    faults = faults_of(subject)
    if faults and not is_on_record(session, id_, kind):
        raise InvalidSubject(subject, faults)


def find(
    session: Session,
    wanted: Wanted = Wanted(),
    *,
    oldest_first: bool = False,
    cursor: int | None = None,
    limit: int = PAGE,
) -> Page:
    """The records that are wanted, newest first unless told otherwise, from `cursor` on; at most MAX_PAGE.

    For those of one policy or kind at most SCANNED are looked through: a page may hold few, or none, and still have a
    cursor. Raises InvalidSubject.
    """
    if wanted.subject is not None:
        check_lookup(session, wanted.subject, wanted.kind)
    limit = max(1, min(limit, MAX_PAGE))
    some = SCANNED if wanted.is_sought else limit + 1
    first, end = numbers(session, wanted.since, wanted.until)
    if cursor is not None:
        first, end = (max(first, cursor), end) if oldest_first else (first, min(end, cursor + 1))
    found: list[Record] = []
    looked = seq = 0
    lines = _lines(session, wanted, (first, end), some, oldest_first=oldest_first)
    for seq, line in lines:
        looked += 1
        with row_of("decision", seq):
            record = wanted.read(line)
        if record is None:
            continue
        if len(found) == limit:
            return Page(found, seq)
        found.append(record)
    behind = seq + 1 if oldest_first else seq - 1
    return Page(found, behind if looked == some and first <= behind < end else None)


def numbers(session: Session, since: datetime | None = None, until: datetime | None = None) -> tuple[int, int]:
    """The numbers, half open, of the records decided from one instant on and before another."""
    end = last_decision(session) + 1
    first = 1 if since is None else _first_from(session, since, end)
    return first, end if until is None else _first_from(session, until, end)


def newest_lines(session: Session, some: int) -> Iterator[bytes]:
    """The lines of the newest records, from the last backwards."""
    for _, line in _lines(session, Wanted(), numbers(session), some):
        yield line


def _lines(
    session: Session, wanted: Wanted, between: tuple[int, int], some: int, *, oldest_first: bool = False
) -> Iterator[tuple[int, bytes]]:
    """Numbers and lines of a subject's records, or everybody's, between two numbers, half open, in their order."""
    seq, (first, end) = col(DecisionRow.seq), between
    query = select(DecisionRow.seq, DecisionRow.line).where(seq >= first, seq < end)
    if wanted.subject is not None:
        query = query.where(DecisionRow.subject == wanted.subject)
        if wanted.kind is not None:
            query = query.where(DecisionRow.kind == wanted.kind)
    query = query.order_by(seq.asc() if oldest_first else seq.desc()).limit(some)
    with closing(session.exec(query, execution_options={"yield_per": AT_ONCE})) as rows:
        yield from rows


def _first_from(session: Session, instant: datetime, end: int) -> int:
    """The first record from an instant on, or `end`: no record is before an earlier one."""
    seq, low, high = col(DecisionRow.seq), 1, end
    while low < high:
        middle = (low + high) // 2
        query = select(DecisionRow.decided_at).where(seq >= middle).order_by(seq).limit(1)
        decided_at = session.exec(query).first()
        low, high = (middle + 1, high) if decided_at is not None and decided_at < instant else (low, middle)
    return low
