"""Digests of the covered rows that a transaction writes, for the entry of the same transaction.

    a row is written ──► its digest waits ──► the next entry names it in `rows`, and in `rows_state` the state of all
                                         └──► at the end of the transaction an entry `rows_recorded`, if none came

The state of a table is its number of rows and the sum of their tags modulo 2^256, where a tag is the MAC of a row's
digest (MSet-Add-Hash of Clarke and others, ASIACRYPT 2003). It is stored in `log_state`, and its digest in every entry.
So the key, the last entry and the table suffice to detect an added, altered or removed row.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import sqlalchemy
from sqlalchemy import Connection, Table, event, inspect
from sqlmodel import Session, col

from policy_service.audit.coverage import (
    KEYED,
    column_values,
    covered_tables,
    is_covered,
    read_rows,
    row_digest,
    row_key,
)
from policy_service.audit.log_key import NO_KEY, LogKey, key_id_of, lost_key_error, read_log_keys
from policy_service.audit.tables import AuditEntry, LogStateRow
from policy_service.canonical import digest, to_canonical_json_unchecked
from policy_service.database import database_of, is_write_session
from policy_service.database.declared import table_of

_PENDING = "rows"
_BEFORE = "rows before"
_KEY = "log key"
MODULUS = 1 << 256
_STATE = table_of(LogStateRow)


class RowDigest(NamedTuple):
    """The digest of a row in an entry; a deleted row has none."""

    table: str
    key: str
    digest: str | None


class TableState(NamedTuple):
    """The number of rows of a table, and the sum of their tags."""

    rows: int = 0
    total: int = 0

    def with_row(self, key: LogKey, digest: str) -> TableState:
        """Return the state after adding a row."""
        return TableState(self.rows + 1, (self.total + tag(key, digest)) % MODULUS)

    def without(self, key: LogKey, digest: str) -> TableState:
        """Return the state after removing a row."""
        return TableState(self.rows - 1, (self.total - tag(key, digest)) % MODULUS)


class _Pending(NamedTuple):
    row: RowDigest
    before: str | None


def tag(key: LogKey, digest: str) -> int:
    """Return the tag of a row's digest."""
    return int.from_bytes(key.tag("tag", digest.encode()))


# ------------------------------------------------------------------------------------------- what was written


@event.listens_for(Session, "before_flush")
def _read_previous(session: Session, *_: object) -> None:
    """Read rows before they change, from the database itself."""
    if not is_write_session(session):
        return
    before = session.info.setdefault(_BEFORE, [])
    changed = [row for row in session.dirty if session.is_modified(row)]
    for row in (*changed, *session.deleted):
        table = table_of(type(row))
        if is_covered(table.name):
            identity = inspect(row).identity
            where = [column == value for column, value in zip(table.primary_key.columns, identity, strict=True)]
            values = next(read_rows(session.connection(), table, *where), None)
            previous = values and (row_key(table, values), row_digest(table, values, _key_of(session, table)))
            before.append((row, previous))


@event.listens_for(Session, "after_flush")
def _queue_written(session: Session, *_: object) -> None:
    """Queue the digests of the written rows."""
    if not is_write_session(session):
        return
    before = session.info.pop(_BEFORE, [])
    queue: list[_Pending] = session.info.setdefault(_PENDING, [])
    for row, previous in (*((row, None) for row in session.new), *before):
        table = table_of(type(row))
        if not is_covered(table.name):
            continue
        values = column_values(row)
        current = None if row in session.deleted else row_digest(table, values, _key_of(session, table))
        if previous is None or previous[1] != current:
            change = RowDigest(table.name[:], previous[0] if previous else row_key(table, values), current)
            queue.append(_Pending(change, previous[1] if previous else None))


@event.listens_for(Session, "after_rollback")
def _discard(session: Session) -> None:
    """Discard the digests of a transaction that was rolled back."""
    for name in (_PENDING, _BEFORE, _KEY):
        session.info.pop(name, None)


def _key_of(session: Session, table: Table) -> LogKey:
    return current_key(session) if table.name in KEYED else NO_KEY


