"""The service's own decision records as a population: the facts of each subject's latest decision.

Facts become outdated: the day of each decision is written with the answers, and a subject whose latest decision is too
old is rejected. Facts are not part of the result, and erased subjects are not decided.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator, Sequence
from collections.abc import Mapping as ReadOnly
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeVar

import msgspec
import pyarrow as pa
from sqlalchemy import bindparam
from sqlalchemy import select as select_columns
from sqlmodel import Session, col, func, select

from policy_service.database import Database
from policy_service.database.declared import table_of
from policy_service.decisions.encryption import ENCRYPTED
from policy_service.decisions.macs import last_erasures, read_mac_keys
from policy_service.decisions.record import decode_fact
from policy_service.decisions.record_queries import last_archived_seq
from policy_service.decisions.subjects import ERASED, FactCipher
from policy_service.decisions.tables import DecisionRow
from policy_service.integrity import reading_row
from policy_service.language.policy import Policy
from policy_service.population.cells import Cells
from policy_service.population.errors import PopulationRejected, RejectedRow
from policy_service.population.mapping import Mapping
from policy_service.population.previous_facts import PreviousFacts
from policy_service.population.source import PART_ROWS, RawPart, heading_problems
from policy_service.subject import CUSTOMER, Subject

_Read = TypeVar("_Read")
_DECISIONS = table_of(DecisionRow)
_ROWS = select_columns(*(_DECISIONS.c[name] for name in ("seq", "subject", "kind", "line", "digest", "mac"))).where(
    _DECISIONS.c.seq.in_(bindparam("seqs", expanding=True))
)
"""Selects columns instead of objects, which take longer to create than a record to parse."""
_SEALED = f'"{ENCRYPTED}"'.encode()
"""The bytes in a line with an encrypted fact."""
FETCH_SIZE = 500
"""Records per query."""
NAME = "decision records"
OWN = ("subject", "decided_on")
"""The columns written with the answers."""


class _FactNames(msgspec.Struct):
    """The names of the facts of a record."""

    facts: dict[str, msgspec.Raw]


class _Facts(msgspec.Struct):
    """The members of a record about its subject; parsing the rest of the line would take longer."""

    decision_id: str
    subject: str
    as_of: str
    decided_at: str
    facts: dict[str, Any]
    kind: str = CUSTOMER

    def named(self) -> Subject:
        """Return the subject."""
        return Subject(self.subject, self.kind)


_READ_NAMES, _READ_FACTS = msgspec.json.Decoder(_FactNames).decode, msgspec.json.Decoder(_Facts).decode


@dataclass(frozen=True)
class RecordSource:
    """The latest decisions of all subjects of a kind."""

    digest: str
    """The digest of the records' digests in the order of subjects, their previous outcomes, the maximum age, and all
    erasures, so that results from before an erasure are not reused.
    """
    headings: tuple[str, ...]
    mapping: Mapping
    as_of: date
    max_age: int | None
    """Days."""
    _session: Session
    _cipher: FactCipher
    _seqs: Sequence[int]
    _erased_at: ReadOnly[tuple[str, str], str]
    _previous: PreviousFacts
    label: str = NAME
    encoding: None = None
    is_encrypted: bool = True
    types: None = None
    written: int = len(OWN)

    @property
    def count(self) -> int:
        """The number of records."""
        return len(self._seqs)

    def parts(self) -> Iterator[RawPart]:
        """Yield all records, in parts."""
        for start in range(0, len(self._seqs), PART_ROWS):
            rows: list[int] = []
            cells: list[list[Any]] = []
            rejected: list[RejectedRow] = []
            names = self.headings[self.written :]
            for number, (record, facts, previous) in enumerate(self._records(start), start + 1):
                if (reason := self._reason(record, facts)) is not None:
                    rejected.append(RejectedRow(number, None, record.subject, reason))
                    continue
                rows.append(number)
                given = {**facts, **previous} if previous else facts
                cells.append([record.subject, record.as_of, *(_cell(given.get(name)) for name in names)])
            columns: list[Cells] = [_column(each) for each in zip(*cells, strict=True)] or [()] * len(self.headings)
            arrays = [pa.array(column, pa.string()) for column in columns[: self.written]]
            yield RawPart(rows, [None] * len(rows), columns, arrays, tuple(rejected))

    def _records(self, start: int) -> Iterator[tuple[_Facts, ReadOnly[str, Any], ReadOnly[str, Any]]]:
        """Yield the records of a part, each with its decrypted facts and its subject's previous outcomes."""
        for first in range(start, min(start + PART_ROWS, len(self._seqs)), FETCH_SIZE):
            seqs = self._seqs[first : min(first + FETCH_SIZE, start + PART_ROWS)]
            rows = list(_rows(self._session, seqs))
            records = [_read(_READ_FACTS, row) for row in rows]
            previous: list[dict[str, Any]] = [{}] * len(records)
            if self._previous.names:
                previous = self._previous.read(self._session, [record.named() for record in records], self.as_of)
            for row, record, its in zip(rows, records, previous, strict=True):
                facts = record.facts
                if _SEALED in row.line:
                    facts = self._cipher.readable_facts(self._session, record.named(), record.decision_id, facts)
                yield record, facts, its

    def _reason(self, record: _Facts, facts: ReadOnly[str, Any]) -> str | None:
        """Return why the subject is not decided; None if it is."""
        erased = self._erased_at and record.decided_at <= self._erased_at.get(record.named(), "")
        if erased or (facts is not record.facts and ERASED in facts.values()):
            return "the facts of the latest decision were erased"
        if self.max_age is not None and (age := (self.as_of - date.fromisoformat(record.as_of)).days) > self.max_age:
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
    """Open the latest decisions of all subjects of a kind by the day `as_of`, at most `max_age` days old then.

    `until` is the number of the last record, to repeat an earlier read. With `decided_after`, only subjects with a
    record after that number are included, whatever its day. The facts of `policies` that are previous outcomes come
    from the group lists before `as_of`, or from the latest decision if the lists have none. Raises PopulationRejected,
    DamagedRecord.
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
        for row in _rows(session, seqs):  # safe to read again: the session is a snapshot
            keys.require_written(row)
            digest.update(row.digest.encode())
            names.update(_read(_READ_NAMES, row).facts)
        for start in range(0, len(seqs) if previous.names else 0, FETCH_SIZE):
            rows = _rows(session, seqs[start : start + FETCH_SIZE])
            subjects = [Subject(row.subject, row.kind) for row in rows]
            digest.update(repr(previous.read(session, subjects, as_of)).encode())
        headings = (*OWN, *sorted(names.difference(filled)))
        if problems := heading_problems(headings):
            raise PopulationRejected([f"{NAME}: {problem}" for problem in problems])
        found = f"sha256:{digest.hexdigest()}"
        yield RecordSource(found, headings, Mapping(), as_of, max_age, session, cipher, seqs, erased_at, previous)


def _rows(session: Session, seqs: Sequence[int]) -> Iterator[Any]:
    """Yield the rows of these numbers, in this order."""
    for start in range(0, len(seqs), FETCH_SIZE):
        wanted = seqs[start : start + FETCH_SIZE]
        rows = {row.seq: row for row in session.connection().execute(_ROWS, {"seqs": wanted})}
        yield from map(rows.__getitem__, wanted)


def _read(decode: Callable[[bytes], _Read], row: Any) -> _Read:  # noqa: ANN401  # a row of SQLAlchemy
    """Parse a row. Raises DamagedRecord."""
    with reading_row("decision", row.seq):
        return decode(row.line)


def _column(cells: Sequence[Any]) -> Cells:
    """Return the cells as an array, if all are texts."""
    try:
        return pa.array(cells, pa.string())
    except (pa.ArrowTypeError, pa.ArrowInvalid):
        return cells


def _cell(fact: Any) -> Any:  # noqa: ANN401  # JSON
    """Return a fact of a record as a cell: numbers by their text, so that 1 and true are two."""
    match fact:
        case str() | bool() | None:
            return fact
        case int():
            return str(fact)
        case list():
            return tuple(map(decode_fact, fact))
        case _:
            return format(decode_fact(fact), "f")
