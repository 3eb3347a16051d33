"""Reads assignments for group lists from the lines of decision records."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import date
from itertools import count
from typing import Any, NamedTuple, cast

import msgspec
from sqlalchemy import bindparam, select
from sqlmodel import Session

from policy_service.database.declared import table_of
from policy_service.decisions.groups.merged import read_merges
from policy_service.decisions.groups.model import (
    Assignment,
    AssignmentReader,
    Period,
    Place,
    PlacedDecision,
    periods_of,
)
from policy_service.decisions.macs import MacKeys, last_erasures, read_mac_keys
from policy_service.decisions.record import DecisionRecord, is_archived, read_row
from policy_service.decisions.record_queries import last_archived_seq
from policy_service.decisions.tables import DecisionRow
from policy_service.integrity import DamagedRecord, reading_row
from policy_service.registry import policy_cache
from policy_service.subject import CUSTOMER, Subject

FETCH_SIZE = 500
"""Records per query."""
_NEVER = ""
_DECISIONS = table_of(DecisionRow)
_C = _DECISIONS.c
_RECORDS = select(_C.seq, _C.as_of, _C.line).execution_options(yield_per=FETCH_SIZE)
_OF_SUBJECT = (_C.subject == bindparam("its_subject"), _C.kind == bindparam("its_kind"))
_LATER = _RECORDS.where(*_OF_SUBJECT, _C.as_of > bindparam("day"), _C.seq < bindparam("before")).order_by(
    _C.as_of, _C.seq.desc()
)
_OF_DAY = (
    select(_C.seq, _C.line, _C.digest, _C.mac)
    .where(*_OF_SUBJECT, _C.as_of == bindparam("day"))
    .order_by(_C.seq.desc())
    .execution_options(yield_per=FETCH_SIZE)
)
_NEWEST_BEFORE = (
    select(_C.seq, _C.as_of, _C.line, _C.digest, _C.mac)
    .where(*_OF_SUBJECT, _C.as_of < bindparam("day"))
    .order_by(_C.as_of.desc(), _C.seq.desc())
    .limit(bindparam("size"))
    .offset(bindparam("start"))
)
_FOR_EARLIER_DAYS = select(_C.seq).where(*_OF_SUBJECT, _C.seq > bindparam("last"), _C.as_of < bindparam("day")).limit(1)
FEW = 20
"""Records read to find one of a policy."""


class _Line(msgspec.Struct):
    """The fields of a record from which group lists are made."""

    subject: str
    decided_at: str
    outcomes: dict[str, Any]
    kind: str = CUSTOMER


_DECODER = msgspec.json.Decoder(_Line)


class Exclusions(NamedTuple):
    """Erasures and merges: group lists hide what was decided before an erasure, or about a merged subject."""

    erased_at: Mapping[tuple[str, str], str]
    merges: Mapping[Subject, Subject]

    @staticmethod
    def read(session: Session, subjects: Collection[str] | None = None) -> Exclusions:
        """Return all exclusions, or those of some subjects."""
        return Exclusions(last_erasures(session, subjects), read_merges(session, subjects))

    def hides(self, line: _Line) -> bool:
        """Return True if a record was made before its subject was erased, or concerns a merged subject."""
        subject = Subject(line.subject, line.kind)
        return subject in self.merges or line.decided_at <= self.erased_at.get(subject, _NEVER)


def placed_decisions(
    reader: AssignmentReader, subject: Subject, day: date, seq: int, outcomes: Mapping[str, Any]
) -> Iterator[PlacedDecision]:
    """Yield the answers of one record, by policy."""
    for policy, entry in outcomes.items():
        yield PlacedDecision(Place(*subject, policy), day, seq, reader.read(entry))


def next_day(session: Session, decision: PlacedDecision) -> date | None:
    """Return the first later day with a record made before this decision; None if there is none."""
    where = decision.place
    marker, exclusions = _marker(where.policy), None
    names = {"its_subject": where.subject, "its_kind": where.kind, "day": decision.day, "before": decision.seq}
    with closing(session.connection().execute(_LATER, names)) as rows:
        for seq, day, line in rows:
            if marker not in line:  # cheap byte test first
                continue
            record = _read(seq, line)
            exclusions = exclusions or Exclusions.read(session, [where.subject])
            if where.policy in record.outcomes and not exclusions.hides(record):
                return cast("date", day)
    return None


def counting_records(
    session: Session, wanted: Collection[tuple[Place, date]]
) -> dict[tuple[Place, date], DecisionRecord]:
    """Return the records in force on days that have one. Raises DamagedRecord, KeyUnavailable."""
    macs = read_mac_keys(session)
    exclusions = Exclusions.read(session, {where.subject for where, _ in wanted})
    policies: dict[tuple[str, str, date], set[str]] = defaultdict(set)
    for where, day in wanted:
        policies[where.subject, where.kind, day].add(where.policy)
    records: dict[tuple[Place, date], DecisionRecord] = {}
    for (subject, kind, day), missing in policies.items():
        names = {"its_subject": subject, "its_kind": kind, "day": day}
        with closing(session.connection().execute(_OF_DAY, names)) as rows:
            for row in rows:
                if not any(_marker(policy) in row.line for policy in missing):
                    continue
                record = _read(row.seq, row.line)
                if exclusions.hides(record):
                    continue
                for policy in missing & record.outcomes.keys():
                    _require_written(session, macs, row)
                    records[Place(subject, kind, policy), day] = read_row(row.seq, row.line)
                missing.difference_update(record.outcomes)
                if not missing:
                    break
        if missing:
            raise DamagedRecord("outcome_period", f"{subject} {min(missing)}")
    return records


def newest_rows(session: Session, where: Place, before: date, start: int = 0) -> Sequence[Any]:
    """Return a few rows of a subject's records for days before `before`, after skipping the newest `start`."""
    names = {"its_subject": where.subject, "its_kind": where.kind, "day": before, "size": FEW, "start": start}
    return session.connection().execute(_NEWEST_BEFORE, names).all()


