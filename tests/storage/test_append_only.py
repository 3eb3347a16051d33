"""Rows of append-only tables stay as they were added, whatever statement is tried, on both databases."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from sqlalchemy import CheckConstraint, Connection, Table, UniqueConstraint, select
from sqlalchemy.exc import IntegrityError, InternalError
from sqlalchemy.types import TypeDecorator, TypeEngine
from sqlmodel import SQLModel

import policy_service.tables  # noqa: F401  # declares all of them
from policy_service import migrations
from policy_service.append_only import APPEND_ONLY_TABLES, trigger_statements, unique_keys
from policy_service.database import Database, DatabaseUnavailable, Instant
from policy_service.migrations.self_check import self_check
from tests.databases import BACKENDS, START, fresh_database

VALUES: dict[type, object] = {str: "x", int: 1, bytes: b"x", bool: True, date: date(2026, 11, 20)}
"""What every column of a type holds here, so that every reference finds its row."""
OTHERS = {str: "'y'", int: "2", bytes: "x'00'", bool: "0", date: "'2026-11-21'"}
"""Another value, as SQL."""
MAY_CHANGE = {
    "lane": "counts",
    "subject_key": "is deleted, so that a subject's sensitive facts can no longer be read",
    "credential": "is a password's hash, of which the old one need not be known",
    "second_factor": "is the seed of one-time codes, and which code was used last",
    "signed_in": "is who is signed in now",
    "sign_in_failure": "is forgotten after a while",
    "api_key_use": "is when a key was used last",
    "oidc_flow": "is a sign-in that is under way",
    "checkpoint_copy": "counts what a place elsewhere was given, and remembers a difference until it is settled",
    "job": "says how far work is, and is forgotten after a while",
    "log_state": "is what the last entry records of every table, and compared with it",
    "outcome_period": "is until when an outcome was the latest, worked out from the decision records",
    "population": "is deleted with its parts, and has fewer rows after an erasure; the log says when",
    "population_part": "is encrypted anew when rows are removed, and deleted with its population",
    "outcome_count": "counts the subjects of each outcome",
}
"""The tables that are not append-only, and why."""


def table(name: str) -> Table:
    return SQLModel.metadata.tables[name]


def filled(database: Database) -> None:
    """Adds one row to every table."""
    with database.alter() as connection:
        for each in SQLModel.metadata.sorted_tables:
            if each.name != "lane":
                connection.execute(each.insert(), {column.name: a_value(column.type) for column in each.columns})


def a_value(kind: TypeEngine[Any]) -> object:
    return START if isinstance(kind, Instant) else VALUES[plain(kind)]


def plain(kind: TypeEngine[Any]) -> type:
    return kind.impl_instance.python_type if isinstance(kind, TypeDecorator) else kind.python_type


STATEMENTS = {
    "sqlite": (
        "INSERT OR REPLACE INTO {table} SELECT * FROM {table}",
        "REPLACE INTO {table} SELECT * FROM {table}",
        "UPDATE OR REPLACE {table} SET {column} = {column}",
        "UPDATE OR IGNORE {table} SET {column} = {column}",
    ),
    "postgresql": (
        "TRUNCATE {table} CASCADE",
        "MERGE INTO {table} AS old USING {table} AS new ON true WHEN MATCHED THEN DELETE",
        "SET LOCAL session_replication_role = replica; DELETE FROM {table}",
        "SET LOCAL session_replication_role = replica; UPDATE {table} SET {column} = {column}",
    ),
}
UPSERT = "INSERT INTO {table} SELECT * FROM {table} WHERE true ON CONFLICT ({key}) DO UPDATE SET {column} = {value}"


def statements(name: str, backend: str) -> Iterator[str]:
    """Everything that would change a row, or have it go."""
    keys = unique_keys(table(name))
    for statement in ("UPDATE {table} SET {column} = {column}", "DELETE FROM {table}", *STATEMENTS[backend]):
        yield statement.format(table=name, column=keys[0][0])
    for key in keys:
        yield UPSERT.format(table=name, key=", ".join(key), column=key[0], value=f"excluded.{key[0]}")


def rows(connection: Connection, name: str) -> list[Any]:
    return list(connection.execute(select(table(name))))


@pytest.mark.parametrize("backend", BACKENDS)
def test_no_statement_changes_a_row_of_an_append_only_table(backend: str) -> None:
    with fresh_database(backend) as database:
        filled(database)
        for name in APPEND_ONLY_TABLES:
            for statement in statements(name, backend):
                with database.engine.connect() as connection:
                    before = rows(connection, name)
                    assert len(before) == 1
                    with pytest.raises((IntegrityError, InternalError), match="is append-only"):
                        connection.exec_driver_sql(statement)
                    connection.rollback()
                    assert rows(connection, name) == before, statement


def test_a_foreign_connection_that_asks_no_trigger_when_it_replaces_is_refused_too() -> None:
    with fresh_database("sqlite") as database:
        filled(database)
        foreign = sqlite3.connect(str(database.file), isolation_level=None)
        assert foreign.execute("PRAGMA recursive_triggers").fetchone() == (0,)
        for name in APPEND_ONLY_TABLES:
            for key in unique_keys(table(name)):
                others = {column.name for column in table(name).columns} - set(key)
                columns = ", ".join([*key, *sorted(others)])
                values = ", ".join([*key, *(other_value(table(name), each) for each in sorted(others))])
                with pytest.raises(sqlite3.IntegrityError, match=f"{name} is append-only"):
                    foreign.execute(f"INSERT OR REPLACE INTO {name} ({columns}) SELECT {values} FROM {name}")  # noqa: S608  # names of ours
        foreign.close()


def other_value(of: Table, column: str) -> str:
    """A value that the row does not have."""
    kind = of.columns[column].type
    return f"{column} || '0'" if isinstance(kind, Instant) else OTHERS[plain(kind)]


@pytest.mark.parametrize("backend", BACKENDS)
def test_rows_are_added_as_ever(backend: str) -> None:
    with fresh_database(backend) as database:
        filled(database)
        with database.alter() as connection:
            assert {name: len(rows(connection, name)) for name in APPEND_ONLY_TABLES} == dict.fromkeys(
                APPEND_ONLY_TABLES, 1
            )


def test_every_table_is_append_only_but_the_few_that_are_named_here() -> None:
    assert set(SQLModel.metadata.tables) - set(APPEND_ONLY_TABLES) == set(MAY_CHANGE)
    assert len(APPEND_ONLY_TABLES) == len(set(APPEND_ONLY_TABLES))


def test_the_keys_of_a_table_are_all_that_only_one_row_can_have() -> None:
    assert unique_keys(table("version")) == [["digest"], ["policy", "version"]]
    for each in SQLModel.metadata.tables.values():
        unique_ones = [one for one in each.constraints if isinstance(one, UniqueConstraint)]
        assert len(unique_keys(each)) == 1 + len(unique_ones) + sum(bool(index.unique) for index in each.indexes)
        assert not [one for one in each.constraints if isinstance(one, CheckConstraint)]


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_trigger_that_was_taken_away_is_noticed(backend: str) -> None:
    with fresh_database(backend) as database:
        assert self_check(database) == []
        kinds = ("no_update", "no_delete", "no_replace") if backend == "sqlite" else ("append_only", "no_truncate")
        for name, kind in zip(APPEND_ONLY_TABLES, kinds, strict=False):
            with database.alter() as connection:
                place = "" if backend == "sqlite" else f" ON {name}"
                connection.exec_driver_sql(f"DROP TRIGGER {name}_{kind}{place}")
        lacking = sorted(APPEND_ONLY_TABLES[: len(kinds)])
        assert self_check(database) == [
            f"the table `{name}` has lost a trigger that makes it append-only" for name in lacking
        ]


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_trigger_that_does_something_else_or_was_added_and_a_view_are_noticed(backend: str) -> None:
    statements = {
        "sqlite": (
            "DROP TRIGGER version_no_update",
            "CREATE TRIGGER version_no_update BEFORE UPDATE ON version BEGIN SELECT 1; END",
            "CREATE TRIGGER helpful BEFORE INSERT ON api_key_revocation BEGIN SELECT RAISE(IGNORE); END",
            "CREATE VIEW seen AS SELECT * FROM version WHERE unixepoch('subsec') > 0",
        ),
        "postgresql": (
            "CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
            "DROP TRIGGER version_append_only ON version",
            "CREATE TRIGGER version_append_only BEFORE UPDATE ON version FOR EACH ROW EXECUTE FUNCTION nothing()",
            "ALTER TABLE version ENABLE ALWAYS TRIGGER version_append_only",
            "CREATE TRIGGER helpful BEFORE INSERT ON api_key_revocation FOR EACH ROW EXECUTE FUNCTION nothing()",
            "CREATE VIEW seen AS SELECT * FROM version WHERE clock_timestamp() > '2026-01-01'",
        ),
    }
    with fresh_database(backend) as database:
        with database.alter() as connection:
            for statement in statements[backend]:
                connection.exec_driver_sql(statement)
        assert self_check(database) == [
            "the table `version` has lost a trigger that makes it append-only",
            "`helpful` is a trigger that `api_key_revocation` was not given",
            "`seen` is a view that the service did not make",
        ]


def test_a_trigger_that_was_switched_off_is_noticed() -> None:
    with fresh_database("postgresql") as database:
        with database.alter() as connection:
            connection.exec_driver_sql("ALTER TABLE audit_entry DISABLE TRIGGER ALL")
        assert self_check(database) == ["the table `audit_entry` has lost a trigger that makes it append-only"]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("thorough", [False, True])
def test_a_healthy_database_has_no_faults(backend: str, *, thorough: bool) -> None:
    with fresh_database(backend) as database:
        migrations.is_current(database)
        assert self_check(database, thorough=thorough) == []


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_is_missing_is_told_all_at_once(backend: str) -> None:
    with fresh_database(backend) as database:
        with database.alter() as connection:
            connection.exec_driver_sql("DROP TABLE audit_about")
            connection.exec_driver_sql("DELETE FROM lane WHERE name = 'decisions'")
        assert self_check(database) == ["the table `audit_about` is missing", "the lane `decisions` is missing"]
        with database.alter() as connection:
            connection.exec_driver_sql("DROP TABLE lane")
        assert self_check(database) == ["the table `audit_about` is missing", "the table `lane` is missing"]


def test_a_database_that_is_gone_is_not_called_damaged() -> None:
    with fresh_database("sqlite") as database:
        assert database.file
        database.file.unlink()
        with pytest.raises(DatabaseUnavailable, match="gone"):
            self_check(database)


def test_a_damaged_file_is_noticed() -> None:
    with fresh_database("sqlite") as database:
        with database.alter() as connection:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        with database.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").all()
        database.close()
        file = database.file
        assert file
        content = bytearray(file.read_bytes())
        size = len(content) // pages
        for page in range(pages // 2, pages):
            content[page * size : page * size + 64] = b"\x77" * 64
        file.write_bytes(content)
        assert any("SQLite finds the file damaged" in fault for fault in self_check(database))


def test_rows_that_refer_to_nothing_are_noticed_by_the_thorough_check() -> None:
    with fresh_database("sqlite") as database:
        foreign = sqlite3.connect(str(database.file), isolation_level=None)
        foreign.execute("INSERT INTO audit_about (about, seq) VALUES ('x', 9)")
        foreign.close()
        assert self_check(database) == []
        results = ["rows of the table `audit_about` refer to rows that are not there"]
        assert self_check(database, thorough=True) == results


def test_a_server_that_may_forget_is_noticed() -> None:
    class Forgetful:
        def exec_driver_sql(self, statement: str) -> Forgetful:
            self.asked = statement
            return self

        def scalar_one(self) -> str:
            return "off" if self.asked == "SHOW fsync" else "on"

    from policy_service.migrations.self_check import _postgresql  # noqa: PLC0415  # no server is started without

    told = _postgresql(Forgetful())  # type: ignore[arg-type]
    assert told == ["PostgreSQL's `fsync` is off, so what was acknowledged can be lost: set it on"]


def test_the_triggers_refuse_with_the_table_s_name() -> None:
    for dialect in BACKENDS:
        assert any(
            "append-only" in statement for statement in trigger_statements("thing", [["a"], ["b", "c"]], dialect)
        )
