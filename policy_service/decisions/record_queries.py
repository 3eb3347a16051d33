"""Queries of decision records: one by its identifier, or lists by subject, policy or time, in either order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NamedTuple, cast

import msgspec
from sqlalchemy import Row
from sqlmodel import Session, col, select

from policy_service.audit.events import DecisionsArchived
from policy_service.audit.tables import AuditEntry
from policy_service.decisions.answer_counts.queries import AnswerFilter, candidate_ranges
from policy_service.decisions.groups.model import group_value
from policy_service.decisions.macs import last_decision_seq, read_mac_keys
from policy_service.decisions.record import DecisionRecord, is_archived, read_record, read_row
from policy_service.decisions.state_tables import OverrideRow
from policy_service.decisions.tables import DecisionRow
from policy_service.errors import PolicyServiceError
from policy_service.integrity import reading_row
from policy_service.messages import Message
from policy_service.paging import Page, both_ways
from policy_service.subject import CUSTOMER, InvalidSubject, Subject, subject_errors

PAGE_SIZE = 50
MAX_PAGE = 500
MAX_SCANNED = 5_000
"""Maximum number of records read for a page."""
FETCH_SIZE = 500
"""Lines per query."""

RecordSort = Literal["decided", "-decided"]
"""By the time of the decision; with `-` newest first."""
_ORDERS = both_ways("decided", col(DecisionRow.seq))


class UnknownDecision(PolicyServiceError, LookupError):
    """No decision has the identifier."""

    kind = "not-found"

    def __init__(self, decision_id: str) -> None:
        super().__init__(Message("there is no decision {decision}", decision=decision_id))


@dataclass(frozen=True, slots=True)
class RecordFilter:
    """Filters of a list of records; None matches any."""

    subject: str | None = None
    """The identifier."""
    policy: str | None = None
    kind: str | None = None
    """The kind of the subject."""
    since: datetime | None = None
    until: datetime | None = None
    """The upper bound of the decision time, exclusive."""
    outcome: str | None = None
    """The policy's answer, such as `tier:S` or `missing_facts`."""
    rule: str | None = None
    """A rule of the policy by which it answered."""

    @property
    def needs_scan(self) -> bool:
        """True if records must be scanned: no index covers those of a policy, or of all subjects of a kind."""
        return self.policy is not None or (self.kind is not None and self.subject is None)

    def read_match(self, line: bytes) -> DecisionRecord | None:
        """Return the record in a line of matching subject and time; None if its kind or policy does not match."""
        markers = [f'"{self.policy}"'] if self.policy is not None else []
        markers += [f'"{self.rule}"'] if self.rule is not None else []
        markers += [f'"kind":"{self.kind}"'] if self.kind not in {None, CUSTOMER} else []
        if not all(each.encode() in line for each in markers):  # most lines of others are told without being read
            return None
        record = read_record(line)
        if self.kind not in {None, record.subject.kind}:
            return None
        if self.policy is None:
            return record
        entry = record.outcomes.get(self.policy)
        return record if entry is not None and self._is_answered(entry) else None

    def _is_answered(self, entry: Mapping[str, Any]) -> bool:
        """Return True if an answer of the policy matches the filter."""
        if self.rule is not None and self.rule not in entry.get("rules", ()):
            return False
        answered = entry.get("outcome")
        values = answered.items() if isinstance(answered, Mapping) else ()
        parts = {entry["status"], *(f"{name}:{group_value(value)}" for name, value in values)}
        return self.outcome is None or set(self.outcome.split(",")) <= parts


class RecordArchived(PolicyServiceError, LookupError):
    """The record is in an archive, no longer in the database."""

    kind = "not-found"

    def __init__(self, seq: int, archive: int, file_name: str) -> None:
        super().__init__(
            Message(
                "Decision record {seq} is in archive {archive}, the file {file}: its facts are no longer here.",
                seq=seq,
                archive=archive,
                file=file_name,
            )
        )


