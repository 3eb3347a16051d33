"""Checks the rows of one change, suspension, override or population against the log before they are acted on.

    entries about it, authenticated by MACs ──► [table, key, digest] of rows written ──► the rows there are
    entries `rows_taken`, of rows as they were found at an upgrade ──┘                  else ──► TamperedRecord

The number of entries read depends on the object's history, not on the length of the log. The rows of an action are
written before its event, so an entry about the object records them. Entries whose key was lost are authenticated by the
chain, up to the entry that records the loss.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

import sqlalchemy
from sqlmodel import Session, SQLModel, col, or_, select

from policy_service.audit.chain import Entry, InvalidEntry, read_entry
from policy_service.audit.coverage import read_rows, row_digest, row_key
from policy_service.audit.events import LogKeyAdded, RowsTaken
from policy_service.audit.guard import ACCOUNTS, IN_FORCE, authenticated_entry, guard_of, keys_of
from policy_service.audit.log_key import LogKey
from policy_service.audit.tables import AuditAbout, AuditEntry
from policy_service.canonical import digest, to_canonical_json_unchecked
from policy_service.integrity import TamperedRecord

LoggedKind = Literal["change", "suspension", "override", "population"]
TABLES: Mapping[LoggedKind, Mapping[str, str]] = {
    "change": {"change": "id", "change_action": "change", "change_drafted": "change", "change_submitted": "change"},
    "suspension": {"suspension": "id", "ratification": "suspension", "suspension_end": "suspension"},
    "override": {"override": "id", "override_signature": "override", "override_end": "override"},
    "population": {"population": "id"},
}
"""The tables with an object's history, each with the column of the object's id. Texts and reports are stored under
digests that these rows name.
"""
_Row = tuple[str, str]
"""A table and a key."""
_ENTRY = sqlalchemy.select(col(AuditEntry.seq), col(AuditEntry.line), col(AuditEntry.mac)).order_by(col(AuditEntry.seq))


def require_logged(session: Session, kind: LoggedKind, name: str) -> None:
    """Check that an object's rows match the log. Raises TamperedRecord, KeyUnavailable.

    Without MACs the log authenticates nothing, and the rows are accepted unchecked.
    """
    if not (keys := keys_of(session)):
        return
    if not (stored_rows := _stored_rows(session, kind, name)):
        return  # there is no such thing, as the reader is told
    logged_rows = _logged_rows(session, keys, kind, name, stored_rows)
    for row in sorted(stored_rows.keys() | logged_rows.keys()):
        if stored_rows.get(row) != logged_rows.get(row):
            error = TamperedRecord(*row)
            if (guard := guard_of(session)) is not None:
                guard.note(error.fault)
            raise error


def require_in_force_logged(session: Session) -> None:
    """Check that the log records everything in force, if this process guards the database."""
    guard = guard_of(session)
    if guard is not None and (faults := guard.compare(session, IN_FORCE)):
        raise TamperedRecord(IN_FORCE[0], "", faults[0])


def require_account_logged(session: Session, account: str) -> None:
    """Check that an account matches the log, if this process guards the database."""
    guard = guard_of(session)
    if guard is not None and not guard.owner_matches_now(session, ACCOUNTS, account):
        raise TamperedRecord("account", account)


def _stored_rows(session: Session, kind: LoggedKind, name: str) -> dict[_Row, str]:
    """Return the digests of the stored rows."""
    rows: dict[_Row, str] = {}
    for each, column in TABLES[kind].items():
        table = SQLModel.metadata.tables[each]
        for values in read_rows(session.connection(), table, table.c[column] == name):
            rows[each, row_key(table, values)] = row_digest(table, values)
    return rows


def _logged_rows(
    session: Session, keys: Mapping[str, LogKey], kind: LoggedKind, name: str, stored_rows: Mapping[_Row, str]
) -> dict[_Row, str | None]:
    """Return the digests in the newest entries that record the rows; None for a deleted row."""
    logged_rows: dict[_Row, str | None] = {}
    marks = [name.encode(), *(to_canonical_json_unchecked(row)[:-1] for row in stored_rows)]
    for entry in _authenticated_entries(session, keys, f"{kind}:{name}", marks):
        for table, key, current in entry.rows:
            if table not in TABLES[kind] or not ((table, key) in stored_rows or key == name or f'"{name}"' in key):
                continue
            logged_rows[table, key] = current
    return logged_rows


def _authenticated_entries(
    session: Session, keys: Mapping[str, LogKey], about: str, marks: list[bytes]
) -> Iterator[Entry]:
    """Yield the authentic entries about an object, oldest first.

    Includes entries of rows taken as found, if they contain one of its marks.
    """
    matching = select(AuditAbout.seq).where(AuditAbout.about == about)
    query = _ENTRY.where(or_(col(AuditEntry.seq).in_(matching), col(AuditEntry.event) == RowsTaken.name))
    chain_range = range(0)
    for seq, line, mac in session.connection().execute(query):
        if not any(mark in line for mark in marks):
            continue
        entry = authenticated_entry(line, mac, keys)
        if entry is None and mac is not None and seq not in chain_range:
            chain_range = _chain_range(session, keys, seq)
        if entry is None and seq in chain_range:
            entry = read_entry(line)
        if entry is not None and entry.seq == seq and (entry.event == RowsTaken.name or about in entry.about):
            yield entry


def _chain_range(session: Session, keys: Mapping[str, LogKey], first: int) -> range:
    """Return the entries from `first` that the chain authenticates, up to the next record of a lost key."""
    query = _ENTRY.where(col(AuditEntry.event) == LogKeyAdded.name, col(AuditEntry.seq) > first)
    added = (authenticated_entry(line, mac, keys) for _, line, mac in session.connection().execute(query).all())
    end = next((entry for entry in added if entry is not None and entry.body["lost"]), None)
    if end is None:
        return range(0)
    within = _ENTRY.where(col(AuditEntry.seq) >= first, col(AuditEntry.seq) < end.seq)
    expected, previous = first, None
    for _, line, _ in session.connection().execute(within, execution_options={"yield_per": 5_000}):
        try:
            entry = read_entry(line)
        except InvalidEntry:
            return range(0)
        if entry.seq != expected or (previous is not None and entry.previous != previous):
            return range(0)
        expected, previous = expected + 1, digest(line)
    return range(first, end.seq) if (expected, previous) == (end.seq, end.previous) else range(0)
