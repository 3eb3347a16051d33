"""Asks the log for the rows of one change, suspension, override or population, before anything is done by them.

    entries about it, vouched by their MACs ──► [table, key, digest] of rows written ──► the rows there are
    entries `rows_taken`, of rows as they were found at an upgrade ──┘                  else ──► TamperedRecord

Their number is that of what was done to the one thing, not that of the log. The rows of an act always come before its
event, so an entry that is about the thing records them. An entry whose key was lost is vouched by the chain, up to the
entry that says so.
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
"""The tables that say what was done to a thing, each with the column that says to which. Texts and reports lie under
their digests, which these rows name."""
_Row = tuple[str, str]
"""A table and a key."""
_ENTRY = sqlalchemy.select(col(AuditEntry.seq), col(AuditEntry.line), col(AuditEntry.mac)).order_by(col(AuditEntry.seq))


def require_logged(session: Session, kind: LoggedKind, name: str) -> None:
    """See to it that the rows of a thing are those that the log records. Raises TamperedRecord, KeyUnavailable.

    A log without MACs attests to nothing, and the rows are taken as they are.
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
    """See to it that the log records everything in force, as far as this process guards it.

    Raises TamperedRecord, KeyUnavailable.
    """
    guard = guard_of(session)
    if guard is not None and (faults := guard.compare(session, IN_FORCE)):
        raise TamperedRecord(IN_FORCE[0], "", faults[0])


def require_account_logged(session: Session, account: str) -> None:
    """See to it that a person's account is what the log says, as far as it is guarded.

    Raises TamperedRecord, KeyUnavailable.
    """
    guard = guard_of(session)
    if guard is not None and not guard.owner_matches_now(session, ACCOUNTS, account):
        raise TamperedRecord("account", account)


def _stored_rows(session: Session, kind: LoggedKind, name: str) -> dict[_Row, str]:
    """Return the digests of the rows there are."""
    rows: dict[_Row, str] = {}
    for each, column in TABLES[kind].items():
        table = SQLModel.metadata.tables[each]
        for values in read_rows(session.connection(), table, table.c[column] == name):
            rows[each, row_key(table, values)] = row_digest(table, values)
    return rows


def _logged_rows(
    session: Session, keys: Mapping[str, LogKey], kind: LoggedKind, name: str, stored_rows: Mapping[_Row, str]
) -> dict[_Row, str | None]:
    """Return the digests of the rows that the log records, by the newest entry; none of a row that was deleted."""
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
    """The entries about a thing, and those of rows as they were found that bear one of its marks; oldest first."""
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
    """Return the entries from one on that the chain attests to, up to the next that records a lost key; else none."""
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
