"""A database that is busy, full or gone is told apart from a fault of ours, and comes back by itself."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlmodel import select

from policy_service import migrations
from policy_service.actor import SERVICE
from policy_service.audit.events import SubjectErased
from policy_service.audit.log import append
from policy_service.database import (
    Database,
    DatabaseUnavailable,
    Lane,
    Transaction,
    Unavailable,
    transaction_count,
    unavailable,
)
from policy_service.integrity import DamagedRecord
from tests.databases import BACKENDS, PrivateServer, TestClock, fresh_database, fresh_url, private_server

SHORT = 0.2
"""Seconds a transaction waits here for the one before it."""


def write(database: Database, size: int = 1) -> None:
    with database.write(TestClock()) as transaction:
        append(transaction, SERVICE, SubjectErased("C1", "customer", "x" * size))


def counted(database: Database) -> int:
    with database.read() as session:
        return transaction_count(session)


@contextmanager
def opened(url: str) -> Iterator[Database]:
    database = Database(url, lock_seconds=SHORT)
    try:
        yield database
    finally:
        database.close()


def reason_of(database: Database) -> Unavailable:
    with pytest.raises(DatabaseUnavailable) as failure:
        write(database)
    assert str(failure.value) == f"the database is {failure.value.reason}"
    return failure.value.reason


# --------------------------------------------------------------------------------------------------------- busy


@pytest.mark.parametrize("backend", BACKENDS)
def test_who_waits_too_long_for_the_one_before_is_told_that_the_database_is_busy(backend: str) -> None:
    with fresh_url(backend) as url, opened(url) as one, opened(url) as other:
        with one.write(TestClock()):
            assert reason_of(other) == "busy"
            assert counted(other) == 0  # reading goes on
        write(other)
        assert counted(one) == 2


def test_a_foreign_writer_in_the_file_makes_it_busy() -> None:
    with fresh_url("sqlite") as url, opened(url) as database:
        foreign = sqlite3.connect(str(database.file), isolation_level=None)
        foreign.execute("BEGIN IMMEDIATE")
        assert reason_of(database) == "busy"
        foreign.execute("ROLLBACK")
        foreign.close()
        write(database)


def test_a_write_takes_the_file_s_lock_at_its_very_beginning() -> None:
    with fresh_url("sqlite") as url, opened(url) as database, database.write(TestClock()):
        foreign = sqlite3.connect(str(database.file), isolation_level=None, timeout=0)
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            foreign.execute("BEGIN IMMEDIATE")
        foreign.close()


@pytest.mark.parametrize("backend", BACKENDS)
def test_more_at_once_than_there_are_connections_wait_and_are_told(backend: str) -> None:
    with fresh_url(backend) as url, opened(url) as database:
        held = [database.engine.connect() for _ in range(15)]
        assert reason_of(database) == "busy"
        for connection in held:
            connection.close()
        write(database)


def test_a_statement_that_takes_too_long_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("policy_service.database.engines.STATEMENT_SECONDS", 1)
    with fresh_database("postgresql") as database:
        with pytest.raises(DatabaseUnavailable, match="busy"), database.read() as session:
            session.connection().exec_driver_sql("SELECT pg_sleep(20)")
        write(database)


# --------------------------------------------------------------------------------------------------------- full


def test_a_full_disk_keeps_nothing_of_a_write_and_the_next_is_kept_when_there_is_room() -> None:
    with fresh_url("sqlite") as url, opened(url) as database:
        with database.engine.connect() as connection:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 8}")
        with pytest.raises(DatabaseUnavailable, match="the database is full"):
            write(database, 100_000)
        assert counted(database) == 0
        write(database)
        assert counted(database) == 1


# --------------------------------------------------------------------------------------------------------- gone


def test_a_file_that_is_removed_is_gone_and_back_when_it_is_back() -> None:
    with fresh_url("sqlite") as url, opened(url) as database:
        write(database)
        with database.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        file = database.file
        assert file
        away = file.with_name("away.db")
        file.rename(away)
        assert reason_of(database) == "gone"
        with pytest.raises(DatabaseUnavailable, match="gone"):
            counted(database)
        assert not file.exists()  # and is not made anew, empty
        away.rename(file)
        write(database)
        assert counted(database) == 2


def test_another_file_in_its_place_is_refused_and_the_first_one_too_until_it_is_opened_anew() -> None:
    with fresh_url("sqlite") as url, fresh_url("sqlite") as other, opened(url) as database:
        write(database)
        with database.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        assert database.file
        for suffix in ("-wal", "-shm"):
            Path(f"{database.file}{suffix}").unlink()
        away = database.file.rename(database.file.with_name("away.db"))
        shutil.move(other.removeprefix("sqlite:///"), database.file)
        for _ in range(2):
            with pytest.raises(DatabaseUnavailable, match="another file than at the start"):
                write(database)
            with pytest.raises(DatabaseUnavailable, match="another file than at the start"):
                counted(database)
            away.replace(database.file) if away.exists() else None
        with opened(url) as anew:
            assert counted(anew) == 1
            write(anew)


@contextmanager
def bound_by_permissions() -> Iterator[None]:
    """As somebody who may not pass over permissions, as root may."""
    who = os.geteuid()
    if who == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(who)


@pytest.mark.parametrize("mode", [0o000, 0o555])
def test_a_folder_that_may_not_be_entered_or_written_is_gone(mode: int) -> None:
    with fresh_url("sqlite") as url, opened(url) as database:
        assert database.file
        database.file.chmod(0o666)
        database.file.parent.chmod(mode)
        with bound_by_permissions():
            assert reason_of(database) == "gone"
        database.file.parent.chmod(0o777)
        with bound_by_permissions():
            write(database)
            database.close()
        database.file.parent.chmod(0o700)


def test_a_file_that_may_not_be_written_is_gone_for_writers_and_can_be_read() -> None:
    with fresh_url("sqlite") as url, opened(url) as database:
        write(database)
        database.close()
        assert database.file
        database.file.parent.chmod(0o777)
        database.file.chmod(0o444)
        with bound_by_permissions():
            assert reason_of(database) == "gone"
            assert counted(database) == 1
            database.close()
        database.file.parent.chmod(0o700)


def test_a_file_that_is_no_database_is_gone() -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "x.db"
        file.write_bytes(b"this is no database" * 1_000)
        with opened(f"sqlite:///{file}") as database:
            assert reason_of(database) == "gone"


def stopped_within(transaction: Transaction, server: PrivateServer) -> None:
    append(transaction, SERVICE, SubjectErased("C1", "customer", "in the middle"))
    server.stop()


def test_a_server_that_stops_is_gone_and_its_next_start_is_noticed() -> None:
    with private_server() as server, opened(server.url) as database:
        migrations.upgrade(database)
        write(database)
        with pytest.raises(DatabaseUnavailable, match="gone"), database.write(TestClock()) as transaction:
            stopped_within(transaction, server)
        assert reason_of(database) == "gone"
        with pytest.raises(DatabaseUnavailable, match="gone"):
            counted(database)
        server.start()
        write(database)
        assert counted(database) == 2


def test_a_server_that_is_not_there_is_gone() -> None:
    with opened("postgresql://nobody@127.0.0.1:1/nowhere") as database:
        assert reason_of(database) == "gone"


# ---------------------------------------------------------------------------------------- what errors amount to


class FromSqlite(sqlite3.OperationalError):
    def __init__(self, code: int) -> None:
        super().__init__("told")
        self.sqlite_errorcode = code


class FromPostgresql(Exception):
    def __init__(self, state: str | None) -> None:
        super().__init__("told")
        self.sqlstate = state


@pytest.mark.parametrize(
    ("original", "reason"),
    [
        (FromSqlite(sqlite3.SQLITE_BUSY), "busy"),
        (FromSqlite(sqlite3.SQLITE_BUSY_SNAPSHOT), "busy"),
        (FromSqlite(sqlite3.SQLITE_LOCKED), "busy"),
        (FromSqlite(sqlite3.SQLITE_FULL), "full"),
        (FromSqlite(sqlite3.SQLITE_IOERR_FSYNC), "gone"),
        (FromSqlite(sqlite3.SQLITE_IOERR_SHMSIZE), "full"),
        (FromSqlite(sqlite3.SQLITE_CORRUPT), "gone"),
        (FromSqlite(sqlite3.SQLITE_CANTOPEN), "gone"),
        (FromSqlite(sqlite3.SQLITE_ERROR), None),
        (FromSqlite(sqlite3.SQLITE_CONSTRAINT), None),
        (FromPostgresql("08006"), "gone"),
        (FromPostgresql("57P01"), "gone"),
        (FromPostgresql("57P03"), "gone"),
        (FromPostgresql("58030"), "gone"),
        (FromPostgresql("25006"), "gone"),
        (FromPostgresql("53100"), "full"),
        (FromPostgresql("53300"), "busy"),
        (FromPostgresql("55P03"), "busy"),
        (FromPostgresql("57014"), "busy"),
        (FromPostgresql("40P01"), "busy"),
        (FromPostgresql("40001"), "busy"),
        (FromPostgresql("23505"), None),
        (FromPostgresql("42P01"), None),
        (FromPostgresql(None), "gone"),
    ],
)
def test_an_error_is_told_by_its_code(original: BaseException, reason: Unavailable | None) -> None:
    assert unavailable(OperationalError("SELECT", {}, original)) == reason


def test_without_a_code_only_a_lost_connection_is_an_outage() -> None:
    assert unavailable(DBAPIError("SELECT", {}, Exception("misused"))) is None
    assert unavailable(DBAPIError("SELECT", {}, Exception("lost"), connection_invalidated=True)) == "gone"


# ------------------------------------------------------------------------------------------------ SQLite's files


def test_the_files_are_their_owner_s_alone() -> None:
    with tempfile.TemporaryDirectory() as folder:
        with opened(f"sqlite:///{folder}/x.db") as database:
            migrations.upgrade(database)
            write(database)
            modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in Path(folder).iterdir()}
            assert modes == {"x.db": 0o600, "x.db-wal": 0o600, "x.db-shm": 0o600}
        (Path(folder) / "x.db").chmod(0o644)
        with opened(f"sqlite:///{folder}/x.db") as database:
            migrations.upgrade(database)
        assert stat.S_IMODE((Path(folder) / "x.db").stat().st_mode) == 0o600


def test_the_write_ahead_log_does_not_grow_without_end() -> None:
    with fresh_url("sqlite") as url, opened(url) as database:
        log = Path(f"{database.file}-wal")
        for _ in range(60):
            write(database, 200_000)
        assert log.stat().st_size < 10 * 2**20
        with database.read() as session:  # a long reader keeps the log from being begun anew
            transaction_count(session)
            for _ in range(100):
                write(database, 1_000_000)
        assert log.stat().st_size > 70 * 2**20
        write(database)
        write(database)
        assert log.stat().st_size <= 65 * 2**20


def test_a_relative_file_is_looked_for_where_the_service_started(monkeypatch: pytest.MonkeyPatch) -> None:
    with fresh_url("sqlite") as url:
        file = Path(url.removeprefix("sqlite:///"))
        monkeypatch.chdir(file.parent)
        with opened(f"sqlite:///{file.name}") as database:
            monkeypatch.chdir("/")
            write(database)
            assert database.file == file


def test_names_with_characters_of_addresses_are_names() -> None:
    with tempfile.TemporaryDirectory() as folder, opened(f"sqlite:///{folder}/a%20b 名#1.db") as database:
        migrations.upgrade(database)
        write(database)
        assert (Path(folder) / "a b 名#1.db").exists()


def test_text_that_cannot_be_decoded_is_a_damaged_record_and_no_outage() -> None:
    with fresh_url("sqlite") as url, opened(url) as database:
        migrations.upgrade(database)
        write(database)
        with database.write(TestClock()) as transaction:
            transaction.session.connection().exec_driver_sql(
                "UPDATE lane SET name = CAST(x'ff' AS TEXT) WHERE name = 'decisions'"
            )
        with pytest.raises(DamagedRecord, match="text that is not UTF-8") as failure, database.read() as session:
            session.exec(select(Lane)).all()
    assert "lane.name" in failure.value.table