def current_key(session: Session) -> LogKey:
    """Return the key of the log's last entry, `NO_KEY` if that has no MAC.

    Raises KeyUnavailable if it is not in the folder.
    """
    key: LogKey | None = session.info.get(_KEY)
    if key is None:
        query = sqlalchemy.select(col(AuditEntry.mac)).order_by(col(AuditEntry.seq).desc()).limit(1)
        id_ = key_id_of(session.connection().execute(query).scalar())
        database = database_of(session)
        key = read_log_keys(database.keys if database else None).get(id_) if id_ else NO_KEY
        if key is None:
            raise lost_key_error(id_)
        session.info[_KEY] = key
    return key


def use_key(session: Session, key: LogKey) -> None:
    """Use this key for the MACs of the rest of the transaction."""
    session.info[_KEY] = key


def pending_count(session: Session) -> int:
    """Count the writes of covered rows without an entry yet."""
    return len(session.info.get(_PENDING, ()))


def take_pending(session: Session, key: LogKey) -> tuple[list[RowDigest], str]:
    """Return the rows that no entry records yet, and the digest of the state that includes them, which is stored."""
    queue: list[_Pending] = session.info.pop(_PENDING, [])
    states = read_states(session.connection())
    known_tables = set(states)
    for row, before in queue:
        state = states.get(row.table, TableState())
        state = state if before is None else state.without(key, before)
        states[row.table] = state if row.digest is None else state.with_row(key, row.digest)
    for table in sorted({each.row.table for each in queue}):
        _store_state(session.connection(), table, states[table], is_new=table not in known_tables)
    rows = {(each.row.table, each.row.key): each.row for each in queue}
    return list(rows.values()), digest_of_states(states)


# ------------------------------------------------------------------------------------------------- the state


def read_states(connection: Connection) -> dict[str, TableState]:
    """Return the states of the tables that ever had rows. An invalid sum counts as zero."""
    rows = connection.execute(sqlalchemy.select(_STATE.c.name, _STATE.c.rows, _STATE.c.total))
    return {name: TableState(count, _number(total)) for name, count, total in rows}


def digest_of_states(states: Mapping[str, TableState]) -> str:
    """Return the digest of all states, which goes into an entry."""
    return digest(
        to_canonical_json_unchecked({name: [state.rows, f"{state.total:064x}"] for name, state in states.items()})
    )


def state_of(digests: Iterable[str], key: LogKey) -> TableState:
    """Return the state of rows with these digests."""
    state = TableState()
    for each in digests:
        state = state.with_row(key, each)
    return state


def digests_in(connection: Connection, table: Table, key: LogKey) -> Iterator[tuple[str, str]]:
    """Yield the key and the digest of every row of a table."""
    for values in read_rows(connection, table):
        yield row_key(table, values), row_digest(table, values, key)


def rebuild_states(session: Session, key: LogKey, *, every_row: bool) -> Iterator[list[RowDigest]]:
    """Recompute the states with another key; then yield the rows that the log must record, some at a time.

    These are all rows, or only those whose digests use the key.
    """
    connection = session.connection()
    known_tables = set(read_states(connection))
    for table in covered_tables():
        state = state_of((each for _, each in digests_in(connection, table, key)), key)
        if state.rows or table.name in known_tables:
            _store_state(connection, table.name, state, is_new=table.name not in known_tables)
    return _row_batches(connection, key, every_row=every_row)


def queue_rows(session: Session, rows: Iterable[RowDigest]) -> None:
    """Let the next entry record rows that are already counted in the states."""
    session.info.setdefault(_PENDING, []).extend(_Pending(each, each.digest) for each in rows)


ROWS_PER_ENTRY = 1_000
"""Rows per entry, when rows found in the database are recorded."""


def _row_batches(connection: Connection, key: LogKey, *, every_row: bool) -> Iterator[list[RowDigest]]:
    for table in covered_tables():
        if every_row or table.name in KEYED:
            rows = [RowDigest(table.name[:], *each) for each in digests_in(connection, table, key)]
            for start in range(0, len(rows), ROWS_PER_ENTRY):
                yield rows[start : start + ROWS_PER_ENTRY]


def _store_state(connection: Connection, table: str, state: TableState, *, is_new: bool) -> None:
    values = {"rows": state.rows, "total": f"{state.total:064x}"}
    if is_new:
        connection.execute(_STATE.insert().values(name=table, **values))
    else:
        connection.execute(_STATE.update().where(_STATE.c.name == table).values(**values))


def _number(total: object) -> int:
    try:
        return int(str(total), 16)
    except ValueError:
        return 0
