"""Keeps a running service from acting on rows that the log does not record.

    a table that moved ──► the sum of its rows' tags == the state that the last entry records ──► taken up
            └──► the same without the rows that no entry records ──► taken up without those
                                                   else ──► a fault; what was taken up before stays what is known

After each governance write, a reader that caches rows first calls `usable`, in the same session. Every other ORM query
returns only rows that some entry records: `_leave_out` adds that condition. Authentication calls `owner_matches` for
one person's rows at each request, since a row can be altered without a write by the service. Sign-in sessions are many
and short: `row_matches` reads the entries since one began. A governance write calls `compare` for what is in force;
`audit.row_verification` checks the rows of one change, suspension or override.

A database without MACs, or a process that guards nothing, has no guard: all rows are used.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, cast
from weakref import WeakKeyDictionary

import sqlalchemy
from sqlalchemy import ColumnElement, Table, event, inspect
from sqlalchemy.orm import Mapper, ORMExecuteState, with_loader_criteria
from sqlmodel import Session, SQLModel, col

from policy_service.append_only import schema_faults
from policy_service.audit.chain import Entry, InvalidEntry, read_entry
from policy_service.audit.coverage import FETCH_SIZE, read_rows, row_digest, row_key
from policy_service.audit.expected_rows import ExpectedRows
from policy_service.audit.log_key import LogKey, key_id_of, read_log_keys
from policy_service.audit.rows import MODULUS, TableState, digest_of_states, read_states, tag
from policy_service.audit.tables import AuditEntry
from policy_service.database import LATEST, NEVER, Database, database_of, is_write_session, log_size
from policy_service.messages import Message

IN_FORCE = ("activation", "cancellation")
SUSPENSIONS = ("suspension", "ratification", "suspension_end")
OVERRIDES = ("override", "override_signature", "override_end")
API_KEYS = ("api_key", "api_key_revocation")
ACCOUNTS: Mapping[str, str] = {
    "account": "id",
    "account_change": "account",
    "credential": "account",
    "second_factor": "account",
}
"""The tables of permissions, each with the column of the row's owner."""
GUARDED = (*IN_FORCE, *SUSPENSIONS, *OVERRIDES, *API_KEYS, *ACCOUNTS)
"""The tables of versions in force and of permissions."""
MAX_FAULTS = 20
"""Maximum number of faults listed."""
MAX_TOLD = 10_000
"""Capacity of the cache of session rows and their recorded digests."""
_Row = tuple[Any, ...]
_UNLOGGED = "rows left out"
"""The key under which a reading session stores the rows it must hide."""
_guards: WeakKeyDictionary[Database, Guard] = WeakKeyDictionary()


class _KnownRows(NamedTuple):
    """The rows of a table that the log records, with their tags, also by owner."""

    tags: Mapping[_Row, int]
    owned: Mapping[object, frozenset[_Row]]


class Usable(NamedTuple):
    """The usable rows of tables: none if there are faults, else all but those left out."""

    faults: Sequence[str]
    left_out: Mapping[str, frozenset[str]]
    """The keys of the rows that no entry records, by table."""


