"""The one door to the database: SQLite (WAL, synchronous FULL) or PostgreSQL, read in snapshots, written in turn.

    with database.read() as session: ...            # a snapshot; nothing can be written
    with database.write(clock) as transaction: ...  # one after another; all of it is kept, or none of it

There are two lanes to write in, each a row of `lane` that a writer holds until the end: `governance` for what people do,
`decisions` for what is decided. A lane counts its transactions and remembers when the last of them was, so that the
record never goes back in time though the machine's clock may.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Literal

from sqlalchemy import Engine, event, make_url
from sqlalchemy.engine import Connection, Dialect
from sqlalchemy.exc import DBAPIError, NoSuchModuleError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.types import String, TypeDecorator
from sqlmodel import Field, Session, SQLModel, create_engine, select

from policy_service.clock import Clock, timestamp

LOCK_SECONDS = 10
"""How long a transaction waits for the one before it."""
STATEMENT_SECONDS = 60
"""How long PostgreSQL may take over one statement."""
Unavailable = Literal["busy", "full", "gone"]


class DatabaseUnavailable(Exception):
    """The database did not do as told, and nothing was written: it is busy, full, or gone."""

    def __init__(self, reason: Unavailable) -> None:
        self.reason: Unavailable = reason
        super().__init__(f"the database is {reason}")


class Instant(TypeDecorator[datetime]):
    """An instant as RFC 3339 text in UTC with microseconds, which sorts as time does."""

    impl = String(27)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        return None if value is None else timestamp(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        return None if value is None else datetime.fromisoformat(value)


class LaneName(StrEnum):
    """What a transaction writes."""

    GOVERNANCE = "governance"
    DECISIONS = "decisions"


class Lane(SQLModel, table=True):
    """How many transactions a lane has had, and when the last one was."""

    __tablename__ = "lane"

    name: str = Field(primary_key=True, max_length=16)
    count: int
    at: datetime = Field(sa_type=Instant)


@dataclass(frozen=True, slots=True)
class Transaction:
    """One write: its session, its instant, its number in its lane (from 1), and the source of its identifiers."""

    session: Session
    now: datetime
    number: int
    clock: Clock

    def new_id(self) -> str:
        """An identifier nobody has used (UUID version 7)."""
        return str(self.clock.new_id())


class Database:
    """One database, shared by all threads."""

    def __init__(self, url: str) -> None:
        """Opens nothing yet. Raises ValueError when the address is none of SQLite's or PostgreSQL's."""
        self.url = url
        self.engine = _engine(url)
        self._readers = self.engine.execution_options(**_READING[self.engine.dialect.name])
        self._writers = self.engine.execution_options(**_WRITING[self.engine.dialect.name])

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A snapshot of the whole database. Raises DatabaseUnavailable."""
        with _told(), Session(self._readers) as session:
            yield session

    @contextmanager
    def write(self, clock: Clock, lane: LaneName = LaneName.GOVERNANCE) -> Iterator[Transaction]:
        """One transaction, after those before it in its lane; kept at the end unless an exception leaves it.

        Raises DatabaseUnavailable.
        """
        with _told(), Session(self._writers) as session, session.begin():
            row = session.exec(select(Lane).where(Lane.name == lane).with_for_update()).one()
            row.count += 1
            row.at = max(row.at, clock.now())
            yield Transaction(session, row.at, row.count, clock)

    def close(self) -> None:
        """Gives back all connections."""
        self.engine.dispose()


def count(session: Session, lane: LaneName = LaneName.GOVERNANCE) -> int:
    """How many transactions the lane has had; when it has not changed, neither has what the lane writes."""
    return session.exec(select(Lane.count).where(Lane.name == lane)).one()


def first_rows() -> list[Lane]:
    """The rows a new database starts with."""
    return [Lane(name=lane, count=0, at=datetime(1970, 1, 1, tzinfo=UTC)) for lane in LaneName]


# ------------------------------------------------------------------------------------------- the two databases

_READING: dict[str, dict[str, Any]] = {
    "sqlite": {"begin": "BEGIN"},
    "postgresql": {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True},
}
_WRITING: dict[str, dict[str, Any]] = {
    "sqlite": {"begin": "BEGIN IMMEDIATE"},
    "postgresql": {"isolation_level": "READ COMMITTED"},
}


def _engine(url: str) -> Engine:
    try:
        parsed = make_url(url)
        kind = parsed.get_backend_name()
        if kind not in _READING:
            raise ValueError(f"`{kind}` is no database this service knows: expected sqlite:///FILE or postgresql://…")
        if kind == "sqlite":
            engine = create_engine(parsed, connect_args={"timeout": LOCK_SECONDS, "check_same_thread": False})
            event.listen(engine, "connect", _prepare_sqlite)
            event.listen(engine, "begin", _begin_sqlite)
            return engine
        limits = f"-c lock_timeout={LOCK_SECONDS}s -c statement_timeout={STATEMENT_SECONDS}s -c timezone=UTC"
        address = parsed.set(drivername="postgresql+psycopg")
        return create_engine(
            address, pool_pre_ping=True, connect_args={"options": limits, "connect_timeout": LOCK_SECONDS}
        )
    except (NoSuchModuleError, ImportError) as error:
        raise ValueError(f"{error}: install policy-service[postgres]") from None


def _prepare_sqlite(connection: Any, _: object) -> None:  # noqa: ANN401  # sqlite3's, as SQLAlchemy hands it over
    connection.isolation_level = None  # transactions begin where `_begin_sqlite` says
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "recursive_triggers=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get("begin", "BEGIN"))


_SQLITE: tuple[tuple[str, Unavailable], ...] = (("locked", "busy"), ("disk is full", "full"))
_POSTGRESQL: dict[str, Unavailable] = {"55P03": "busy", "57014": "busy", "40P01": "busy", "53100": "full"}


@contextmanager
def _told() -> Iterator[None]:
    """Tells a database that is not there apart from a fault of ours, which stays what it is."""
    try:
        yield
    except PoolTimeout:
        raise DatabaseUnavailable("busy") from None
    except DBAPIError as error:
        reason = unavailable(error)
        if reason is None:
            raise
        raise DatabaseUnavailable(reason) from error


def unavailable(error: DBAPIError) -> Unavailable | None:
    """Why the database was not available; None when that was not the trouble."""
    kind = type(error.orig).__name__
    if kind not in {"OperationalError", "InterfaceError", "QueryCanceled", "LockNotAvailable", "DeadlockDetected"} and (
        not error.connection_invalidated
        and not str(getattr(error.orig, "sqlstate", "") or "").startswith(("53", "57P"))
    ):
        return None
    if (state := getattr(error.orig, "sqlstate", None)) is not None:
        return _POSTGRESQL.get(state, "gone")
    text = str(error.orig)
    return next((reason for words, reason in _SQLITE if words in text), "gone")
