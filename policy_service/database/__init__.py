"""All access to the database: SQLite (WAL, synchronous FULL) or PostgreSQL; snapshot reads, serial writes.

    with database.read() as session: ...            # a snapshot; nothing can be written
    with database.write(clock) as transaction: ...  # serial; commits all of it or nothing
    with database.write_unlogged() as session: ...  # for what is not part of the record: job progress

Writes go through one of two lanes, each a row of `lane` that the writer locks until its transaction ends: `governance`
for what people do, `decisions` for decisions. A lane counts its transactions and stores the time of the last one, so
that recorded times never decrease even if the machine's clock goes back. To detect governance writes, readers use the
log (`log_size`), since an attacker with access to the database could freeze a lane's count.

A commit is durable: SQLite has synced its file, PostgreSQL its log.

The callbacks in `BEFORE_COMMIT` run inside each write transaction, just before it commits.
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

LOCK_SECONDS = 10
"""How long a transaction waits for the previous one."""


PROBE_SECONDS = 1.0
"""Time limit for probing whether the database is writable."""
MIN_FREE_BYTES = 64 * 1024
"""Required free disk space, bytes."""
_DISK_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@dataclass(frozen=True, slots=True)
class WriteFailure:
    """A failed write: its reason, and its time by `time.monotonic`."""

    reason: Unavailable
    at: float


class Instant(TypeDecorator[datetime]):
    """An instant as RFC 3339 text in UTC with microseconds, so that text order is time order."""

    impl = String(27)
    cache_ok = True
    column_name = ""
    """The name of its column, for error messages; set once all tables are declared."""

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        return None if value is None else timestamp(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        try:
            return None if value is None else datetime.fromisoformat(value)
        except (ValueError, TypeError):
            raise DamagedRecord(self.column_name, f"with {str(value)[:40]!r}") from None


class CheckedColumn(TypeDecorator[Any]):
    """A column whose values are checked when read.

    SQLite stores whatever was written by hand; a value of another type is damage.
    """

    expected: type
    column_name = ""
    """The name of its column, for error messages; set once all tables are declared."""

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
    """The name of a lane."""

    GOVERNANCE = "governance"
    DECISIONS = "decisions"


class Lane(SQLModel, table=True):
    """The number of a lane's transactions, and the time of the last one."""

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
"""The key under which a reading session finds the cache."""
_DATABASE = "database"
"""The key under which a session finds its database."""
_MOMENT = timedelta(microseconds=1)
"""The resolution of stored instants."""
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
    """One write: its session, its instant, its number in its lane (from 1), and a source of identifiers."""

    session: Session
    now: datetime
    number: int
    clock: Clock

    def new_id(self) -> str:
        """Return a new unique identifier (UUID version 7)."""
        return str(self.clock.new_id())


BEFORE_COMMIT: list[Callable[[Transaction], None]] = []
"""Callbacks that run at the end of every write transaction."""
NEVER = datetime(1970, 1, 1, tzinfo=UTC)
LATEST: list[Callable[[Session], datetime | None]] = []
"""Callbacks that return the time of the last write according to the log; None if there was none."""
_WRITES = "writes"
"""The key that marks a session of a write transaction."""


class Database:
    """One database, shared by all threads."""

    def __init__(self, url: str, *, lock_seconds: float = LOCK_SECONDS, keys: Path | None = None) -> None:
        """Create the database without opening it.

        `keys` is the folder of the log's keys, needed to write to a log with MACs.

        Raises ValueError if the address is neither SQLite's nor PostgreSQL's.
        """
        self.url = url
        self.keys = keys
        self.file = file_of(url)
        """The file of a SQLite database."""
        self.engine = open_sqlite(self.file, lock_seconds) if self.file else open_postgresql(url, lock_seconds)
        self.failure: WriteFailure | None = None
        """Why the last write failed; None if it succeeded."""
        self.last_commit_at = float("-inf")
        """The time of the last successful write, by `time.monotonic`."""
        self._write_lock = FairLock(lock_seconds) if self.file else nullcontext()
        self._cache: dict[str, tuple[int, Any]] = {}
        self._readers = self.engine.execution_options(**READING[self.engine.dialect.name])
        self._writers = self.engine.execution_options(**WRITING[self.engine.dialect.name])

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Open a snapshot of the whole database. Raises DatabaseUnavailable."""
        with (
            translate_db_errors(reading=True),
            Session(self._readers, info={_CACHE: self._cache, _DATABASE: self}) as session,
        ):
            yield session

    @contextmanager
    def write(self, clock: Clock, lane: LaneName = LaneName.GOVERNANCE) -> Iterator[Transaction]:
        """Open a write transaction after earlier ones in its lane; commit at the end, roll back on an exception.

        Its rows remain readable after the end. Raises DatabaseUnavailable.
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
        """Open a write transaction outside the lanes, for rows that are not part of the record.

        It changes no lane's time, and causes no reader of the record to reload. Raises DatabaseUnavailable.
        """
        new_session = Session(self._writers, info={_DATABASE: self})
        with translate_db_errors(), self._write_lock, new_session as session, session.begin():
            yield session

    @contextmanager
    def _track_failures(self) -> Iterator[None]:
        """Store whether a write was committed."""
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
        """Lock the lane, and only then read the clock.

        So a writer's instant is later than those of all writers it waited for, and later than anything in either lane,
        even if the machine's clock went back. A lane's time counts only as far as written rows confirm it.
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
        """Open an exclusive transaction that creates or alters tables; create the SQLite file if it is missing."""
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
    """Raise DatabaseUnavailable if the disk has no room for a few pages."""
    try:
        with TemporaryFile(dir=file.parent) as temporary:
            os.posix_fallocate(temporary.fileno(), 0, MIN_FREE_BYTES)
    except OSError as error:
        raise DatabaseUnavailable("full" if error.errno in _DISK_FULL else "gone") from None


def transaction_count(session: Session, lane: LaneName = LaneName.GOVERNANCE) -> int:
    """Return the number of the lane's transactions."""
    return session.exec(select(Lane.count).where(Lane.name == lane)).one()


def log_size(session: Session) -> int:
    """Return the number of the log's last entry; while it is unchanged, so are the rows that governance writes."""
    size: int | None = session.connection().execute(_LOG_SIZE).scalar()
    return size or 0


def lock_lane(session: Session, lane: LaneName) -> None:
    """Block writers of a lane until the transaction, which writes in another lane, ends. The lock is shared."""
    session.exec(select(Lane.count).where(Lane.name == lane).with_for_update(read=True)).one()


def borne_out(session: Session, at: datetime) -> datetime:
    """Return the time of a lane, as far as written rows confirm it.

    The lane's row has no MAC: otherwise an attacker with access to the database could change the service's time.
    """
    instants = [each for each in (ask(session) for ask in LATEST) if each is not None]
    return min(at, max(instants)) if instants else at


def cached(session: Session, name: str, read: Callable[[Session], Value]) -> Value:
    """Return the result of `read` on rows that governance writes; cached for readers until the log grows.

    A write transaction sees uncommitted rows, so it reads for itself and its result is not cached.
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
    """Return the database of a session; None if the session was opened otherwise."""
    database: Database | None = session.info.get(_DATABASE)
    return database


def is_write_session(session: Session) -> bool:
    """Return True if a session is one of `Database.write`."""
    return _WRITES in session.info


def initial_rows() -> list[Lane]:
    """Return the rows of a new database."""
    return [Lane(name=lane, count=0, at=NEVER) for lane in LaneName]