def newest_record(  # noqa: PLR0913, PLR0917  # which record, and what is known already
    session: Session,
    where: Place,
    before: date,
    newest: Sequence[Any],
    macs: MacKeys,
    exclusions: Exclusions | None,
) -> DecisionRecord | None:
    """Return the record in force before a day, on the latest day with one. Raises DamagedRecord."""
    return next(records_back(session, where, before, newest, macs, exclusions), None)


def records_back(  # noqa: PLR0913, PLR0917  # the same
    session: Session,
    where: Place,
    before: date,
    newest: Sequence[Any],
    macs: MacKeys,
    exclusions: Exclusions | None,
) -> Iterator[DecisionRecord]:
    """Yield the records in force on the days before one, newest first. Raises DamagedRecord.

    `newest` are the `newest_rows` of that day or a later one. Without `exclusions`, records from before an erasure may
    be included.
    """
    marker, last_day = _marker(where.policy), None
    for row in _rows_before(session, where, before, newest):
        if row.as_of == last_day or marker not in row.line:
            continue
        record = _read(row.seq, row.line)
        if where.policy in record.outcomes and not (exclusions and exclusions.hides(record)):
            _require_written(session, macs, row)
            last_day = row.as_of
            yield read_row(row.seq, row.line)


def is_followed_by_an_earlier_day(session: Session, where: Place, record: DecisionRecord) -> bool:
    """Return True if a later record of the subject is for an earlier day."""
    names = {"its_subject": where.subject, "its_kind": where.kind, "day": record.as_of, "last": record.seq}
    return session.connection().execute(_FOR_EARLIER_DAYS, names).first() is not None


def _rows_before(session: Session, where: Place, before: date, newest: Sequence[Any]) -> Iterator[Any]:
    yield from (row for row in newest if row.as_of < before)
    for start in count(0, FEW) if len(newest) == FEW else ():
        rows = newest_rows(session, where, before, start)
        yield from rows
        if len(rows) < FEW:
            return


def _require_written(session: Session, macs: MacKeys, row: Any) -> None:  # noqa: ANN401  # of records
    """Verify that the service wrote a record; an archived one is verified elsewhere."""
    if not is_archived(row.line) or row.seq > last_archived_seq(session):
        macs.require_written(row)


def outcomes_on(session: Session, kind: str, policy: str, day: date) -> Collection[Mapping[str, Any]]:
    """Return the answers of a policy in force on a day, one per subject; reads every record up to then."""
    marker, exclusions = _marker(policy), Exclusions.read(session)
    counting: dict[str, Mapping[str, Any]] = {}
    query = _RECORDS.where(_C.kind == kind, _C.as_of <= day).order_by(_C.as_of, _C.seq)
    with closing(session.connection().execute(query)) as rows:
        for seq, _, line in rows:
            if marker not in line:  # cheap byte test first
                continue
            record = _read(seq, line)
            if policy in record.outcomes and not exclusions.hides(record):
                counting[record.subject] = record.outcomes[policy]
    return counting.values()


def _marker(policy: str) -> bytes:
    return f'"{policy}"'.encode()


def next_subjects(session: Session, last: str, limit: int) -> list[str]:
    """Return the identifiers of subjects with records, after `last`, in the order of the database."""
    subject = _DECISIONS.c.subject
    query = select(subject).where(subject > last).distinct().order_by(subject).limit(limit)
    return list(session.connection().execute(query).scalars())


def expected_periods(
    session: Session, reader: AssignmentReader, exclusions: Exclusions, subjects: Sequence[str]
) -> dict[Place, list[Period]]:
    """Return the periods of some subjects that follow from all their records."""
    days: dict[Place, dict[date, Assignment]] = defaultdict(dict)
    query = _RECORDS.where(_DECISIONS.c.subject.in_(subjects)).order_by(_DECISIONS.c.subject, _DECISIONS.c.seq)
    with closing(session.connection().execute(query)) as rows:
        for seq, day, line in rows:
            record = _read(seq, line)
            if exclusions.hides(record):
                continue
            reader.load_missing(record.outcomes.values(), lambda digest: policy_cache.load_head(session, digest))
            subject = Subject(record.subject, record.kind)
            for each in placed_decisions(reader, subject, day, seq, record.outcomes):
                days[each.place][day] = each.assignment
    return {where: periods_of(assignments) for where, assignments in days.items()}


def _read(seq: int, line: bytes) -> _Line:
    with reading_row("decision", seq):
        return _DECODER.decode(line)
