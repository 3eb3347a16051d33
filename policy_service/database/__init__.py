"""The one door to the database: SQLite (WAL, synchronous FULL) or PostgreSQL, read in snapshots, written in turn.

    with database.read() as session: ...            # a snapshot; nothing can be written
    with database.write(clock) as transaction: ...  # one after another; all of it is kept, or none of it
    with database.write_unlogged() as session: ...  # for what is no part of the record: how far a job is

There are two lanes to write in, each a row of `lane` that a writer holds until the end: `governance` for what people
do, `decisions` for what is decided. A lane counts its transactions and remembers when the last of them was, so that
the record never goes back in time though the machine's clock may. Whether governance has written since is asked of the
log (`log_size`), since anyone who has the database could hold the count of a lane still.

Kept means durable: SQLite has synced its file, PostgreSQL its log.

What is called in `BEFORE_COMMIT` still belongs to a transaction that wrote, and comes before it is kept.
"""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryFile
from time import monotonic
from typing import Any, TypeVar, cast

from sqlalchemy import BigInteger, Date, Integer, bindparam, column, func, table
from sqlalchemy.engine import Connection, Dialect
from sqlalchemy.types import String, TypeDecorator
from sqlmodel import Field, Session, SQLModel, select

from policy_service.clock import Clock, timestamp
from policy_service.database.declared import table_of
from policy_service.database.engines import ALTERING, READING, WRITING, file_of, open_postgresql, open_sqlite
from policy_service.database.fair_lock import FairLock
from policy_service.database.outages import DatabaseUnavailable, Unavailable, translate_db_errors, unavailable
from policy_service.integrity import DamagedRecord

__all__ = [
    "BEFORE_COMMIT",
    "LATEST",
    "LOCK_SECONDS",
    "NEVER",
    "CheckedBigInteger",
    "CheckedColumn",
    "CheckedDate",
    "CheckedInteger",
    "Database",
    "DatabaseUnavailable",
    "Instant",
    "Lane",
    "LaneName",
    "Transaction",
    "Unavailable",
    "WriteFailure",
    "borne_out",
    "cached",
    "database_of",
    "initial_rows",
    "is_write_session",
    "last_write_at",
    "lock_lane",
    "log_size",
    "transaction_count",
    "unavailable",
]

LOCK_SECONDS = 10
"""How long a transaction waits for the one before it."""


PROBE_SECONDS = 1.0
"""How long it is looked whether something could be written."""
MIN_FREE_BYTES = 64 * 1024
"""Bytes that there has to be room for."""
_DISK_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@dataclass(frozen=True, slots=True)
class WriteFailure:
    """A write that was not kept: why, and when, in the seconds of `time.monotonic`."""

    reason: Unavailable
    at: float


class Instant(TypeDecorator[datetime]):
    """An instant as RFC 3339 text in UTC with microseconds, which sorts as time does."""

    impl = String(27)
    cache_ok = True
    column_name = ""
    """The column it belongs to, for who reads what is none; set once all tables are declared."""

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        return None if value is None else timestamp(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        try:
            return None if value is None else datetime.fromisoformat(value)
        except (ValueError, TypeError):
            raise DamagedRecord(self.column_name, f"with {str(value)[:40]!r}") from None


class CheckedColumn(TypeDecorator[Any]):
    """A column of which SQLite keeps whatever somebody put there by hand: what is no value of its type is damage."""

    expected: type
    column_name = ""
    """The column it belongs to, for who reads what is none; set once all tables are declared."""

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any]:
        convert = self.impl_instance.result_processor(dialect, coltype)
        expected, name = self.expected, self.column_name

        def read(value: Any) -> Any:  # noqa: ANN401  # whatever is there
            try:
                result = value if convert is None else convert(value)
            except (ValueError, TypeError):
                result = value
            if result is None or isinstance(result, expected):
                return result
            raise DamagedRecord(name, f"with {str(value)[:40]!r}")

        return read


class CheckedInteger(CheckedColumn):
    """A whole number."""

    impl, expected, cache_ok = Integer, int, True


class CheckedBigInteger(CheckedColumn):
    """A whole number of 64 bits."""

    impl, expected, cache_ok = BigInteger, int, True


class CheckedDate(CheckedColumn):
    """A day."""

    impl, expected, cache_ok = Date, date, True


class LaneName(StrEnum):
    """The name of what a transaction writes."""

    GOVERNANCE = "governance"
    DECISIONS = "decisions"


class Lane(SQLModel, table=True):
    """The number of a lane's transactions, and when the last one was."""

    __tablename__ = "lane"

    name: str = Field(primary_key=True, max_length=16)
    count: int = Field(sa_type=BigInteger)
    at: datetime = Field(sa_type=Instant)


