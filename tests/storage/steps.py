"""Databases at any step of the migrations, and what they say of themselves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from alembic import command
from sqlalchemy import inspect, select

from policy_service import migrations
from policy_service.database import Database, Lane
from policy_service.database.declared import table_of
from tests.databases import empty_url

TRIGGERS = {
    "sqlite": "SELECT name, tbl_name, sql FROM sqlite_master WHERE type = 'trigger' ORDER BY name",
    "postgresql": "SELECT tgname, tgrelid::regclass::text, pg_get_triggerdef(oid), tgenabled FROM pg_trigger "
    "WHERE NOT tgisinternal ORDER BY tgname",
}


@contextmanager
def empty(backend: str) -> Iterator[Database]:
    """A database without tables."""
    with empty_url(backend) as url:
        database = Database(url)
        try:
            yield database
        finally:
            database.close()


@contextmanager
def at_step(backend: str, number: str) -> Iterator[Database]:
    """A database that took the steps up to this one, as an older version of the service left it."""
    with empty(backend) as database:
        take_steps(database, number)
        yield database


def take_steps(database: Database, number: str) -> None:
    """Takes the steps up to this one, and none behind it."""
    with database.alter() as connection:
        config = migrations._config()
        config.attributes["connection"] = connection
        command.upgrade(config, number)


def schema(database: Database) -> dict[str, Any]:
    """All that a database says of its tables, in an order of its own."""
    with database.engine.connect() as connection:
        seen = inspect(connection)
        tables = {
            name: (
                {column["name"]: (str(column["type"]), column["nullable"]) for column in seen.get_columns(name)},
                seen.get_pk_constraint(name)["constrained_columns"],
                sorted(repr(each["column_names"]) for each in seen.get_unique_constraints(name)),
                sorted(repr((each["name"], each["column_names"], each["unique"])) for each in seen.get_indexes(name)),
                sorted(
                    repr((each["constrained_columns"], each["referred_table"])) for each in seen.get_foreign_keys(name)
                ),
                sorted(each["sqltext"] for each in seen.get_check_constraints(name)),
            )
            for name in seen.get_table_names()
            if name != "alembic_version"
        }
        triggers = [tuple(row) for row in connection.exec_driver_sql(TRIGGERS[connection.dialect.name])]
        return {"tables": tables, "triggers": triggers, "lanes": sorted(connection.execute(select(table_of(Lane))))}
