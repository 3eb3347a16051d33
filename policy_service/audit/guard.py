"""Keeps a running service from acting on rows that the log does not tell of.

    a table that moved ──► the sum of its rows' tags == the state that the last entry tells of ──► taken up
                                                   else ──► a fault; what was taken up before stays what is known

Whoever takes something up asks `faults_in` first: it costs nothing until governance writes. Whoever lets somebody in
asks `knows` for that one's rows, which are compared each time, since a row can be altered while nobody writes. Sessions
are many and short: `tells` asks the entry of the same instant for them. Whoever writes governance by what is in force
asks `compare`; the rows of the one change, suspension or override are `audit.telling`'s.

A database without MACs, or a process that guards nothing, has no guard, and all is taken as it is.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import sqlalchemy
from sqlalchemy import Table
from sqlmodel import Session, SQLModel, col

from policy_service.audit.chain import Entry, NotAnEntry, read_entry
from policy_service.audit.coverage import read_rows, row_digest, row_key
from policy_service.audit.log_key import LogKey, id_of, read_log_keys
from policy_service.audit.rows import MODULUS, TableState, digest_of_states, read_states, tag
from policy_service.audit.shadow import Shadow
from policy_service.audit.tables import AuditEntry
from policy_service.database import LATEST, NEVER, Database, count, database_of
from policy_service.sentences import Sentence

IN_FORCE = ("activation", "cancellation")
OVERRIDES = ("override", "override_signature", "override_end")
API_KEYS = ("api_key", "api_key_revocation")
ACCOUNTS: Mapping[str, str] = {"account": "id", "account_change": "account", "credential": "account"}
"""The tables that say who may do what, each with the column that says whose row it is."""
MANY = 20
"""Faults that are told."""
REMEMBERED = 10_000
"""Rows of sessions that need not be asked for again."""
_Row = tuple[Any, ...]
_guards: WeakKeyDictionary[Database, Guard] = WeakKeyDictionary()


class _Known(NamedTuple):
    """The rows of a table that the log tells of, with their tags, and each owner's."""

    tags: Mapping[_Row, int]
    owned: Mapping[object, frozenset[_Row]]


class Guard:
    """What one process knows to be so."""

    def __init__(self, tables: Collection[str] = (*IN_FORCE, *OVERRIDES, *API_KEYS, *ACCOUNTS)) -> None:
        self._tables = [SQLModel.metadata.tables[name] for name in tables]
        self._lock = threading.Lock()
        self._epoch = -1
        self._key = ""
        self._known: dict[str, _Known] = {}
        self._faults: dict[str, list[str]] = {}
        self._noted: dict[str, None] = {}
        self._told: set[tuple[str, str, str]] = set()

    @property
    def faults(self) -> list[str]:
        """A sentence for each row that is not used, as far as that was seen."""
        found = dict.fromkeys(sentence for each in self._faults.values() for sentence in each)
        return list(found | self._noted)[:MANY]

    def look(self, session: Session) -> None:
        """Compares the tables with what the last entry says, when governance has written since. Raises NoKey."""
        moved = count(session)
        with self._lock:
            if moved > self._epoch:
                self._read(session, self._tables)
                self._epoch = moved

    def faults_in(self, session: Session, tables: Collection[str]) -> list[str]:
        """What keeps the rows of some tables from being taken up. Raises NoKey."""
        self.look(session)
        return [sentence for table in tables for sentence in self._faults.get(table, ())]

    def knows(self, session: Session, tables: Mapping[str, str], owner: str) -> bool:
        """Whether somebody's rows are those that the log tells of; `tables` say by which column. Raises NoKey."""
        self.look(session)
        return self._knows(session, tables, owner)

    def knows_now(self, session: Session, tables: Mapping[str, str], owner: str) -> bool:
        """As `knows`, for a transaction that has not written to the tables yet. Raises NoKey."""
        self.compare(session, tables)
        return self._knows(session, tables, owner)

    def compare(self, session: Session, tables: Collection[str]) -> list[str]:
        """What keeps the rows of some tables from being relied on in a transaction that has not written to them yet.

        They are read again, whether governance has written or not. Raises NoKey.
        """
        with self._lock:
            self._read(session, [SQLModel.metadata.tables[name] for name in tables])
            return [sentence for name in tables for sentence in self._faults.get(name, ())]

    def _knows(self, session: Session, tables: Mapping[str, str], owner: str) -> bool:
        if not keys_of(session):
            return True
        for name, column in tables.items():
            table = SQLModel.metadata.tables[name]
            found = {tuple(row.values()) for row in read_rows(session.connection(), table, table.c[column] == owner)}
            if name not in self._known or found != self._known[name].owned.get(owner, frozenset()):
                self.note(
                    Sentence("the rows of {owner} in `{table}` are not what the log says", owner=owner, table=name)
                )
                return False
        return True

    def tells(self, session: Session, table: Table, values: Mapping[str, Any], *instants: datetime | None) -> bool:
        """Whether the entry of one of the instants tells of a row as it is. Raises NoKey."""
        told, keys = (table.name[:], row_key(table, values), row_digest(table, values)), keys_of(session)
        if not keys or told in self._told:
            return True
        query = sqlalchemy.select(col(AuditEntry.line), col(AuditEntry.mac)).where(
            col(AuditEntry.at).in_([each for each in instants if each is not None])
        )
        for line, mac in session.connection().execute(query):
            entry = vouched(line, mac, keys)
            if entry is not None and told in entry.rows:
                if len(self._told) >= REMEMBERED:
                    self._told.clear()
                self._told.add(told)
                return True
        self.note(Sentence("the row {key} of `{table}` is not what the log says", key=told[1], table=table.name[:]))
        return False

    def note(self, sentence: str) -> None:
        """Remembers what was not used."""
        if len(self._noted) < MANY:
            self._noted[sentence] = None

    def _read(self, session: Session, tables: Collection[Table]) -> None:
        keys = keys_of(session)
        if not keys:
            return
        query = sqlalchemy.select(col(AuditEntry.seq), col(AuditEntry.line), col(AuditEntry.mac))
        last = session.connection().execute(query.order_by(col(AuditEntry.seq).desc()).limit(1)).first()
        states = read_states(session.connection())
        entry = None if last is None else vouched(last.line, last.mac, keys)
        if last is None or entry is None:
            seq = 0 if last is None else last.seq
            told = Sentence("entry {seq} was added or altered: its MAC is not that of the log's key", seq=seq)
            self._faults = {table.name: [told] for table in self._tables}
        elif digest_of_states(states) != entry.rows_state:
            told = Sentence("`log_state` was altered: it is not the one that the last entry tells of")
            self._faults = {table.name: [told] for table in self._tables}
        else:
            key = keys[id_of(last.mac)]
            if key.id != self._key:
                self._known, self._key = {}, key.id
            for table in tables:
                self._compare(session, table, key, states.get(table.name, TableState()))

    def _compare(self, session: Session, table: Table, key: LogKey, state: TableState) -> None:
        """Takes the rows of a table up when they are those of its state."""
        before = self._known[table.name].tags if table.name in self._known else {}
        tags: dict[_Row, int] = {}
        owned: dict[object, set[_Row]] = defaultdict(set)
        owner = ACCOUNTS.get(table.name)
        for values in read_rows(session.connection(), table):
            row = tuple(values.values())
            known = before.get(row)
            tags[row] = tag(key, row_digest(table, values, key)) if known is None else known
            if owner is not None:
                owned[values[owner]].add(row)
        if TableState(len(tags), sum(tags.values()) % MODULUS) == state:
            self._known[table.name] = _Known(tags, {each: frozenset(rows) for each, rows in owned.items()})
            self._faults.pop(table.name, None)
        else:
            self._faults[table.name] = _named(session, table, key)