class Guard:
    """The rows that one process has verified."""

    def __init__(self, tables: Collection[str] = GUARDED) -> None:
        self._tables = [SQLModel.metadata.tables[name] for name in tables]
        sizes = (f'(SELECT count(*) FROM "{table.name}")' for table in self._tables)  # noqa: S608  # names of ours
        self._sizes_query = f"SELECT {', '.join(sizes)}"
        self._lock = threading.Lock()
        self._seen: tuple[int, ...] = (-1,)
        self._key = ""
        self._known: dict[str, _KnownRows] = {}
        self._faults: dict[str, list[str]] = {}
        self._left_out: dict[str, frozenset[str]] = {}
        self._unlogged: dict[str, list[_Row]] = {}
        self._schema_faults: list[str] = []
        self._notes: dict[str, None] = {}
        self._told: dict[tuple[str, str], tuple[int, str | None]] = {}

    @property
    def faults(self) -> list[str]:
        """Return a message for each unused row, and for each foreign trigger or view, as far as known."""
        by_table = [self._schema_faults, *self._faults.values()]
        messages = dict.fromkeys(sentence for each in by_table for sentence in each)
        return list(messages | self._notes)[:MAX_FAULTS]

    @property
    def broken(self) -> list[str]:
        """Return the messages about tables that do not match the log even without unrecorded rows."""
        return [sentence for table in self._faults if table not in self._left_out for sentence in self._faults[table]]

    def refresh(self, session: Session) -> None:
        """Compare the tables with the state in the last entry, if the log has grown or a table changed.

        A snapshot older than the last one compared is ignored. Raises KeyUnavailable.
        """
        seen = (log_size(session), *session.connection().exec_driver_sql(self._sizes_query).one())
        with self._lock:
            if seen != self._seen and seen[0] >= self._seen[0]:
                self._schema_faults = schema_faults(session.connection())
                self._read(session, self._tables)
                self._seen = seen

    def unlogged(self, session: Session) -> Mapping[Mapper[Any], list[_Row]]:
        """Return the primary keys of the rows that no entry records; once per session. Raises KeyUnavailable."""
        found: Mapping[Mapper[Any], list[_Row]] | None = session.info.get(_UNLOGGED)
        if found is None:
            self.refresh(session)
            with self._lock:
                found = {_mapper_of(name): keys for name, keys in self._unlogged.items() if keys}
            session.info[_UNLOGGED] = found
        return found

    def usable(self, session: Session, tables: Collection[str]) -> Usable:
        """Return the usable rows of some tables, as this session sees them. Raises KeyUnavailable."""
        with self._lock:
            self._read(session, [SQLModel.metadata.tables[name] for name in tables])
            broken = (self._faults[name] for name in tables if name in self._faults and name not in self._left_out)
            left_out = {name: self._left_out.get(name, frozenset()) for name in tables}
            return Usable([sentence for each in broken for sentence in each], left_out)

    def owner_matches(self, session: Session, tables: Mapping[str, str], owner: str) -> bool:
        """Return True if a person's rows match the log; `tables` gives each table's owner column."""
        self.refresh(session)
        return self._owner_matches(session, tables, owner)

    def owner_matches_now(self, session: Session, tables: Mapping[str, str], owner: str) -> bool:
        """Like `owner_matches`, for a transaction that has not written to the tables yet. Raises KeyUnavailable."""
        self.compare(session, tables)
        return self._owner_matches(session, tables, owner)

    def compare(self, session: Session, tables: Collection[str]) -> list[str]:
        """List why the rows of some tables cannot be used in a transaction that has not written to them yet.

        They are read again, even if governance has not written. Raises KeyUnavailable.
        """
        with self._lock:
            self._read(session, [SQLModel.metadata.tables[name] for name in tables])
            return [sentence for name in tables for sentence in self._faults.get(name, ())]

    def _owner_matches(self, session: Session, tables: Mapping[str, str], owner: str) -> bool:
        if not keys_of(session):
            return True
        for name, column in tables.items():
            table = SQLModel.metadata.tables[name]
            rows = {tuple(row.values()) for row in read_rows(session.connection(), table, table.c[column] == owner)}
            if name not in self._known or rows != self._known[name].owned.get(owner, frozenset()):
                self.note(Message("the rows of {owner} in `{table}` do not match the log", owner=owner, table=name))
                return False
        return True

    def row_matches(self, session: Session, table: Table, values: Mapping[str, Any], since: datetime) -> bool:
        """Return True if a row matches the newest entry that records it, among those from an instant on.

        An older entry does not count, so restoring an earlier state of a row is detected. What the entries recorded is
        cached, so that the next call reads only later ones. Raises KeyUnavailable.
        """
        if not (keys := keys_of(session)):
            return True
        name, size = (table.name[:], row_key(table, values)), log_size(session)
        seq, digest = self._told.get(name, (0, None))
        if size != seq:
            is_newer = size > seq > 0
            where = col(AuditEntry.seq) > seq if is_newer else col(AuditEntry.at) >= since
            digest = _newest_digest(session, keys, name, where) or (digest if is_newer else None)
            if size > seq:
                if len(self._told) >= MAX_TOLD:
                    self._told.clear()
                self._told[name] = size, digest
        if digest == row_digest(table, values):
            return True
        self.note(Message("the row {key} of `{table}` does not match the log", key=name[1], table=name[0]))
        return False

    def note(self, sentence: str) -> None:
        """Record a message about an unused row."""
        if len(self._notes) < MAX_FAULTS:
            self._notes[sentence] = None

    def _read(self, session: Session, tables: Collection[Table]) -> None:
        keys = keys_of(session)
        if not keys:
            return
        query = sqlalchemy.select(col(AuditEntry.seq), col(AuditEntry.line), col(AuditEntry.mac))
        last = session.connection().execute(query.order_by(col(AuditEntry.seq).desc()).limit(1)).first()
        states = read_states(session.connection())
        entry = None if last is None else authenticated_entry(last.line, last.mac, keys)
        if last is None or entry is None:
            seq = 0 if last is None else last.seq
            message = Message("entry {seq} was added or altered: its MAC is not that of the log's key", seq=seq)
            self._faults, self._left_out = {table.name: [message] for table in self._tables}, {}
        elif digest_of_states(states) != entry.rows_state:
            message = Message("`log_state` was altered: it is not the one that the last entry records")
            self._faults, self._left_out = {table.name: [message] for table in self._tables}, {}
        else:
            key = keys[key_id_of(last.mac)]
            if key.id != self._key:
                self._known, self._key = {}, key.id
            for table in tables:
                self._compare(session, table, key, states.get(table.name, TableState()))

    def _compare(self, session: Session, table: Table, key: LogKey, state: TableState) -> None:
        """Accept the rows of a table if they match its state, with or without the rows that no entry records."""
        name = table.name[:]
        known, actual = self._rows(session, table, key)
        self._left_out.pop(name, None)
        if actual == state:
            self._known[name] = known
            self._faults.pop(name, None)
            self._unlogged.pop(name, None)
            return
        self._faults[name], added = _differing_rows(session, table, key)
        self._unlogged[name] = list(_primary_keys(session, table, added))
        known, actual = self._rows(session, table, key, added)
        if actual == state:
            self._known[name], self._left_out[name] = known, added

    def _rows(
        self, session: Session, table: Table, key: LogKey, without: Collection[str] = ()
    ) -> tuple[_KnownRows, TableState]:
        """Return a table's rows, excluding some keys, and the state they make up."""
        known_tags = self._known[table.name].tags if table.name in self._known else {}
        tags: dict[_Row, int] = {}
        owned: dict[object, set[_Row]] = defaultdict(set)
        owner = ACCOUNTS.get(table.name)
        for values in read_rows(session.connection(), table):
            if without and row_key(table, values) in without:
                continue
            row = tuple(values.values())
            known_tag = known_tags.get(row)
            tags[row] = tag(key, row_digest(table, values, key)) if known_tag is None else known_tag
            if owner is not None:
                owned[values[owner]].add(row)
        known = _KnownRows(tags, {each: frozenset(rows) for each, rows in owned.items()})
        return known, TableState(len(tags), sum(tags.values()) % MODULUS)


