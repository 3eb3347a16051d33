"""Creates the tables and migrates them: numbered steps, forwards only, committed together.

    upgrade(database)     # any number of times, by any number of processes at once
    is_current(database)  # whether that was done

There are no downgrades: append-only tables are never dropped. To return to an older version of the service, restore the
backup made before the upgrade.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Select, column, inspect, select, table

from policy_service.database import Database

if TYPE_CHECKING:
    from alembic.config import Config

VERSION_TABLE = "alembic_version"
_VERSION: Select[str] = select(column("version_num")).select_from(table(VERSION_TABLE))


class NewerDatabase(Exception):
    """A newer version of the service has upgraded the database, so this one must not use it."""


def upgrade(database: Database) -> None:
    """Run all pending steps in one transaction. Raises NewerDatabase, DatabaseUnavailable."""
    with database.alter() as connection:
        if _current_step(connection) != steps()[-1]:
            from alembic import command  # noqa: PLC0415  # commands and a service that is up to date do without it

            config = _config()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")


def is_current(database: Database) -> bool:
    """Return True if no step is pending. Raises NewerDatabase, DatabaseUnavailable."""
    if database.file and not database.file.exists():
        return False
    with database.read() as session:
        return _current_step(session.connection()) == steps()[-1]


def has_tables(database: Database) -> bool:
    """Return True if any step was run. Raises NewerDatabase, DatabaseUnavailable."""
    with database.read() as session:
        return _current_step(session.connection()) is not None


@cache
def steps() -> tuple[str, ...]:
    """Return the numbers of all steps, in order, as their files are called."""
    return tuple(sorted(file.name[1:5] for file in (Path(__file__).parent / "versions").glob("v*.py")))


def _current_step(connection: Connection) -> str | None:
    """Return the last step that was run."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    step = connection.execute(_VERSION).scalar_one_or_none()
    if step is not None and step not in steps():
        raise NewerDatabase(
            f"a newer version of the service has upgraded this database to step {step}, and this version knows the "
            f"steps up to {steps()[-1]}: install the newer version, or restore the backup made before the upgrade"
        )
    return step


def _config() -> Config:
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", "policy_service:migrations")
    config.set_main_option("path_separator", "os")
    return config