def guard_of(session: Session) -> Guard | None:
    """The guard of the database that a session belongs to, if it has one."""
    database = database_of(session)
    return None if database is None else of(database)


def begin(database: Database) -> Guard:
    """Guards a database from now on."""
    return _guards.setdefault(database, Guard())


def of(database: Database) -> Guard | None:
    """The guard of a database, if it has one."""
    return _guards.get(database)


def faults_in(session: Session, tables: Collection[str]) -> list[str]:
    """What keeps the rows of some tables from being taken up; nothing where nobody guards. Raises NoKey."""
    guard = guard_of(session)
    return [] if guard is None else guard.faults_in(session, tables)


def keys_of(session: Session) -> Mapping[str, LogKey]:
    """The keys of the MACs of a session's log, by identifier; none for whoever has no folder of keys."""
    database = database_of(session)
    return read_log_keys(database.keys if database else None)


def vouched(line: bytes, mac: str | None, keys: Mapping[str, LogKey]) -> Entry | None:
    """The entry of a line, when its MAC is right."""
    key = keys.get(id_of(mac))
    try:
        return read_entry(line) if key is not None and key.made(mac, "entry", line) else None
    except NotAnEntry:
        return None


def _last_at(session: Session) -> datetime | None:
    """The instant of the last entry whose MAC is right, as far as MACs are checked; of a few that is, at the end."""
    query = (
        sqlalchemy.select(col(AuditEntry.line), col(AuditEntry.mac)).order_by(col(AuditEntry.seq).desc()).limit(MANY)
    )
    rows, keys = session.connection().execute(query).all(), keys_of(session)
    found = (vouched(line, mac, keys) if keys else read_entry(line) for line, mac in rows)
    entry = next((each for each in found if each is not None), None)
    if entry is None:
        return NEVER if rows else None
    return datetime.fromisoformat(entry.at)


LATEST.append(_last_at)


def _named(session: Session, table: Table, key: LogKey) -> list[str]:
    """Which rows of a table are not what the log says: all entries are read for that, as it is rare."""
    with Shadow([table]) as shadow:
        query = sqlalchemy.select(col(AuditEntry.seq), col(AuditEntry.line)).order_by(col(AuditEntry.seq))
        for seq, line in session.connection().execute(query, execution_options={"yield_per": 5_000}):
            if f'"{table.name}"'.encode() in line:
                try:
                    entry = read_entry(line)
                except NotAnEntry:
                    continue
                shadow.take(seq, [row for row in entry.rows if row[0] == table.name], entry.rows_state)
        _, _, faults = shadow.compare(session, {key.id: key})
    return [fault.sentence for fault in faults] or [
        Sentence("the rows of `{table}` are not what the log says", table=table.name[:])
    ]
