"""`policy-service database copy --to URL`: copies a database into an empty one, completely or not at all.

Tables are copied in dependency order, from one snapshot, in one transaction. Before the commit every table of the copy
is compared with the original, and the copy's registry and log are verified.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence

from sqlalchemy import Connection, RowMapping, Table, func, select
from sqlmodel import Session, SQLModel

import policy_service.tables  # noqa: F401  # declares all of them
from policy_service.audit.database_verification import verify_database
from policy_service.audit.keys import public_key
from policy_service.audit.service import signing_keys
from policy_service.cli.output import print_line
from policy_service.cli.status import EXIT_OK, UsageError
from policy_service.cli.storage import open_current_database, open_database
from policy_service.database import Database, Lane, LaneName, transaction_count
from policy_service.database.declared import table_of
from policy_service.migrations import upgrade
from policy_service.registry.checks import verify_versions

FETCH_SIZE = 1_000
"""Rows per batch."""


def run(to: str, *, backup: bool) -> int:
    """Copy the database of the environment and print the number of rows; return the exit status. Raises UsageError."""
    with open_current_database() as source, open_database(to) as target:
        upgrade(target)
        row_counts = copy(source, target, backup=backup)
    for table, rows in row_counts.items():
        print_line(f"{table}: {rows} row{'s' if rows != 1 else ''}")
    print_line("copied and compared; the keys are files, copy them as well")
    return EXIT_OK


def copy(source: Database, target: Database, *, backup: bool = False) -> dict[str, int]:
    """Copy and compare all rows of one snapshot; return the number of rows of each table.

    A backup may be outdated once it is finished. Raises UsageError, DatabaseUnavailable.
    """
    with source.read() as session, target.alter() as target_connection:
        _refuse_unless_empty(target_connection)
        source_connection = session.connection()
        target_connection.execute(table_of(Lane).delete())
        row_counts = {
            table.name: _copy(table, source_connection, target_connection) for table in SQLModel.metadata.sorted_tables
        }
        _compare(source_connection, target_connection)
        with Session(target_connection, join_transaction_mode="create_savepoint") as copy_:
            if faults := [*verify_versions(copy_), *_log_faults(copy_)]:
                raise UsageError("the copy is not kept, because the record is not in order:\n" + "\n".join(faults))
        if not backup:
            _refuse_if_written(source, {lane: transaction_count(session, lane) for lane in LaneName})
    return row_counts


def _log_faults(session: Session) -> list[str]:
    """Return the faults of the log under its own keys; `audit verify` checks if these are trusted."""
    keys = [public_key(each["public_key"]) for each in signing_keys(session)]
    fault = verify_database(session, keys).fault
    return [] if fault is None else [fault.message]


def _refuse_unless_empty(target: Connection) -> None:
    """Reject a target with rows, since a log has one chain and cannot be mixed with another."""
    tables = (table for table in SQLModel.metadata.sorted_tables if table.name != "lane")
    nonempty = [table.name for table in tables if target.execute(select(table).limit(1)).first() is not None]
    if nonempty:
        raise UsageError(f"the database to copy to is not empty: there are rows in {', '.join(sorted(nonempty))}")


def _refuse_if_written(source: Database, counts: Mapping[LaneName, int]) -> None:
    """Reject the copy if the original was written meanwhile, since the copy lacks these rows."""
    with source.read() as session:
        if any(transaction_count(session, lane) != counts[lane] for lane in LaneName):
            raise UsageError("the database was written to while it was copied: stop the service and copy again")


def _copy(table: Table, source: Connection, target: Connection) -> int:
    rows = 0
    for part in _parts(table, source):
        target.execute(table.insert(), [dict(row) for row in part])
        rows += len(part)
    return rows


def _parts(table: Table, connection: Connection) -> Iterator[Sequence[RowMapping]]:
    query = select(table).order_by(*table.primary_key.columns)
    result = connection.execute(query, execution_options={"yield_per": FETCH_SIZE})
    yield from result.mappings().partitions()


def _compare(source: Connection, target: Connection) -> None:
    """Raise UsageError if a table has different rows in the two databases."""
    for table in SQLModel.metadata.sorted_tables:
        if _fingerprint(table, source) != _fingerprint(table, target):
            raise UsageError(f"the copy is not kept, because `{table.name}` came out differently")


def _fingerprint(table: Table, connection: Connection) -> tuple[int, int]:
    """Return the number of rows and the sum of their digests, independent of order: databases sort text differently."""
    total = 0
    for part in _parts(table, connection):
        for row in part:
            text = repr([(column.name, row[column.name]) for column in table.columns])
            total += int.from_bytes(hashlib.sha256(text.encode(errors="surrogatepass")).digest())
    rows: int = connection.execute(select(func.count()).select_from(table)).scalar_one()
    return rows, total
