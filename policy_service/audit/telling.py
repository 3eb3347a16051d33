"""Asks the log for the rows of one change, suspension or override, before anything is done by them.

    entries about it, vouched by their MACs ──► [table, key, digest] of rows written ──► the rows there are
    entries `rows_taken`, of rows as they were found at an upgrade ──┘                  else ──► NotTold

Their number is that of what was done to the one thing, not that of the log. The rows of an act always come before its
event, so an entry that is about the thing tells of them. An entry whose key was lost is vouched by the chain, up to the
entry that says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

import sqlalchemy
from sqlmodel import Session, SQLModel, col, or_, select

from policy_service.audit.chain import Entry, NotAnEntry, read_entry
from policy_service.audit.coverage import read_rows, row_digest, row_key
from policy_service.audit.events import LogKeyAdded, RowsTaken
from policy_service.audit.guard import ACCOUNTS, IN_FORCE, guard_of, keys_of, vouched
from policy_service.audit.log_key import LogKey
from policy_service.audit.tables import AuditAbout, AuditEntry
from policy_service.canonical import canonical_unchecked, digest
from policy_service.damaged import NotTold

Kind = Literal["change", "suspension", "override"]
ROWS: Mapping[Kind, Mapping[str, str]] = {
    "change": {"change": "id", "change_action": "change", "change_drafted": "change", "change_submitted": "change"},
    "suspension": {"suspension": "id", "ratification": "suspension", "suspension_end": "suspension"},
    "override": {"override": "id", "override_signature": "override", "override_end": "override"},
}
"""The tables that say what was done to a thing, each with the column that says to which. Texts and reports lie under
their digests, which these rows name."""
_Row = tuple[str, str]
"""A table and a key."""
_ENTRY = sqlalchemy.select(col(AuditEntry.seq), col(AuditEntry.line), col(AuditEntry.mac)).order_by(col(AuditEntry.seq))


def demand_told(session: Session, kind: Kind, name: str) -> None:
    """Sees to it that the rows of a thing are those that the log tells of. Raises NotTold, NoKey.

    A log without MACs vouches for nothing, and the rows are taken as they are.
    """
    if not (keys := keys_of(session)):
        return
    if not (found := _found(session, kind, name)):
        return  # there is no such thing, as whoever reads it is told
    told = _told(session, keys, kind, name, found)
    for row in sorted(found.keys() | told.keys()):
        if found.get(row) != told.get(row):
            fault = NotTold(*row)
            if (guard := guard_of(session)) is not None:
                guard.note(fault.fault)
            raise fault


def demand_in_force(session: Session) -> None:
    """Sees to it that the log tells of everything in force, as far as this process guards it. Raises NotTold, NoKey."""
    guard = guard_of(session)
    if guard is not None and (faults := guard.compare(session, IN_FORCE)):
        raise NotTold(IN_FORCE[0], "", faults[0])


def demand_account(session: Session, account: str) -> None:
    """Sees to it that somebody's account is what the log says, as far as it is guarded. Raises NotTold, NoKey."""
    guard = guard_of(session)
    if guard is not None and not guard.knows_now(session, ACCOUNTS, account):
        raise NotTold("account", account)


def _found(session: Session, kind: Kind, name: str) -> dict[_Row, str]:
    """The digests of the rows there are."""
    found: dict[_Row, str] = {}
    for each, column in ROWS[kind].items():
        table = SQLModel.metadata.tables[each]
        for values in read_rows(session.connection(), table, table.c[column] == name):
            found[each, row_key(table, values)] = row_digest(table, values)
    return found


def _told(
    session: Session, keys: Mapping[str, LogKey], kind: Kind, name: str, found: Mapping[_Row, str]
) -> dict[_Row, str | None]:
    """The digests of the rows that the log tells of, by the newest entry; none of a row that was deleted."""
    told: dict[_Row, str | None] = {}
    marks = [name.encode(), *(canonical_unchecked(row)[:-1] for row in found)]
    for entry in _vouched_entries(session, keys, f"{kind}:{name}", marks):
        for table, key, is_now in entry.rows:
            if table not in ROWS[kind] or not ((table, key) in found or key == name or f'"{name}"' in key):
                continue
            told[table, key] = is_now
    return told


def _vouched_entries(session: Session, keys: Mapping[str, LogKey], about: str, marks: list[bytes]) -> Iterator[Entry]:
    """The entries about a thing, and those of rows as they were found that bear one of its marks; oldest first."""
    mine = select(AuditAbout.seq).where(AuditAbout.about == about)
    query = _ENTRY.where(or_(col(AuditEntry.seq).in_(mine), col(AuditEntry.event) == RowsTaken.name))
    chained = range(0)
    for seq, line, mac in session.connection().execute(query):
        if not any(mark in line for mark in marks):
            continue
        entry = vouched(line, mac, keys)
        if entry is None and mac is not None and seq not in chained:
            chained = _chained(session, keys, seq)
        if entry is None and seq in chained:
            entry = read_entry(line)
        if entry is not None and entry.seq == seq and (entry.event == RowsTaken.name or about in entry.about):
            yield entry


def _chained(session: Session, keys: Mapping[str, LogKey], first: int) -> range:
    """The entries from one on that the chain vouches for, up to the next that tells of a lost key; else none."""
    query = _ENTRY.where(col(AuditEntry.event) == LogKeyAdded.name, col(AuditEntry.seq) > first)
    added = (vouched(line, mac, keys) for _, line, mac in session.connection().execute(query).all())
    end = next((entry for entry in added if entry is not None and entry.body["lost"]), None)
    if end is None:
        return range(0)
    within = _ENTRY.where(col(AuditEntry.seq) >= first, col(AuditEntry.seq) < end.seq)
    expected, previous = first, None
    for _, line, _ in session.connection().execute(within, execution_options={"yield_per": 5_000}):
        try:
            entry = read_entry(line)
        except NotAnEntry:
            return range(0)
        if entry.seq != expected or (previous is not None and entry.previous != previous):
            return range(0)
        expected, previous = expected + 1, digest(line)
    return range(first, end.seq) if (expected, previous) == (end.seq, end.previous) else range(0)