def guard_of(session: Session) -> Guard | None:
    """Return the guard of a session's database, if it has one."""
    database = database_of(session)
    return None if database is None else guard_for(database)


def start_guard(database: Database) -> Guard:
    """Guard a database from now on."""
    return _guards.setdefault(database, Guard())


def guard_for(database: Database) -> Guard | None:
    """Return the guard of a database, if it has one."""
    return _guards.get(database)


def unused_rows(database: Database) -> tuple[str, ...]:
    """Return a message for each row of a database that this process does not use, as far as known."""
    guard = guard_for(database)
    return () if guard is None else tuple(guard.faults)


def usable(session: Session, tables: Collection[str]) -> Usable:
    """Return the usable rows of some tables; all if there is no guard. Raises KeyUnavailable."""
    guard = guard_of(session)
    return Usable((), dict.fromkeys(tables, frozenset())) if guard is None else guard.usable(session, tables)


@event.listens_for(Session, "do_orm_execute")
def _leave_out(execution: ORMExecuteState) -> None:
    """Hide the rows that no entry records from every reader.

    A write transaction sees them, since it must not reuse their keys; it compares the rows it acts on.
    """
    session = cast("Session", execution.session)
    if not execution.is_select or is_write_session(session) or (guard := guard_of(session)) is None:
        return
    for mapper, keys in guard.unlogged(session).items():
        logged = sqlalchemy.tuple_(*mapper.primary_key).not_in(keys)
        execution.statement = execution.statement.options(
            with_loader_criteria(mapper, logged, include_aliases=True, track_closure_variables=False)
        )


