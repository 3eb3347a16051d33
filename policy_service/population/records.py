"""The service's own decision records as a population: of every subject the facts of its latest decision.

Facts grow old: the day of each decision is written beside the answers, and a subject whose latest decision is older
than a limit is refused as such. Facts are not written into the result, and about a subject that was erased nothing is
decided.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Sequence
from collections.abc import Mapping as ReadOnly
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import pyarrow as pa
from sqlalchemy import select as select_columns
from sqlmodel import Session, col, func, select

from policy_service.clock import timestamp
from policy_service.database import Database
from policy_service.database.declared import table_of
from policy_service.decisions.macs import MacKeys, last_erasures, read_mac_keys
from policy_service.decisions.record import DecisionRecord, decode_fact, read_row
from policy_service.decisions.record_queries import last_archived_seq
from policy_service.decisions.subjects import ERASED, FactCipher
from policy_service.decisions.tables import DecisionRow
from policy_service.language.policy import Policy
from policy_service.population.errors import PopulationRejected, RejectedRow
from policy_service.population.mapping import Mapping
from policy_service.population.previous_facts import PreviousFacts
from policy_service.population.source import PART_ROWS, RawPart, heading_problems
from policy_service.subject import Subject

_DECISIONS = table_of(DecisionRow)
_ROWS = select_columns(*(_DECISIONS.c[name] for name in ("seq", "subject", "kind", "line", "digest", "mac")))
"""Columns in place of objects, which take longer to make than a record to read."""
FETCH_SIZE = 500
"""Records fetched at a time."""
NAME = "decision records"
OWN = ("subject", "decided_on")
"""The columns that are written beside the answers."""


@dataclass(frozen=True)
class RecordSource:
    """The latest decisions of all subjects of a kind."""

    digest: str
    """Of the digests of the records, in the order of the subjects, their last outcomes, the age that counts, and all
    erasures: what was worked out before one is not used after it."""
    headings: tuple[str, ...]
    mapping: Mapping
    as_of: date
    max_age: int | None
    """Days."""
    _session: Session
    _keys: MacKeys
    _cipher: FactCipher
    _seqs: Sequence[int]
    _erased_at: ReadOnly[tuple[str, str], str]
    _previous: PreviousFacts
    label: str = NAME
    encoding: None = None
    is_encrypted: bool = True
    types: None = None
    written: int = len(OWN)

    def parts(self) -> Iterator[RawPart]:
        """All records, part by part."""
        for start in range(0, len(self._seqs), PART_ROWS):
            rows: list[int] = []
            cells: list[list[Any]] = []
            rejected: list[RejectedRow] = []
            for number, (record, previous) in enumerate(self._records(start), start + 1):
                facts = self._cipher.readable_facts(self._session, record.subject, record.decision_id, record.facts)
                if (reason := self._reason(record, facts)) is not None:
                    rejected.append(RejectedRow(number, None, record.subject.id, reason))
                    continue
                rows.append(number)
                names = self.headings[self.written :]
                given = [_cell(previous.get(name, decode_fact(facts.get(name)))) for name in names]
                cells.append([record.subject.id, record.as_of.isoformat(), *given])
            columns = list(zip(*cells, strict=True)) or [()] * len(self.headings)
            arrays = [pa.array(column, pa.string()) for column in columns[: self.written]]
            yield RawPart(rows, [None] * len(rows), columns, arrays, tuple(rejected))

    def _records(self, start: int) -> Iterator[tuple[DecisionRecord, ReadOnly[str, Any]]]:
        """The records of a part, each with the last outcomes of its subject."""
        for first in range(start, min(start + PART_ROWS, len(self._seqs)), FETCH_SIZE):
            seqs = self._seqs[first : min(first + FETCH_SIZE, start + PART_ROWS)]
            records = [read_row(row.seq, row.line) for row in _rows(self._session, self._keys, seqs)]
            subjects = [record.subject for record in records]
            yield from zip(records, self._previous.read(self._session, subjects, self.as_of), strict=True)

    def _reason(self, record: DecisionRecord, facts: dict[str, Any]) -> str | None:
        """The reason why nothing is decided about the subject, or None."""
        is_erased = timestamp(record.decided_at) <= self._erased_at.get((record.subject.id, record.subject.kind), "")
        if is_erased or any(value == ERASED for value in facts.values()):
            return "the facts of the latest decision were erased"
        age = (self.as_of - record.as_of).days
        if self.max_age is not None and age > self.max_age:
            return f"the latest decision is {age} days old, and not {self.max_age} at most"
        return None


@contextmanager
def open_records(  # noqa: PLR0913  # which records, and until when
    database: Database,
    cipher: FactCipher,
    kind: str,
    as_of: date,
    max_age: int | None = None,
    *,
    until: int | None = None,
    decided_after: int | None = None,
    filled: Collection[str] = (),
    policies: Collection[Policy] = (),
) -> Iterator[RecordSource]:
    """The latest decisions of all subjects of a kind by the day `as_of`, at most `max_age` days old on it.

    `until` is the number of the last record that counts: what was read then is read again. Only subjects with a record
    of a number above `decided_after` are there, whatever day it is for. Facts that are `filled` from
    elsewhere are left out; those of `policies` that are their own last outcomes are what the group lists say before
    `as_of`, or what the latest decision was told where they say nothing. Raises PopulationRejected, DamagedRecord.
    """
    previous = PreviousFacts(policies, kind)
    with database.read() as session:
        in_database = col(DecisionRow.seq) > last_archived_seq(session)
        latest = select(func.max(col(DecisionRow.seq))).where(DecisionRow.kind == kind, in_database)
        latest = latest.where(col(DecisionRow.as_of) <= as_of)
        if until is not None:
            latest = latest.where(col(DecisionRow.seq) <= until)
        if decided_after is not None:
            later = select(DecisionRow.subject).where(DecisionRow.kind == kind, col(DecisionRow.seq) > decided_after)
            latest = latest.where(col(DecisionRow.subject).in_(later))
        latest = latest.group_by(col(DecisionRow.subject))
        seqs = session.exec(latest.order_by(col(DecisionRow.subject))).all()
        erased_at = last_erasures(session)
        digest, names = hashlib.sha256(repr((max_age, sorted(erased_at.items()))).encode()), set(previous.names)
        keys = read_mac_keys(session)
        for row in _rows(session, keys, seqs):
            digest.update(row.digest.encode())
            names.update(read_row(row.seq, row.line).facts)
        for start in range(0, len(seqs) if previous.names else 0, FETCH_SIZE):
            records = _rows(session, keys, seqs[start : start + FETCH_SIZE])
            subjects = [Subject(row.subject, row.kind) for row in records]
            digest.update(repr(previous.read(session, subjects, as_of)).encode())
        headings = (*OWN, *sorted(names.difference(filled)))
        if problems := heading_problems(headings):
            raise PopulationRejected([f"{NAME}: {problem}" for problem in problems])
        found = f"sha256:{digest.hexdigest()}"
        yield RecordSource(found, headings, Mapping(), as_of, max_age, session, keys, cipher, seqs, erased_at, previous)


def _rows(session: Session, keys: MacKeys, seqs: Sequence[int]) -> Iterator[Any]:
    """The rows of these numbers, in this order, each as the service wrote it. Raises DamagedRecord."""
    for start in range(0, len(seqs), FETCH_SIZE):
        wanted = seqs[start : start + FETCH_SIZE]
        rows = {row.seq: row for row in session.connection().execute(_ROWS.where(_DECISIONS.c.seq.in_(wanted)))}
        for seq in wanted:
            keys.require_written(rows[seq])
            yield rows[seq]


def _cell(value: Any) -> Any:  # noqa: ANN401  # JSON
    """A fact as a cell: numbers by their text, so that 1 and true are two."""
    match value:
        case bool() | None:
            return value
        case int():
            return str(value)
        case Decimal():
            return format(value, "f")
        case list():
            return tuple(value)
        case _:
            return value
