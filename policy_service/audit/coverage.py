"""Coverage of the database by the log: every table is covered unless it is listed here with a reason.

    covered        each row has its digest in an entry; the newest one counts, and a row that was deleted has none
    DERIVED        the table repeats what the log, a record or a MAC says, and is compared with that
    NOT_SECURITY   nobody decides, signs or is let in by it
    LEFT_OUT       a column of a covered table that says nothing of the kind

A new table is covered by default. A row's digest covers its non-null columns, by name, so adding a nullable column
changes no digest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from functools import cache
from typing import Any

import sqlalchemy
from sqlalchemy import Boolean, Connection, Table, inspect, type_coerce
from sqlalchemy.types import NullType
from sqlmodel import SQLModel

from policy_service.audit.log_key import NO_KEY, LogKey
from policy_service.canonical import digest, to_canonical_json_unchecked
from policy_service.clock import timestamp

DERIVED: Mapping[str, str] = {
    "audit_entry": "the log itself: chained, signed, and each entry under its MAC",
    "audit_about": "compared with the line of its entry",
    "checkpoint": "signed, and compared with the entries it counts; the entry behind it records its row",
    "block": "compared with its entry `decisions_sealed`, and made again from its records",
    "decision": "sealed in blocks; each record is under its MAC, and its columns are compared with its line",
    "outcome_period": "worked out from the decision records, and compared with them",
    "outcome_count": "counted from `outcome_period`, and compared with it",
    "answer_count": "counted from the records of sealed blocks, and compared with them",
    "subject_key": "each row is under its MAC; a key that records name is there, or an entry records the erasure",
    "log_state": "compared with what the last entry says of it",
    "lane": "each is as late as what was written; a later instant moves no time that nothing else bears out",
}
NOT_SECURITY: Mapping[str, str] = {
    "idempotency": "answers that are given again to the same request; each is under a MAC with its request",
    "checkpoint_copy": "remembers how many checkpoints were copied where; the copies themselves are compared",
    "api_key_use": "when a key was last used, to within some minutes",
    "sign_in_failure": "slows down guesses of passwords; nobody is let in by it",
    "oidc_flow": "lasts for the minutes of a sign-in at the identity provider",
    "population_part": "opens in its place alone, under the key of its population, whose row the log records",
    "job": "how far long work is; what came of it is under the MAC of its row, and it can be done again",
}
EXCLUDED_COLUMNS: Mapping[tuple[str, str], str] = {
    ("lane", "count"): "how many transactions there were: nobody goes by it, as who looks for changes asks the log",
    ("second_factor", "last_step"): "which code was used last; it lets nobody in, and a code counts for a minute",
    ("signed_in", "seen_at"): "when a session was last used; it ends by its age in any case",
}
KEYED = frozenset({"credential", "second_factor"})
"""Tables whose digests are keyed with the log's key, so that the log discloses nothing about their content."""
FETCH_SIZE = 5_000
"""Rows per query."""


def covered_tables() -> list[Table]:
    """Return the covered tables, by name."""
    tables = SQLModel.metadata.tables
    return [tables[name] for name in sorted(tables) if is_covered(name)]


def is_covered(table: str) -> bool:
    """Return True if each row of a table has its digest in the log."""
    return table not in DERIVED and table not in NOT_SECURITY


def row_key(table: Table, values: Mapping[str, Any]) -> str:
    """Return the text that identifies a row in its table."""
    parts = [_json_value(values[name], is_boolean=is_boolean) for name, is_boolean in _key_columns(table)]
    return str(parts[0]) if len(parts) == 1 else to_canonical_json_unchecked(parts).decode()


def row_digest(table: Table, values: Mapping[str, Any], key: LogKey = NO_KEY) -> str:
    """Return the digest of a row; keyed if the table requires it and there is a key."""
    fields = {
        name: value if type(value) is str else _json_value(value, is_boolean=is_boolean)
        for name, is_boolean in _digested_columns(table)
        if (value := values[name]) is not None
    }
    content = b"%b\n%b" % (table.name.encode(), to_canonical_json_unchecked(fields))
    return key.mac("row", content) if table.name in KEYED and key is not NO_KEY else digest(content)


@cache
def _key_columns(table: Table) -> list[tuple[str, bool]]:
    return [(column.name[:], isinstance(column.type, Boolean)) for column in table.primary_key.columns]


@cache
def _digested_columns(table: Table) -> list[tuple[str, bool]]:
    """Return the columns covered by a table's digests, and whether each is a boolean."""
    columns = (column for column in table.columns if (table.name, column.name) not in EXCLUDED_COLUMNS)
    return [(column.name[:], isinstance(column.type, Boolean)) for column in columns]


def column_values(row: object) -> dict[str, Any]:
    """Return the values of a row by column; its attributes may have other names."""
    mapper = inspect(type(row))
    return {column.name: getattr(row, mapper.get_property_by_column(column).key) for column in mapper.local_table.c}


def read_rows(connection: Connection, table: Table, *where: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401  # SQLAlchemy's
    """Yield the rows of a table as stored, unparsed, in the order of their keys."""
    columns = [type_coerce(column, NullType()).label(column.name) for column in table.columns]
    query = sqlalchemy.select(*columns).where(*where).order_by(*table.primary_key.columns)
    result = connection.execute(query, execution_options={"yield_per": FETCH_SIZE})
    try:
        names = [column.name for column in columns]
        for row in result:  # of a million: mappings of SQLAlchemy's take twice as long to be made
            yield dict(zip(names, row, strict=True))
    finally:
        result.close()


def _json_value(value: object, *, is_boolean: bool) -> object:
    """Return a value as JSON in which values of different types differ; equal on both databases."""
    match value:
        case datetime():
            return timestamp(value)
        case date():
            return value.isoformat()
        case str():
            return value[:]  # of any class of text
        case bytes() | memoryview():
            return [digest(bytes(value))]
        case int() if is_boolean and value in {0, 1}:
            return bool(value)
        case _:
            return value
