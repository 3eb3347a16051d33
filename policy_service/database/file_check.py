"""Asks SQLite whether its file is intact, and whether its indexes match its rows."""

from __future__ import annotations

import sqlite3
from typing import Literal

from sqlalchemy import Connection

from policy_service.database.outages import DatabaseUnavailable
from policy_service.messages import Message

MAX_FAULTS = 20
"""Maximum number of faults that SQLite lists."""
LARGE = 2**28
"""The size of a file, bytes, above which checking it would delay the start too long."""


def is_large(connection: Connection) -> bool:
    """Return True if the SQLite file is too large to check before the service starts."""
    if connection.dialect.name != "sqlite":
        return False
    pages, size = (connection.exec_driver_sql(f"PRAGMA page_{name}").scalar_one() for name in ("count", "size"))
    return bool(pages * size > LARGE)


def damage_of(error: DatabaseUnavailable) -> Message | None:
    """Return the message for a file too damaged for SQLite to read; None for other errors."""
    original = getattr(error.__cause__, "orig", None)
    if getattr(original, "sqlite_errorcode", 0) & 0xFF not in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
        return None
    return Message("SQLite finds the file damaged: {fault}", fault=str(original))


def file_faults(
    connection: Connection, check: Literal["quick_check", "integrity_check"], of: str | int = MAX_FAULTS
) -> list[str]:
    """Return a message for each fault of a SQLite file, or of one table.

    `quick_check` reads every page; `integrity_check` also compares the indexes with the rows: with a stale index, two
    queries may see different rows. Empty on PostgreSQL.
    """
    if connection.dialect.name != "sqlite":
        return []
    found = [str(row[0]) for row in connection.exec_driver_sql(f"PRAGMA {check}({of})")]
    return [Message("SQLite finds the file damaged: {fault}", fault=each) for each in found if each != "ok"]
