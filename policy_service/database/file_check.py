"""Asks SQLite whether its file is whole, and whether its indexes agree with its rows."""

from __future__ import annotations

from typing import Literal

from sqlalchemy import Connection

from policy_service.messages import Message

MAX_FAULTS = 20
"""How many faults SQLite tells."""


def file_faults(
    connection: Connection, check: Literal["quick_check", "integrity_check"], of: str | int = MAX_FAULTS
) -> list[str]:
    """A sentence for each fault of a SQLite file, or of one table.

    `quick_check` reads every page, `integrity_check` compares the indexes with the rows as well: through an index that
    was left behind on purpose one query sees other rows than the next. None on PostgreSQL.
    """
    if connection.dialect.name != "sqlite":
        return []
    found = [str(row[0]) for row in connection.exec_driver_sql(f"PRAGMA {check}({of})")]
    return [Message("SQLite finds the file damaged: {fault}", fault=each) for each in found if each != "ok"]