def keys_of(session: Session) -> Mapping[str, LogKey]:
    """Return the MAC keys of a session's log, by identifier; none if there is no folder of keys."""
    database = database_of(session)
    return read_log_keys(database.keys if database else None)


def authenticated_entry(line: bytes, mac: str | None, keys: Mapping[str, LogKey]) -> Entry | None:
    """Return the entry of a line if its MAC is valid."""
    key = keys.get(key_id_of(mac))
    try:
        return read_entry(line) if key is not None and key.verifies(mac, "entry", line) else None
    except InvalidEntry:
        return None


def tables_written_since(session: Session, seq: int) -> frozenset[str] | None:
    """Return the covered tables written according to the entries after `seq`; None if there are too many entries."""
    query = sqlalchemy.select(col(AuditEntry.line), col(AuditEntry.mac)).where(col(AuditEntry.seq) > seq)
    rows, keys = session.connection().execute(query.limit(MAX_FAULTS)).all(), keys_of(session)
    entries = [authenticated_entry(line, mac, keys) for line, mac in rows]
    if len(rows) == MAX_FAULTS or None in entries:
        return None
    return frozenset(table for entry in entries if entry is not None for table, *_ in entry.rows)


def names_no_row(session: Session, tables: Collection[str], since: int) -> bool:
    """Return True if no entry after `since` names a row of some tables; False if unknown. Raises KeyUnavailable."""
    written = tables_written_since(session, since) if since >= 0 else None
    return written is not None and written.isdisjoint(tables)


def _last_at(session: Session) -> datetime | None:
    """Return the time of the last entry with a valid MAC, as far as MACs are checked; only a few entries are tried."""
    query = (
        sqlalchemy.select(col(AuditEntry.line), col(AuditEntry.mac))
        .order_by(col(AuditEntry.seq).desc())
        .limit(MAX_FAULTS)
    )
    rows, keys = session.connection().execute(query).all(), keys_of(session)
    last_entries = (authenticated_entry(line, mac, keys) if keys else read_entry(line) for line, mac in rows)
    entry = next((each for each in last_entries if each is not None), None)
    if entry is None:
        return NEVER if rows else None
    return datetime.fromisoformat(entry.at)


LATEST.append(_last_at)


def _newest_digest(
    session: Session, keys: Mapping[str, LogKey], row: tuple[str, str], where: ColumnElement[bool]
) -> str | None:
    """Return the digest of a row in the newest entry that records it; None if no entry does."""
    query = sqlalchemy.select(col(AuditEntry.line), col(AuditEntry.mac)).where(where).order_by(col(AuditEntry.seq))
    found, key = None, row[1].encode()
    for line, mac in session.connection().execute(query, execution_options={"yield_per": FETCH_SIZE}):
        entry = authenticated_entry(line, mac, keys) if key in line else None
        for table, name, digest in entry.rows if entry else ():
            found = digest if (table, name) == row else found
    return found


def _mapper_of(table: str) -> Mapper[Any]:
    return next(
        each for each in inspect(AuditEntry).registry.mappers if each.local_table is SQLModel.metadata.tables[table]
    )


def _primary_keys(session: Session, table: Table, keys: Collection[str]) -> Iterator[_Row]:
    """Yield the stored primary keys of rows, by the texts that identify them."""
    for values in read_rows(session.connection(), table):
        if row_key(table, values) in keys:
            yield tuple(values[column.name] for column in table.primary_key.columns)


def _differing_rows(session: Session, table: Table, key: LogKey) -> tuple[list[str], frozenset[str]]:
    """Return the rows of a table that differ from the log, and the keys of those without an entry.

    This rare check reads all entries, but not their MACs: the state covers the rows that remain.
    """
    with ExpectedRows([table]) as shadow:
        query = sqlalchemy.select(col(AuditEntry.seq), col(AuditEntry.line)).order_by(col(AuditEntry.seq))
        for seq, line in session.connection().execute(query, execution_options={"yield_per": 5_000}):
            if f'"{table.name}"'.encode() in line:
                try:
                    entry = read_entry(line)
                except InvalidEntry:
                    continue
                shadow.add_entry(seq, [row for row in entry.rows if row[0] == table.name], entry.rows_state)
        _, _, faults = shadow.compare(session, {key.id: key})
        added = shadow.added(table)
    messages = [fault.message for fault in faults]
    return messages or [Message("the rows of `{table}` do not match the log", table=table.name[:])], added