def last_write_at(session: Session) -> datetime:
    """Return when the database was last written to."""
    return session.exec(select(func.max(Lane.at))).one()


Value = TypeVar("Value")
_LOG_SIZE = select(func.max(table("audit_entry", column("seq")).c.seq))
_CACHE = "kept"
"""Where a session that reads finds what is remembered from one to the next."""
_DATABASE = "database"
"""Where a session finds the database it belongs to."""
_MOMENT = timedelta(microseconds=1)
"""The least by which one instant can be later than another here."""
_LANE = table_of(Lane)
_THIS_LANE = _LANE.c.name == bindparam("lane")
_TAKE = select(_LANE.c.count).where(_THIS_LANE).with_for_update()
_LAST = select(func.max(_LANE.c.at, type_=Instant()))
_NEXT = (
    _LANE.update()
    .where(_THIS_LANE)
    .values(count=_LANE.c.count + 1, at=bindparam("now", type_=Instant()))
    .returning(_LANE.c.count)
)


@dataclass(frozen=True, slots=True)
class Transaction:
    """One write: its session, its instant, its number in its lane (from 1), and the source of its identifiers."""

    session: Session
    now: datetime
    number: int
    clock: Clock

    def new_id(self) -> str:
        """Return an identifier nobody has used (UUID version 7)."""
        return str(self.clock.new_id())


BEFORE_COMMIT: list[Callable[[Transaction], None]] = []
"""What is called at the end of every transaction that writes."""
NEVER = datetime(1970, 1, 1, tzinfo=UTC)
LATEST: list[Callable[[Session], datetime | None]] = []
"""What says when something was last written, by what the log attests to; None when nothing was."""
_WRITES = "writes"
"""Where a session says that it is one of a transaction that writes."""