def require_in_database(session: Session, seq: int, line: bytes) -> None:
    """Check that a record's line is in the database. Raises RecordArchived, which names the archive file."""
    if not is_archived(line):
        return
    for each in list_archives(session):
        if each.first <= seq <= each.last:
            raise RecordArchived(seq, each.archive, each.file_name)


def last_archived_seq(session: Session) -> int:
    """Return the number of the last archived record; 0 if there is none."""
    return max((each.last for each in list_archives(session)), default=0)


def list_archives(session: Session) -> list[DecisionsArchived]:
    """Return the events of all archives, in order."""
    query = select(AuditEntry.line).where(AuditEntry.event == DecisionsArchived.name).order_by(col(AuditEntry.seq))
    return [DecisionsArchived(**msgspec.json.decode(line)["body"]) for line in session.exec(query)]


class RecordPage(NamedTuple):
    """A page of records, and the cursor of the next page; None for the last page."""

    records: list[DecisionRecord]
    cursor: int | None


def read_decision(session: Session, decision_id: str) -> DecisionRecord:
    """Return one record. Raises UnknownDecision, and DamagedRecord if the record was altered."""
    row = session.exec(select(DecisionRow).where(DecisionRow.id == decision_id)).first()
    if row is None:
        raise UnknownDecision(decision_id)
    require_in_database(session, row.seq, row.line)
    read_mac_keys(session).require_written(row)
    return read_row(row.seq, row.line)


def subject_history(
    session: Session, subject: Subject, cursor: int | None = None, limit: int = PAGE_SIZE
) -> RecordPage:
    """Return a page of a subject's records, newest first, from `cursor` on; at most MAX_PAGE. Raises InvalidSubject."""
    return find_records(session, RecordFilter(subject.id, kind=subject.kind), cursor=cursor, limit=limit)


def is_on_record(session: Session, id_: str, kind: str | None = None) -> bool:
    """Return True if a subject has a decision or an override; `kind` None is any kind."""
    for table in (DecisionRow, OverrideRow):
        query = select(table.seq).where(table.subject == id_).limit(1)
        if session.exec(query if kind is None else query.where(table.kind == kind)).first() is not None:
            return True
    return False


def check_lookup(session: Session, id_: str, kind: str | None = None) -> None:
    """Reject looking up an identifier that no subject can have; `kind` None is any kind. Raises InvalidSubject.

    Identifiers recorded before there was one spelling can still be looked up and erased as they were written.
    """
    subject = Subject(id_, kind or CUSTOMER)
    faults = subject_errors(subject)
    if faults and not is_on_record(session, id_, kind):
        raise InvalidSubject(subject, faults)


def find_records(
    session: Session,
    criteria: RecordFilter = RecordFilter(),
    *,
    oldest_first: bool = False,
    cursor: int | None = None,
    limit: int = PAGE_SIZE,
) -> RecordPage:
    """Return a page of matching records, newest first by default, from `cursor` on; at most MAX_PAGE.

    For one policy or kind at most MAX_SCANNED records are read: a page may hold few records, or none, and still have a
    cursor. Raises InvalidSubject, and DamagedRecord if a record was altered.
    """
    if criteria.subject is not None:
        check_lookup(session, criteria.subject, criteria.kind)
    limit = max(1, min(limit, MAX_PAGE))
    max_lines = MAX_SCANNED if criteria.needs_scan else limit + 1
    first, end = seq_range(session, criteria.since, criteria.until)
    first = max(first, last_archived_seq(session) + 1)
    if cursor is not None:
        first, end = (max(first, cursor), end) if oldest_first else (first, min(end, cursor + 1))
    records, keys = list[DecisionRecord](), read_mac_keys(session)
    scanned_count = seq = 0
    for row in _candidates(session, criteria, (first, end), max_lines, oldest_first=oldest_first):
        scanned_count, seq = scanned_count + 1, row.seq
        with reading_row("decision", seq):
            record = criteria.read_match(row.line)
        if record is None:
            continue
        if len(records) == limit:
            return RecordPage(records, seq)
        keys.require_written(row)
        records.append(record)
    next_seq = seq + 1 if oldest_first else seq - 1
    return RecordPage(records, next_seq if scanned_count == max_lines and first <= next_seq < end else None)


