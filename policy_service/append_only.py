"""Tables whose rows are added and never changed: the database itself refuses UPDATE, DELETE and what amounts to them.

    class Activation(SQLModel, table=True): ...
    make_append_only(Activation)

The triggers come with the table when it is made, by a migration (`create_triggers`) or from its declaration. Anyone who
owns the database can take them away again, so they are looked for at every start (`tables_without_triggers`), and the
log is sealed besides.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, Table, UniqueConstraint, event
from sqlmodel import SQLModel

_FUNCTION = """CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
RAISE integrity_constraint_violation USING MESSAGE = TG_TABLE_NAME || ' is append-only'; END $$"""
_SQLITE_TRIGGERS = "SELECT tbl_name, name FROM sqlite_master WHERE type = 'trigger'"
_POSTGRESQL_TRIGGERS = """SELECT pg_class.relname, tgname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
WHERE tgenabled = 'A' AND pg_table_is_visible(pg_class.oid)"""
APPEND_ONLY_TABLES: list[str] = []
"""The names of all append-only tables that were declared."""


def make_append_only(model: type[SQLModel]) -> None:
    """Makes a table append-only, on both databases."""
    table: Table = model.__table__  # type: ignore[attr-defined]  # SQLModel does not declare it
    APPEND_ONLY_TABLES.append(table.name)

    def after_create(_table: Table, connection: Connection, **_: Any) -> None:  # noqa: ANN401  # SQLAlchemy's
        create_triggers(connection, table.name, *unique_keys(table))

    event.listen(table, "after_create", after_create)


def unique_keys(table: Table) -> list[list[str]]:
    """The columns of each key of a table that only one row can have, the primary key first."""
    other_keys = [
        *([column.name for column in each.columns] for each in table.constraints if isinstance(each, UniqueConstraint)),
        *([column.name for column in each.columns] for each in table.indexes if each.unique),
    ]
    return [[column.name for column in table.primary_key.columns], *sorted(other_keys)]


def create_triggers(connection: Connection, table: str, *keys: list[str]) -> None:
    """Gives a table with these unique keys its triggers."""
    for statement in trigger_statements(table, keys, connection.dialect.name):
        connection.exec_driver_sql(statement)


def tables_without_triggers(connection: Connection, tables: Iterable[str]) -> list[str]:
    """The tables that lack one of their triggers, in order."""
    is_sqlite = connection.dialect.name == "sqlite"
    rows = connection.exec_driver_sql(_SQLITE_TRIGGERS if is_sqlite else _POSTGRESQL_TRIGGERS)
    existing = {(table, name) for table, name in rows}
    kinds = ("no_update", "no_delete", "no_replace") if is_sqlite else ("append_only", "no_truncate")
    return sorted(table for table in tables if any((table, f"{table}_{kind}") not in existing for kind in kinds))


def trigger_statements(table: str, keys: Iterable[list[str]], dialect: str) -> list[str]:
    """The SQL that makes a table with these unique keys append-only.

    On SQLite a third trigger refuses a row with a key that is taken: `INSERT OR REPLACE` deletes without asking.
    On PostgreSQL the triggers work for a replica's session as well, which by itself passes triggers over.
    """
    if dialect == "postgresql":
        refuse = "EXECUTE FUNCTION refuse_change()"
        return [
            _FUNCTION,
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW {refuse}",
            f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} {refuse}",
            f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_append_only",
            f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_no_truncate",
        ]
    refuse = f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
    key_matches = [" AND ".join(f"{column} = NEW.{column}" for column in key) for key in keys]
    key_conflict = " OR ".join(f"EXISTS (SELECT 1 FROM {table} WHERE {each})" for each in key_matches)  # noqa: S608  # names of ours
    return [
        f"CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table} {refuse}",
        f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} {refuse}",
        f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} WHEN {key_conflict} {refuse}",
    ]
