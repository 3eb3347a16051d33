"""Tables whose rows are added and never changed: the database itself refuses UPDATE, DELETE and what amounts to them.

    class Activation(SQLModel, table=True): ...
    append_only(Activation)

The triggers come with the table when it is made; `triggers` gives their SQL for migrations.
"""

from __future__ import annotations

from sqlalchemy import DDL, Table, event
from sqlmodel import SQLModel

_FUNCTION = """
CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation'; END $$
"""
TABLES: list[str] = []
"""The names of all append-only tables that were declared."""


def append_only(model: type[SQLModel]) -> None:
    """Makes a table append-only, on both databases."""
    table: Table = model.__table__  # type: ignore[attr-defined]  # SQLModel does not declare it
    TABLES.append(table.name)
    key = [column.name for column in table.primary_key.columns]
    for dialect in ("sqlite", "postgresql"):
        for statement in triggers(table.name, key, dialect):
            event.listen(table, "after_create", DDL(statement.replace("%", "%%")).execute_if(dialect=dialect))


def triggers(table: str, key: list[str], dialect: str) -> list[str]:
    """The SQL that makes a table with this primary key append-only.

    On SQLite a third trigger refuses a row whose key is taken, because `INSERT OR REPLACE` deletes without asking.
    """
    if dialect == "postgresql":
        return [
            _FUNCTION,
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION refuse_change()",
            f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} EXECUTE FUNCTION refuse_change()",
        ]
    refuse = f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
    same = " AND ".join(f"{column} = NEW.{column}" for column in key)
    return [
        f"CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table} {refuse}",
        f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} {refuse}",
        f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} "
        f"WHEN EXISTS (SELECT 1 FROM {table} WHERE {same}) {refuse}",  # names of our own tables
    ]
