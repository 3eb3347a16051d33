"""The latest facts of subjects, read from their decision records.

    with database.read() as session:
        reader = FactsReader(session, cipher, kind, as_of)
        for latest in reader.read(next_subjects(session, kind, after="", limit=32), facts): ...

A record holds the facts that its policies read. So the newest record with a policy that reads a fact has its latest
value, or says that it was not given; older values no longer count. Records from before an erasure have none, nor do
archived records.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import bindparam, func, select
from sqlmodel import Session

from policy_service.clock import timestamp
from policy_service.database.declared import table_of
from policy_service.decisions.encryption import is_encrypted
from policy_service.decisions.groups.merged import read_merges
from policy_service.decisions.macs import last_erasures, read_mac_keys
from policy_service.decisions.masking import MASK
from policy_service.decisions.record import DecisionRecord, VersionUsed, decode_fact, is_archived, read_row
from policy_service.decisions.record_queries import last_archived_seq
from policy_service.decisions.subjects import ERASED, FactCipher
from policy_service.decisions.tables import DecisionRow
from policy_service.registry import policy_cache
from policy_service.subject import Subject

MAX_RECORDS = 50
"""Maximum number of records of one subject that are read, from the newest."""
_C = table_of(DecisionRow).c
_NEWEST = (
    select(_C.seq, _C.line, _C.digest, _C.mac)
    .where(_C.subject == bindparam("its_subject"), _C.kind == bindparam("its_kind"), _C.as_of <= bindparam("last_day"))
    .order_by(_C.as_of.desc(), _C.seq.desc())
    .limit(MAX_RECORDS)
)


@dataclass(slots=True)
class LatestFacts:
    """The facts of a subject by its latest records."""

    subject: Subject
    facts: dict[str, Any] = field(default_factory=dict)
    """Values by name, as the client gave them."""
    told_on: dict[str, date] = field(default_factory=dict)
    """The day of the decision that gave each fact, or recorded it as not given."""
    evaluated: set[str] = field(default_factory=set)
    """The policies that were evaluated about the subject."""
    newest: DecisionRecord | None = None
    """The newest record; None if nothing was decided, or all of it before an erasure."""
    erased: set[str] = field(default_factory=set)
    """The policies that were evaluated before the subject was erased."""
    archived: set[str] = field(default_factory=set)
    """The policies evaluated in archived records."""

    def oldest(self, names: Collection[str]) -> date | None:
        """Return the day of the oldest of some facts; None if none of them was ever given."""
        return min((day for name, day in self.told_on.items() if name in names), default=None)


def next_subjects(session: Session, kind: str, after: str, limit: int) -> list[str]:
    """Return the identifiers of subjects of a kind with records, after `after`, in the order of the database."""
    query = select(_C.subject).where(_C.subject > after, _C.kind == kind).distinct().order_by(_C.subject).limit(limit)
    return list(session.connection().execute(query).scalars())


def count_subjects(session: Session, kind: str) -> int:
    """Return the number of subjects of a kind with records."""
    return session.connection().execute(select(func.count(_C.subject.distinct())).where(_C.kind == kind)).scalar_one()


class FactsReader:
    """Reads the latest facts of subjects of one kind, from decisions for a day or an earlier one."""

    def __init__(self, session: Session, cipher: FactCipher, kind: str, as_of: date) -> None:
        self._session, self._cipher, self._kind, self._as_of = session, cipher, kind, as_of
        self._keys, self._archived = read_mac_keys(session), last_archived_seq(session)

    def read(self, subjects: Sequence[str], needed: Collection[str]) -> Iterator[LatestFacts]:
        """Yield the latest needed facts, and possibly others, of each subject that was not merged into another.

        Raises DamagedRecord, UnknownVersion, DecryptionFailed.
        """
        erased_at, merges = last_erasures(self._session, subjects), read_merges(self._session, subjects)
        for subject in subjects:
            if Subject(subject, self._kind) in merges:
                continue
            yield self._latest(Subject(subject, self._kind), erased_at.get((subject, self._kind), ""), needed)

    def _latest(self, subject: Subject, erased_at: str, needed: Collection[str]) -> LatestFacts:
        latest = LatestFacts(subject)
        for record, is_here in self._records(subject):
            if not is_here:
                latest.archived.update(record.policies)
                continue
            if timestamp(record.decided_at) <= erased_at:
                latest.erased.update(record.policies)
                continue
            latest.newest = latest.newest or record
            latest.evaluated.update(record.policies)
            self._take(latest, record)
            if latest.told_on.keys() >= set(needed):
                break
        return latest

    def _take(self, latest: LatestFacts, record: DecisionRecord) -> None:
        """Add the facts of a record that no newer record gave."""
        names = self._declared(record.policies) - latest.told_on.keys()
        latest.told_on.update(dict.fromkeys(names, record.as_of))
        stored = {name: value for name, value in record.facts.items() if name in names}
        readable = self._cipher.readable_facts(self._session, record.subject, record.decision_id, stored)
        latest.facts.update({name: decode_fact(value) for name, value in readable.items() if value != ERASED})

    def _declared(self, versions: Mapping[str, VersionUsed]) -> set[str]:
        heads = (policy_cache.load_head(self._session, each.digest) for each in versions.values())
        return {name for head in heads for name in head.facts}

    def _records(self, subject: Subject) -> Iterator[tuple[DecisionRecord, bool]]:
        """Yield the records of a subject, newest first, each with True if its facts are here, False if archived."""
        names = {"its_subject": subject.id, "its_kind": subject.kind, "last_day": self._as_of}
        with closing(self._session.connection().execute(_NEWEST, names)) as rows:
            for row in rows:
                is_here = row.seq > self._archived or not is_archived(row.line)
                if is_here:
                    self._keys.require_written(row)
                yield read_row(row.seq, row.line), is_here


def masked_record(stored: Mapping[str, Any], readable: Mapping[str, Any]) -> dict[str, Any]:
    """Return stored facts for display: numbers by their digits, a mask for an encrypted or erased value."""
    return {name: ERASED if readable[name] == ERASED else _shown(value) for name, value in stored.items()}


def _shown(value: Any) -> Any:  # noqa: ANN401  # JSON
    if is_encrypted(value):
        return MASK
    if isinstance(value, list):
        return [_shown(each) for each in value]
    decoded = decode_fact(value)
    return decoded if decoded is None or isinstance(decoded, bool | int | str) else str(decoded)
