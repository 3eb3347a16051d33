"""Engines of the two databases: how each opens connections, and begins a read or a write."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from typing import Any
from weakref import WeakSet

from sqlalchemy import Engine, event, make_url
from sqlalchemy.engine import Connection
from sqlalchemy.exc import ArgumentError, DisconnectionError
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool
from sqlmodel import create_engine

from policy_service.database.outages import FileReplaced

STATEMENT_SECONDS = 60
"""Time limit for a statement on PostgreSQL."""
CONNECT_SECONDS = 10
"""Time limit for connecting to PostgreSQL."""
RETRY_SECONDS = 0.02
"""Pause before retrying an operation that SQLite does not wait for."""
_EXPECTED = "expected sqlite:///FILE or postgresql://…"
ALTERING = 7_316_002_851
"""The number of the PostgreSQL advisory lock for altering tables: arbitrary, but fixed."""
READING: dict[str, dict[str, Any]] = {
    "sqlite": {"begin": ("PRAGMA query_only = ON", "BEGIN")},
    "postgresql": {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True},
}
"""Options of a reading connection."""
WRITING: dict[str, dict[str, Any]] = {
    "sqlite": {"begin": ("PRAGMA query_only = OFF", "BEGIN IMMEDIATE")},
    "postgresql": {"isolation_level": "READ COMMITTED"},
}
"""Options of a writing connection."""
_BEGIN = ("PRAGMA query_only = OFF", "BEGIN")
_Identity = tuple[int, int]
"""The device and inode number of a file."""
_PRAGMAS = (
    f"journal_size_limit = {64 * 2**20}",  # shrink a write-ahead log that a long reader let grow
    "synchronous = FULL",
    "foreign_keys = ON",
    "recursive_triggers = ON",  # so that REPLACE, which deletes, asks the triggers
)


def file_of(url: str) -> Path | None:
    """Return the file in a database's address; None for PostgreSQL. Raises ValueError for another address."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise ValueError(f"the address of the database cannot be read: {_EXPECTED}") from None
    kind = parsed.get_backend_name()
    if kind not in READING:
        raise ValueError(f"`{kind}` is no database this service knows: {_EXPECTED}")
    if kind == "postgresql":
        return None
    if parsed.database in {None, "", ":memory:"} or parsed.query:
        raise ValueError(f"`{url}` names no file: expected sqlite:///FILE, without options")
    return Path(str(parsed.database)).absolute()


def printable_address(url: str) -> str:
    """Return the address of a database without its password."""
    return make_url(url).render_as_string(hide_password=True)


def open_postgresql(url: str, lock_seconds: float) -> Engine:
    """Open connections to PostgreSQL. Raises ValueError if its driver is not installed."""
    settings = {
        "lock_timeout": f"{round(lock_seconds * 1_000)}ms",
        "statement_timeout": f"{STATEMENT_SECONDS}s",
        "synchronous_commit": "on",
        "timezone": "UTC",
    }
    options = {"options": " ".join(f"-c {name}={value}" for name, value in settings.items())}
    try:
        return create_engine(
            make_url(url).set(drivername="postgresql+psycopg"),
            pool_pre_ping=True,
            pool_timeout=lock_seconds,
            connect_args={**options, "connect_timeout": CONNECT_SECONDS},
        )
    except ImportError as error:
        raise ValueError(f"{error}: install policy-service[postgres]") from None


def open_sqlite(file: Path, lock_seconds: float) -> Engine:
    """Open connections to an existing SQLite file; a missing one is not created."""
    original = _OriginalFile(file)

    def connect() -> sqlite3.Connection:  # SQLite would create a missing file, empty
        original.check()
        return sqlite3.connect(
            f"{file.as_uri()}?mode=rw",
            uri=True,
            timeout=lock_seconds,
            check_same_thread=False,
            factory=_TrackingConnection,
        )

    def prepare(connection: sqlite3.Connection, record: ConnectionPoolEntry) -> None:
        connection.isolation_level = None  # `begin` starts transactions
        _enable_wal(connection, lock_seconds)
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")
        record.info["file"] = original.check()

    def close_cursors(connection: _TrackingConnection | None, _record: ConnectionPoolEntry) -> None:
        if connection is not None:  # else it is given up
            connection.close_cursors()

    def check_file(_connection: sqlite3.Connection, record: ConnectionPoolEntry, _proxy: object) -> None:
        if record.info["file"] != original.check():  # SQLite would go on writing to a file that was removed
            raise DisconnectionError(f"{file} is another file than the one that was opened")

    def begin(connection: Connection) -> None:
        for statement in connection.get_execution_options().get("begin", _BEGIN):
            connection.exec_driver_sql(statement)

    engine = create_engine("sqlite:///", creator=connect, poolclass=QueuePool, pool_timeout=lock_seconds)
    listeners = (("connect", prepare), ("checkout", check_file), ("begin", begin), ("checkin", close_cursors))
    for name, listener in listeners:
        event.listen(engine, name, listener)
    return engine


class _TrackingConnection(sqlite3.Connection):
    """A connection that closes its cursors before another session uses it.

    A cursor abandoned by an exception keeps its snapshot even after a rollback: later sessions would read an old state
    until the garbage collector frees the cursor.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:  # noqa: ANN401  # those of sqlite3.connect
        super().__init__(*arguments, **options)
        self._cursors: WeakSet[sqlite3.Cursor] = WeakSet()

    def cursor(self, factory: type[sqlite3.Cursor] = sqlite3.Cursor) -> sqlite3.Cursor:  # type: ignore[override]  # typeshed gives it a type variable
        cursor = super().cursor(factory)
        self._cursors.add(cursor)
        return cursor

    def close_cursors(self) -> None:
        for cursor in list(self._cursors):
            cursor.close()


class _OriginalFile:
    """The file that was opened first; no other file may replace it.

    Writes to two different files would split the record, and only a start verifies that a file is intact. So once
    another file was seen, nothing is opened any more, even if the first one returns.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._first: _Identity | None = None
        self._is_replaced = False

    def check(self) -> _Identity | None:
        """Return the identity of the file; None if it is missing. Raises FileReplaced."""
        identity = _identity(self._file)
        if identity is not None:
            self._first = self._first or identity
            self._is_replaced = self._is_replaced or identity != self._first
        if self._is_replaced:
            raise FileReplaced(f"{self._file} is another file than the one that was opened first")
        return identity


def _enable_wal(connection: sqlite3.Connection, seconds: float) -> None:
    """Switch the file to a write-ahead log.

    Switching a new file needs an exclusive lock, and SQLite does not wait for others doing the same: so it is retried
    for as long as for any lock.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(RETRY_SECONDS)
        else:
            return


def _identity(file: Path) -> _Identity | None:
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