def list_records(
    session: Session,
    criteria: RecordFilter,
    *,
    sort: RecordSort = "-decided",
    cursor: str | None = None,
    limit: int = PAGE_SIZE,
) -> Page[DecisionRecord]:
    """Return a page of the records that match the filter, as `find_records` does.

    Raises InvalidSubject, InvalidCursor, DamagedRecord.
    """
    order = _ORDERS[sort]
    start = order.number(cursor)
    found = find_records(session, criteria, oldest_first=not order.descending, cursor=start, limit=limit)
    next_cursor = None if found.cursor is None else order.cursor((found.cursor,))
    return Page(tuple(found.records), next_cursor)


def seq_range(session: Session, since: datetime | None = None, until: datetime | None = None) -> tuple[int, int]:
    """Return the half-open range of numbers of the records decided from `since` on and before `until`."""
    end = last_decision_seq(session) + 1
    first = 1 if since is None else _first_from(session, since, end)
    return first, end if until is None else _first_from(session, until, end)


def newest_lines(session: Session, limit: int) -> Iterator[bytes]:
    """Yield the lines of the newest records, from the last backwards."""
    for row in _lines(session, RecordFilter(), seq_range(session), limit):
        yield row.line


def _candidates(
    session: Session, criteria: RecordFilter, seqs: tuple[int, int], limit: int, *, oldest_first: bool
) -> Iterator[Row[Any, Any, Any, Any]]:
    """Yield the rows that may match, in order: for a policy, those of blocks in which it gave such an answer."""
    ranges: Iterable[tuple[int, int]] = [seqs]
    if criteria.policy is not None and criteria.subject is None:
        answer = AnswerFilter(criteria.policy, criteria.outcome, criteria.rule)
        ranges = candidate_ranges(session, answer, seqs, oldest_first=oldest_first)
    for each in ranges:
        for row in _lines(session, criteria, each, limit, oldest_first=oldest_first):
            limit -= 1
            yield row
        if not limit:
            return


def _lines(
    session: Session, criteria: RecordFilter, seqs: tuple[int, int], limit: int, *, oldest_first: bool = False
) -> Iterator[Row[Any, Any, Any, Any]]:
    """Yield the rows of a subject's or all records in a half-open range of numbers, in order."""
    seq, (first, end) = col(DecisionRow.seq), seqs
    query = select(DecisionRow.seq, DecisionRow.line, DecisionRow.digest, DecisionRow.mac).where(
        seq >= first, seq < end
    )
    if criteria.subject is not None:
        query = query.where(DecisionRow.subject == criteria.subject)
        if criteria.kind is not None:
            query = query.where(DecisionRow.kind == criteria.kind)
    query = query.order_by(seq.asc() if oldest_first else seq.desc()).limit(limit)
    with closing(session.exec(query, execution_options={"yield_per": FETCH_SIZE})) as rows:
        yield from cast("Iterator[Row[Any, Any, Any, Any]]", rows)


def _first_from(session: Session, instant: datetime, end: int) -> int:
    """Return the number of the first record at or after an instant, or `end`; record times never decrease."""
    seq, low, high = col(DecisionRow.seq), 1, end
    while low < high:
        middle = (low + high) // 2
        query = select(DecisionRow.decided_at).where(seq >= middle).order_by(seq).limit(1)
        decided_at = session.exec(query).first()
        low, high = (middle + 1, high) if decided_at is not None and decided_at < instant else (low, middle)
    return low
