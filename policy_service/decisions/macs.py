"""MACs of what is written outside the log, in the lane `decisions`: of decision records, and of subjects' keys.

A record is in no log entry for some seconds. Its MAC, with the key used for the log's entries, distinguishes a record
that the service wrote from a forged one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import sqlalchemy
from sqlalchemy import Row
from sqlmodel import Session, SQLModel, col, func, select

from policy_service.actor import Actor
from policy_service.audit.coverage import column_values, read_rows, row_digest, row_key
from policy_service.audit.events import LogKeyAdded, SubjectErased
from policy_service.audit.keys import KeyUnavailable
from policy_service.audit.log_key import LogKey, key_id_of, lost_key_error, read_log_keys
from policy_service.audit.service import ensure_log_key, last_log_key_id, rotate_log_key
from policy_service.audit.tables import AuditAbout, AuditEntry
from policy_service.canonical import digest
from policy_service.clock import timestamp
from policy_service.database import LATEST, NEVER, Database, Transaction, database_of
from policy_service.database.declared import table_of
from policy_service.decisions.record import read_record
from policy_service.decisions.state_tables import POPULATION, SubjectKeyRow, population_key
from policy_service.decisions.tables import DecisionRow
from policy_service.integrity import DamagedRecord
from policy_service.messages import Message
from policy_service.subject import CUSTOMER

_DECISIONS = table_of(DecisionRow)
FEW = 20
"""Records read to find one with a valid MAC."""
_SUBJECT_KEYS = table_of(SubjectKeyRow)
_OF_POPULATIONS = _SUBJECT_KEYS.c.kind == POPULATION


def last_decision_seq(session: Session) -> int:
    """Return the number of the last record; 0 if there is none."""
    return session.exec(select(func.max(DecisionRow.seq))).one() or 0


def begin_mac_key(transaction: Transaction, folder: Path) -> None:
    """Take the first key of the log into use, if there is none yet. Raises KeyUnavailable."""
    session = transaction.session
    is_first = last_log_key_id(session) is None
    key = ensure_log_key(transaction, folder, decisions=last_decision_seq(session))
    if is_first:
        _renew_subject_key_macs(session, key)


def rotate_mac_key(transaction: Transaction, actor: Actor, folder: Path, *, is_lost: bool) -> LogKey:
    """Take a new key of the log into use. Raises KeyUnavailable."""
    session = transaction.session
    key = rotate_log_key(transaction, actor, folder, decisions=last_decision_seq(session), is_lost=is_lost)
    if is_lost:
        _renew_subject_key_macs(session, key)
    return key


def _renew_subject_key_macs(session: Session, key: LogKey) -> None:
    """Compute the MACs of all subjects' keys with a new key, without checking the old ones."""
    for row in session.exec(select(SubjectKeyRow)):
        row.mac = mac_of_subject_key(key, row)
    session.flush()


class MacKeys(NamedTuple):
    """The available keys, the number of the last record that may lack a MAC, and all keys that the log named."""

    keys: Mapping[str, LogKey]
    last_without_mac: int
    named: frozenset[str]

    def mac_fault(self, row: DecisionRow | Row[Any, Any, Any, Any]) -> str | None:
        """Return the fault of a record's MAC; None if it has none, or no key can check it."""
        key = self.keys.get(key_id_of(row.mac))
        if key is not None:
            is_valid = key.verifies(row.mac, "decision", row.digest.encode())
        else:
            is_valid = row.mac is None or key_id_of(row.mac) in self.named
            is_valid &= not self.keys or row.seq <= self.last_without_mac
        if is_valid:
            return None
        return Message("decision record {seq} was added or altered: its MAC is not that of the log's key", seq=row.seq)

    def require_written(self, row: DecisionRow | Row[Any, Any, Any, Any]) -> None:
        """Check that the service wrote a record unaltered. Raises DamagedRecord."""
        if digest(row.line) != row.digest or self.mac_fault(row) is not None:
            raise DamagedRecord("decision", str(row.seq))


def _last_at(session: Session) -> datetime | None:
    """Return when the last record with a valid MAC was made, among a few of the newest."""
    query = sqlalchemy.select(_DECISIONS.c.seq, _DECISIONS.c.line, _DECISIONS.c.digest, _DECISIONS.c.mac)
    rows = session.connection().execute(query.order_by(_DECISIONS.c.seq.desc()).limit(FEW)).all()
    macs = read_mac_keys(session) if rows else None
    for row in rows:
        if macs is not None and macs.mac_fault(row) is None and digest(row.line) == row.digest:
            return read_record(row.line).decided_at
    return NEVER if rows else None


LATEST.append(_last_at)


