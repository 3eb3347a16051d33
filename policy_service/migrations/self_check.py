"""The self-check of the database before the service starts: nothing is broken, missing, or set to forget."""

from __future__ import annotations

from sqlalchemy import Connection, inspect, select
from sqlmodel import SQLModel

import policy_service.tables  # noqa: F401  # declares all of them
from policy_service.append_only import schema_faults
from policy_service.audit.guard import GUARDED
from policy_service.database import Database, DatabaseUnavailable, Lane, LaneName
from policy_service.database.file_check import damage_of, file_faults, is_large


def self_check(database: Database, *, thorough: bool = False) -> list[str]:
    """Return the errors of a database that is current, a sentence each; none when all is well.

    Compares the indexes of what is in force and who may do what with its rows, and reads every page of a SQLite file
    unless it is large; when thorough, all indexes and references. Raises DatabaseUnavailable.
    """
    try:
        with database.read() as session:
            return _faults(session.connection(), thorough=thorough)
    except DatabaseUnavailable as error:
        if (damage := damage_of(error)) is not None:
            return [damage]
        raise


def _faults(connection: Connection, *, thorough: bool) -> list[str]:
    missing = sorted(set(SQLModel.metadata.tables) - set(inspect(connection).get_table_names()))
    lanes = set(LaneName) if "lane" in missing else set(connection.execute(select(Lane.name)).scalars())  # type: ignore[call-overload]  # SQLModel's columns
    return [
        *(_sqlite(connection, thorough=thorough) if connection.dialect.name == "sqlite" else _postgresql(connection)),
        *(f"the table `{table}` is missing" for table in missing),
        *schema_faults(connection),
        *(f"the lane `{lane}` is missing" for lane in LaneName if lane not in lanes),
    ]


def _sqlite(connection: Connection, *, thorough: bool) -> list[str]:
    if not thorough:
        by_index = (file_faults(connection, "integrity_check", table) for table in (*GUARDED, "version"))
        whole = [] if is_large(connection) else file_faults(connection, "quick_check")
        return whole or [fault for faults in by_index for fault in faults]
    dangling = {str(row[0]) for row in connection.exec_driver_sql("PRAGMA foreign_key_check")}
    return [
        *file_faults(connection, "integrity_check"),
        *(f"rows of the table `{table}` refer to rows that are not there" for table in sorted(dangling)),
    ]


def _postgresql(connection: Connection) -> list[str]:
    settings = {name: connection.exec_driver_sql(f"SHOW {name}").scalar_one() for name in ("fsync", "full_page_writes")}
    return [
        f"PostgreSQL's `{name}` is off, so what was acknowledged can be lost: set it on"
        for name, value in settings.items()
        if value != "on"
    ]
