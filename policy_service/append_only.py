"""Append-only tables: the database itself rejects UPDATE, DELETE and their equivalents.

    class Activation(SQLModel, table=True): ...
    make_append_only(Activation)

The triggers are created with the table, by a migration (`create_triggers`) or from its declaration. The owner of the
database can drop them, add triggers that alter what the service writes, or replace a table by a view, which can return
different rows to different queries. So `schema_faults` compares the schema with the declarations, at every start and
while the service runs; in addition, the log is sealed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from sqlalchemy import Connection, Table, UniqueConstraint, event, inspect
from sqlmodel import SQLModel

from policy_service.database.declared import table_of
from policy_service.messages import Message

_SQLITE_TRIGGERS = "SELECT tbl_name, name, sql FROM sqlite_master WHERE type = 'trigger'"
_SQLITE_VIEWS = "SELECT name FROM sqlite_master WHERE type = 'view' ORDER BY name"
_POSTGRESQL_TRIGGERS = """SELECT pg_class.relname, tgname,
concat_ws(' ', tgenabled, pg_get_triggerdef(pg_trigger.oid, TRUE), btrim(prosrc))
FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid JOIN pg_proc ON pg_proc.oid = tgfoid
WHERE NOT tgisinternal AND relnamespace = current_schema()::regnamespace"""
_POSTGRESQL_VIEWS = """SELECT relname FROM pg_class WHERE relkind IN ('v', 'm')
AND relnamespace = current_schema()::regnamespace
UNION SELECT rulename FROM pg_rules WHERE schemaname = current_schema() ORDER BY 1"""
_BODY = """BEGIN
RAISE integrity_constraint_violation USING MESSAGE = TG_TABLE_NAME || ' is append-only'; END"""
_FUNCTION = f"CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$ {_BODY} $$"
APPEND_ONLY_TABLES: list[str] = []
"""The names of all append-only tables."""


def make_append_only(model: type[SQLModel]) -> None:
    """Make a table append-only, on both databases."""
    table = table_of(model)
    APPEND_ONLY_TABLES.append(table.name)

    def after_create(_table: Table, connection: Connection, **_: Any) -> None:  # noqa: ANN401  # SQLAlchemy's
        create_triggers(connection, table.name, *unique_keys(table))

    event.listen(table, "after_create", after_create)


def unique_keys(table: Table) -> list[list[str]]:
    """Return the columns of each unique key of a table, the primary key first."""
    other_keys = [
        *([column.name for column in each.columns] for each in table.constraints if isinstance(each, UniqueConstraint)),
        *([column.name for column in each.columns] for each in table.indexes if each.unique),
    ]
    return [[column.name for column in table.primary_key.columns], *sorted(other_keys)]


def create_triggers(connection: Connection, table: str, *keys: list[str]) -> None:
    """Create the triggers of a table with these unique keys."""
    for statement in trigger_statements(table, keys, connection.dialect.name):
        connection.exec_driver_sql(statement)


@contextmanager
def update_allowed(connection: Connection, table: Table) -> Iterator[None]:
    """Allow updates of an append-only table inside a transaction; others never see the trigger dropped."""
    dialect = connection.dialect.name
    statements = trigger_statements(table.name, unique_keys(table), dialect)
    if dialect == "postgresql":
        connection.exec_driver_sql(f"DROP TRIGGER {table.name}_append_only ON {table.name}")
        restored = [statements[1], statements[3]]
    else:
        connection.exec_driver_sql(f"DROP TRIGGER {table.name}_no_update")
        restored = statements[:1]
    yield
    for statement in restored:
        connection.exec_driver_sql(statement)


def schema_faults(connection: Connection) -> list[str]:
    """Return a message for each missing or altered trigger, and each undeclared trigger or view.

    Missing tables are not reported here.
    """
    existing, names = _triggers(connection), set(inspect(connection).get_table_names())
    dialect = connection.dialect.name
    expected = set().union(*(_expected_triggers(dialect, table) for table in APPEND_ONLY_TABLES if table in names))
    lacking = dict.fromkeys(table for table, *_ in sorted(expected - existing))
    known = {(table, name) for table, name, _ in expected}
    added = sorted({(table, name) for table, name, _ in existing} - known)
    views = connection.exec_driver_sql(_SQLITE_VIEWS if dialect == "sqlite" else _POSTGRESQL_VIEWS)
    return [
        *(
            Message("the table `{table}` has lost a trigger that makes it append-only", table=table)
            for table in lacking
        ),
        *(
            Message("`{name}` is a trigger that `{table}` was not given", name=name, table=table)
            for table, name in added
        ),
        *(Message("`{name}` is a view that the service did not make", name=name) for (name,) in views),
    ]


def _triggers(connection: Connection) -> set[tuple[str, str, str]]:
    """Return the existing triggers: table, name, and action."""
    query = _SQLITE_TRIGGERS if connection.dialect.name == "sqlite" else _POSTGRESQL_TRIGGERS
    return {(table, name, does) for table, name, does in connection.exec_driver_sql(query)}


@cache
def _expected_triggers(dialect: str, table: str) -> frozenset[tuple[str, str, str]]:
    if dialect == "postgresql":
        kinds = {"append_only": ("DELETE OR UPDATE", "ROW"), "no_truncate": ("TRUNCATE", "STATEMENT")}
        return frozenset(
            (
                table,
                f"{table}_{kind}",
                (
                    f"A CREATE TRIGGER {table}_{kind} BEFORE {events} ON {table} FOR EACH {each} "
                    f"EXECUTE FUNCTION refuse_change() {_BODY}"
                ),
            )
            for kind, (events, each) in kinds.items()
        )
    statements = trigger_statements(table, unique_keys(SQLModel.metadata.tables[table]), "sqlite")
    return frozenset((table, each.split(maxsplit=3)[2], each) for each in statements)


def trigger_statements(table: str, keys: Iterable[list[str]], dialect: str) -> list[str]:
    """Return the SQL that makes a table with these unique keys append-only.

    On SQLite a third trigger rejects rows with an existing key, since `INSERT OR REPLACE` would delete the old row. On
    PostgreSQL the triggers also fire in replica sessions, which skip triggers by default.
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
