"""Engines of the two databases: how each is opened, and how a read and a write begin on it."""

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
"""How long PostgreSQL may take over one statement."""
CONNECT_SECONDS = 10
"""How long PostgreSQL may take to answer at all."""
RETRY_SECONDS = 0.02
"""How long until SQLite is asked again for what it does not wait for."""
_EXPECTED = "expected sqlite:///FILE or postgresql://…"
ALTERING = 7_316_002_851
"""The number of PostgreSQL's advisory lock on the tables themselves; any number, but always the same."""
READING: dict[str, dict[str, Any]] = {
    "sqlite": {"begin": ("PRAGMA query_only = ON", "BEGIN")},
    "postgresql": {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True},
}
"""The options of a connection that reads."""
WRITING: dict[str, dict[str, Any]] = {
    "sqlite": {"begin": ("PRAGMA query_only = OFF", "BEGIN IMMEDIATE")},
    "postgresql": {"isolation_level": "READ COMMITTED"},
}
"""The options of a connection that writes."""
_BEGIN = ("PRAGMA query_only = OFF", "BEGIN")
_Identity = tuple[int, int]
"""The device and the number of a file."""
_PRAGMAS = (
    f"journal_size_limit = {64 * 2**20}",  # what a long reader made the log grow to is given back
    "synchronous = FULL",
    "foreign_keys = ON",
    "recursive_triggers = ON",  # so that REPLACE, which deletes, asks the triggers
)


def file_of(url: str) -> Path | None:
    """Return the file that a database's address names; None for PostgreSQL. Raises ValueError for another address."""
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
    """Open connections to PostgreSQL. Raises ValueError when its driver is not installed."""
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
    """Open connections to a SQLite file that is there; one that is gone is not created."""
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
        connection.isolation_level = None  # transactions begin where `begin` says
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

    A cursor that was not read to its end, because an exception left it, keeps its snapshot beyond a rollback: the next
    sessions would read what the database was then, until the garbage collector found the cursor.
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
    """The file that was opened first, which no other may stand in for.

    What was written to the one and what to the other would be two records; only a start looks whether one is sound. So
    once another file was seen nothing is opened any more, though the first may come back.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._first: _Identity | None = None
        self._is_replaced = False

    def check(self) -> _Identity | None:
        """Return the identity of the file there is; None when there is none. Raises FileReplaced."""
        identity = _identity(self._file)
        if identity is not None:
            self._first = self._first or identity
            self._is_replaced = self._is_replaced or identity != self._first
        if self._is_replaced:
            raise FileReplaced(f"{self._file} is another file than the one that was opened first")
        return identity


def _enable_wal(connection: sqlite3.Connection, seconds: float) -> None:
    """Has the file keep a write-ahead log.

    Turning a new file over takes it for oneself, and SQLite does not wait for others who do the same: so it is asked
    again, for as long as one waits for any lock.
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
