"""Recognises outages by the database's error codes, so that no bug of the service is reported as one."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlmodel import SQLModel

from policy_service.errors import PolicyServiceError
from policy_service.integrity import DamagedRecord
from policy_service.messages import Message

Unavailable = Literal["busy", "full", "gone", "replaced"]
MESSAGES: dict[Unavailable, Message] = {
    "busy": Message("the database is busy"),
    "full": Message("the database is full"),
    "gone": Message("the database is gone"),
    "replaced": Message("the database is another file than at the start: restart the service"),
}


class DatabaseUnavailable(PolicyServiceError):
    """The database failed and nothing was written: it is busy, full, missing, or was replaced.

    One case is undecided: if the connection to PostgreSQL breaks during a commit, the commit may have succeeded. An
    idempotency key resolves it.
    """

    kind = "database-unavailable"
    retry_seconds = 5

    def __init__(self, reason: Unavailable) -> None:
        self.reason: Unavailable = reason
        super().__init__(MESSAGES[reason])


class FileReplaced(sqlite3.OperationalError):
    """The database file was replaced by another after it was opened."""


_SQLITE: dict[int, Unavailable] = {
    sqlite3.SQLITE_BUSY: "busy",
    sqlite3.SQLITE_LOCKED: "busy",
    sqlite3.SQLITE_PROTOCOL: "busy",
    sqlite3.SQLITE_FULL: "full",
    sqlite3.SQLITE_CANTOPEN: "gone",
    sqlite3.SQLITE_CORRUPT: "gone",
    sqlite3.SQLITE_IOERR: "gone",
    sqlite3.SQLITE_IOERR_SHMSIZE: "full",  # no room for the file beside it, while the write-ahead log still has some
    sqlite3.SQLITE_NOTADB: "gone",
    sqlite3.SQLITE_PERM: "gone",
    sqlite3.SQLITE_READONLY: "gone",
}
"""By extended or primary result code (https://www.sqlite.org/rescode.html)."""
_POSTGRESQL: dict[str, Unavailable] = {
    "08": "gone",  # the connection broke
    "25006": "gone",  # a standby, which can be read only
    "40001": "busy",  # it would not serialise
    "40P01": "busy",  # a deadlock
    "53100": "full",  # the disk
    "53": "busy",  # memory, connections
    "55P03": "busy",  # the lock was not to be had
    "57014": "busy",  # the statement took too long
    "57P": "gone",  # it is shutting down, or starting
    "58": "gone",  # the machine under it failed
}
"""By SQLSTATE or its prefix (PostgreSQL, appendix A); the first match counts."""
_UNDECODABLE = re.compile(r"Could not decode to UTF-8 column '(\w+)'")
"""The driver of SQLite gives this error no code."""
_READ_ONLY = (sqlite3.SQLITE_READONLY, "25006")
"""The refusal of a write while the database is read-only."""


@contextmanager
def translate_db_errors(*, reading: bool = False) -> Iterator[None]:
    """Turn outages into DatabaseUnavailable, and undecodable text into DamagedRecord; other errors pass unchanged."""
    try:
        yield
    except PoolTimeout:
        raise DatabaseUnavailable("busy") from None
    except DBAPIError as error:
        if columns := _undecodable_columns(error):
            raise DamagedRecord(" / ".join(columns), Message("with text that is not UTF-8")) from None
        reason = unavailable(error)
        if reason is None or (reading and _code(error) in _READ_ONLY):
            raise
        raise DatabaseUnavailable(reason) from error


def unavailable(error: DBAPIError) -> Unavailable | None:
    """Return why the database was unavailable; None for any other error."""
    if isinstance(error.orig, FileReplaced):
        return "replaced"
    match _code(error):
        case int() as code:
            return _SQLITE.get(code) or _SQLITE.get(code & 0xFF)
        case str() as state:
            return next((reason for start, reason in _POSTGRESQL.items() if state.startswith(start)), None)
        case _:  # no server to return a code
            return "gone" if isinstance(error, OperationalError) or error.connection_invalidated else None


def is_outage(error: Exception) -> bool:
    """Return True if a read failed because the database was unavailable, not because of what is in it."""
    return isinstance(error, DBAPIError) and unavailable(error) is not None and not _is_damage(error)


def _is_damage(error: DBAPIError) -> bool:
    """Return True if SQLite found its file damaged, or its driver, without a code, text that is not UTF-8."""
    code = _code(error)
    if isinstance(error.orig, FileReplaced):
        return False
    return isinstance(error.orig, sqlite3.Error) and (
        code is None or (isinstance(code, int) and code & 0xFF in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
    )


def _undecodable_columns(error: DBAPIError) -> list[str]:
    """Return the columns, with their tables, that may hold the text that SQLite's driver cannot decode; none otherwise.

    The driver names the column alone.
    """
    message = _UNDECODABLE.match(str(error.orig))
    if message is None:
        return []
    [name] = message.groups()
    tables = SQLModel.metadata.sorted_tables
    return [f"{table.name}.{name}" for table in tables if name in table.columns] or [name]


def _code(error: DBAPIError) -> int | str | None:
    """Return SQLite's extended result code, or PostgreSQL's SQLSTATE."""
    original = error.orig
    return getattr(original, "sqlite_errorcode", None) or getattr(original, "sqlstate", None)
