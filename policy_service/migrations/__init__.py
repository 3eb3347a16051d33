"""Makes the tables and brings them up to date: numbered steps, forwards only, all of them kept or none.

    upgrade(database)     # any number of times, by any number of processes at once
    is_current(database)  # whether that was done

There is no way down: tables that are append-only are not dropped. To go back to an older version of the service,
restore the backup that was made before the upgrade.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from policy_service.database import Database


class NewerDatabase(Exception):
    """A newer version of the service has upgraded the database, so this one leaves it alone."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One migration: its number, and what it does."""

    number: str
    description: str


def upgrade(database: Database) -> None:
    """Takes every step that was not taken, in one transaction. Raises NewerDatabase, DatabaseUnavailable."""
    with database.alter() as connection:
        if _current_revision(connection) != all_migrations()[-1].number:
            config = _config()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")


def is_current(database: Database) -> bool:
    """Return True if every step was taken. Raises NewerDatabase, DatabaseUnavailable."""
    if database.file and not database.file.exists():
        return False
    with database.read() as session:
        return _current_revision(session.connection()) == all_migrations()[-1].number


@cache
def all_migrations() -> tuple[Migration, ...]:
    """All steps, the first one first."""
    revisions = ScriptDirectory.from_config(_config()).walk_revisions()
    return tuple(Migration(each.revision, each.doc) for each in revisions)[::-1]


def _current_revision(connection: Connection) -> str | None:
    """The last step that was taken."""
    revision = MigrationContext.configure(connection).get_current_revision()
    known = [each.number for each in all_migrations()]
    if revision is not None and revision not in known:
        raise NewerDatabase(
            f"a newer version of the service has upgraded this database to step {revision}, and this version knows the "
            f"steps up to {known[-1]}: install the newer version, or restore the backup made before the upgrade"
        )
    return revision


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", "policy_service:migrations")
    config.set_main_option("path_separator", "os")
    return config