class Database:
    """One database, shared by all threads."""

    def __init__(self, url: str, *, lock_seconds: float = LOCK_SECONDS, keys: Path | None = None) -> None:
        """Open nothing yet. `keys` is the folder of the log's keys, for anyone who writes to a log that has MACs.

        Raises ValueError when the address is none of SQLite's or PostgreSQL's.
        """
        self.url = url
        self.keys = keys
        self.file = file_of(url)
        """The file of a SQLite database."""
        self.engine = open_sqlite(self.file, lock_seconds) if self.file else open_postgresql(url, lock_seconds)
        self.failure: WriteFailure | None = None
        """Why the last write was not kept; None when it was."""
        self.last_commit_at = float("-inf")
        """When a write was last kept, in the seconds of `time.monotonic`."""
        self._write_lock = FairLock(lock_seconds) if self.file else nullcontext()
        self._cache: dict[str, tuple[int, Any]] = {}
        self._readers = self.engine.execution_options(**READING[self.engine.dialect.name])
        self._writers = self.engine.execution_options(**WRITING[self.engine.dialect.name])

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A snapshot of the whole database. Raises DatabaseUnavailable."""
        with (
            translate_db_errors(reading=True),
            Session(self._readers, info={_CACHE: self._cache, _DATABASE: self}) as session,
        ):
            yield session

    @contextmanager
    def write(self, clock: Clock, lane: LaneName = LaneName.GOVERNANCE) -> Iterator[Transaction]:
        """One transaction, after those before it in its lane; kept at the end unless an exception leaves it.

        Its rows can be read after the end. Raises DatabaseUnavailable.
        """
        new_session = Session(self._writers, expire_on_commit=False, info={_DATABASE: self, _WRITES: True})
        with self._track_failures(), translate_db_errors(), self._write_lock, new_session as session, session.begin():
            number, now = self._begin(session, clock, lane)
            transaction = Transaction(session, now, number, clock)
            yield transaction
            for hook in BEFORE_COMMIT:
                hook(transaction)

    @contextmanager
    def write_unlogged(self) -> Iterator[Session]:
        """One transaction in no lane, for rows that are no part of the record.

        It moves no time, and nobody who waits for changes of the record reads again. Raises DatabaseUnavailable.
        """
        new_session = Session(self._writers, info={_DATABASE: self})
        with translate_db_errors(), self._write_lock, new_session as session, session.begin():
            yield session

    @contextmanager
    def _track_failures(self) -> Iterator[None]:
        """Note whether a write was committed."""
        try:
            yield
        except DatabaseUnavailable as error:
            self.failure = WriteFailure(error.reason, monotonic())
            raise
        self.failure, self.last_commit_at = None, monotonic()

    def probe(self) -> None:
        """Look whether something could be written, and write nothing. Raises DatabaseUnavailable.

        Another writer is waited for no longer than PROBE_SECONDS; and there has to be room for a few pages.
        """
        with translate_db_errors(), self._writers.connect() as connection:
            if self.file:
                driver = cast("sqlite3.Connection", connection.connection.driver_connection)
                previous_timeout = driver.execute("PRAGMA busy_timeout").fetchone()[0]
                driver.execute(f"PRAGMA busy_timeout = {round(PROBE_SECONDS * 1_000)}")
                try:
                    connection.begin().rollback()
                finally:
                    driver.execute(f"PRAGMA busy_timeout = {previous_timeout}")
                _check_disk_space(self.file)
            else:
                connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{round(PROBE_SECONDS * 1_000)}ms'")
                connection.execute(_TAKE, {"lane": LaneName.DECISIONS})
                connection.rollback()

    def _begin(self, session: Session, clock: Clock, lane: LaneName) -> tuple[int, datetime]:
        """Take the lane, which the next writer waits for, and only then asks what time it is.

        A writer that waited is so later than those it waited for; and later than anything in either lane, though the
        machine's clock may have gone back. A lane that says what nothing bears out moves no time.
        """
        connection = session.connection()
        if not self.file:  # SQLite let nobody else write from the beginning of the transaction
            connection.execute(_TAKE, {"lane": lane})
        last, now = connection.execute(_LAST).scalar_one(), clock.now()
        if now < last and now < (written := borne_out(session, last)):
            now = written + _MOMENT
        return connection.execute(_NEXT, {"lane": lane, "now": now}).scalar_one(), now

    @contextmanager
    def alter(self) -> Iterator[Connection]:
        """One transaction that makes or alters tables, while nobody else does; a SQLite file is made if need be.

        Raises DatabaseUnavailable.
        """
        if self.file:
            with suppress(OSError):  # anyone who opens it next is told
                os.close(os.open(self.file, os.O_CREAT | os.O_RDWR, 0o600))
                self.file.chmod(0o600)
        with translate_db_errors(), self._write_lock, self._writers.begin() as connection:
            if not self.file:
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({ALTERING})")
            yield connection

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


def _check_disk_space(file: Path) -> None:
    """Raises DatabaseUnavailable when the disk of a file has no room for a few pages."""
    try:
        with TemporaryFile(dir=file.parent) as temporary:
            os.posix_fallocate(temporary.fileno(), 0, MIN_FREE_BYTES)
    except OSError as error:
        raise DatabaseUnavailable("full" if error.errno in _DISK_FULL else "gone") from None


def transaction_count(session: Session, lane: LaneName = LaneName.GOVERNANCE) -> int:
    """Return the number of the lane's transactions."""
    return session.exec(select(Lane.count).where(Lane.name == lane)).one()


def log_size(session: Session) -> int:
    """Return the number of the log's last entry; while it is the same, so are the rows that governance writes."""
    size: int | None = session.connection().execute(_LOG_SIZE).scalar()
    return size or 0


def lock_lane(session: Session, lane: LaneName) -> None:
    """Let nobody write in a lane before the transaction ends, one in another lane; many may do this at once."""
    session.exec(select(Lane.count).where(Lane.name == lane).with_for_update(read=True)).one()


def borne_out(session: Session, at: datetime) -> datetime:
    """Return the instant of a lane, as far as something that was written bears it out.

    Its row is under no MAC: who has the database alone could move the time of the service by it.
    """
    instants = [each for each in (ask(session) for ask in LATEST) if each is not None]
    return min(at, max(instants)) if instants else at


def cached(session: Session, name: str, read: Callable[[Session], Value]) -> Value:
    """Return what `read` gives of the rows that governance writes, read again by readers when the log has grown.

    A transaction that writes sees what may yet be undone, so it reads for itself and nobody remembers that.
    """
    cache: dict[str, tuple[int, Any]] | None = session.info.get(_CACHE)
    if cache is None:
        return read(session)
    epoch = log_size(session)
    entry = cache.get(name)
    if entry is None or entry[0] != epoch:
        entry = cache[name] = epoch, read(session)
    value: Value = entry[1]
    return value


def database_of(session: Session) -> Database | None:
    """Return the database that a session belongs to; None for one that was opened otherwise."""
    database: Database | None = session.info.get(_DATABASE)
    return database


def is_write_session(session: Session) -> bool:
    """Return True if a session is one of `Database.write`."""
    return _WRITES in session.info


def initial_rows() -> list[Lane]:
    """Return the rows a new database starts with."""
    return [Lane(name=lane, count=0, at=NEVER) for lane in LaneName]