class LogKeyMissing(KeyUnavailable):
    """The key of the log cannot be read: records made without it would look forged."""

    kind = "not-ready"
    retry_seconds = 5

    @property
    def detail(self) -> str:
        """Return what is missing; the folder is only told to the operator."""
        return Message("the key of the log, `log.key`, cannot be read: nothing is recorded until it is there again")


def current_mac_key(session: Session) -> LogKey | None:
    """Return the key in use; None if the log never had one. Raises LogKeyMissing."""
    database = database_of(session)
    try:
        keys = read_log_keys(database.keys if database else None)
    except KeyUnavailable as error:
        raise LogKeyMissing(str(error)) from None
    if not keys and (id_ := last_log_key_id(session)) is not None:
        raise LogKeyMissing(str(lost_key_error(id_)))
    return next(reversed(keys.values()), None)


def missing_mac_key(database: Database) -> str | None:
    """Return why nothing can be recorded, if the key of the log is missing."""
    try:
        with database.read() as session:
            current_mac_key(session)
    except LogKeyMissing as error:
        return error.detail
    return None


def read_mac_keys(session: Session, keys: Mapping[str, LogKey] | None = None) -> MacKeys:
    """Return the keys that check MACs: those given, or those of the folder. Raises KeyUnavailable."""
    database = database_of(session)
    available = read_log_keys(database.keys if database else None) if keys is None else keys
    query = select(AuditEntry.line).where(AuditEntry.event == LogKeyAdded.name).order_by(col(AuditEntry.seq))
    bodies = [msgspec.json.decode(line)["body"] for line in session.connection().execute(query).scalars()]
    last_unprotected = [body["decisions"] for body in bodies if body["before"] is None or body["lost"]]
    named = frozenset(body["log_key"] for body in bodies)
    return MacKeys(available if last_unprotected else {}, max(last_unprotected, default=0), named)


def mac_of_record(key: LogKey | None, digest: str) -> str | None:
    """Return the MAC of a record with a digest."""
    return None if key is None else key.mac("decision", digest.encode())


def mac_of_subject_key(key: LogKey | None, row: SubjectKeyRow) -> str | None:
    """Return the MAC of a row with a subject's key."""
    return None if key is None else key.mac("subject key", _content(column_values(row)))


def subject_key_faults(session: Session, keys: Mapping[str, LogKey]) -> Iterator[str]:
    """Yield a message for each subject's key that the service did not write, or that was restored after an erasure."""
    erased = last_erasures(session)
    for values in read_rows(session.connection(), _SUBJECT_KEYS):
        names = {"subject": row_key(_SUBJECT_KEYS, values)}
        key = keys.get(key_id_of(values["mac"]))
        if keys and (key is None or not key.verifies(values["mac"], "subject key", _content(values))):
            yield Message("the key of the subject {subject} was added or altered: its MAC is not right", **names)
        if str(values["created_at"]) < erased.get((values["subject"], values["kind"]), ""):
            yield Message("the key of the subject {subject} was put back: the subject had been erased", **names)
    there = {(row["subject"], row["kind"]) for row in read_rows(session.connection(), _SUBJECT_KEYS, _OF_POPULATIONS)}
    for row in read_rows(session.connection(), SQLModel.metadata.tables["population"]):
        if (key_name := population_key(row["id"], row["generation"])) not in there:
            yield Message("the key of the subject {subject} was removed: a population needs it", subject=key_name.id)


def _content(values: Mapping[str, Any]) -> bytes:
    return row_digest(_SUBJECT_KEYS, {**values, "mac": None}).encode()


def last_erased_at(session: Session) -> datetime | None:
    """Return when a subject was last erased; None if none was."""
    query = select(AuditEntry.at).where(AuditEntry.event == SubjectErased.name)
    return session.exec(query.order_by(col(AuditEntry.seq).desc()).limit(1)).first()


def last_erasures(session: Session, names: Collection[str] | None = None) -> dict[tuple[str, str], str]:
    """Return when each subject was last erased; with `names`, only subjects with one of these identifiers."""
    query = select(AuditEntry.at, AuditEntry.line).where(AuditEntry.event == SubjectErased.name)
    if names is not None:
        query = query.join(AuditAbout, col(AuditEntry.seq) == col(AuditAbout.seq))
        query = query.where(col(AuditAbout.about).in_([f"subject:{name}" for name in names]))
    erased_at: dict[tuple[str, str], str] = {}
    at: datetime
    for at, line in session.exec(query.order_by(col(AuditEntry.seq))):
        body = msgspec.json.decode(line)["body"]
        erased_at[body["subject"], body.get("kind", CUSTOMER)] = timestamp(at)
    return erased_at
