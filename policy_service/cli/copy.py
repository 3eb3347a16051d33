"""`policy-service copy --to URL`: everything in one database into another, empty one, all of it or nothing.

Tables are copied in the order in which they refer to each other, as one snapshot, inside one transaction. Before that
is kept, every table of the copy is compared with what it was copied from, and registry and log are verified there.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence

from sqlalchemy import Connection, RowMapping, Table, func, select
from sqlmodel import Session, SQLModel

import policy_service.tables  # noqa: F401  # declares all of them
from policy_service.audit.keys import public_key
from policy_service.audit.service import signing_keys
from policy_service.audit.stored import verify_database
from policy_service.cli.output import say
from policy_service.cli.status import FINE, UsageFault
from policy_service.cli.storage import opened, opened_current
from policy_service.database import Database, Lane, LaneName, count
from policy_service.migrations import upgrade
from policy_service.places import database_url
from policy_service.registry.checks import verify_versions

AT_ONCE = 1_000
"""Rows read and written at a time."""


def run(to: str, *, backup: bool) -> int:
    """Copies the database of the environment and says how many rows; gives the exit status. Raises UsageFault."""
    with opened_current(database_url(os.environ)) as source, opened(to) as target:
        upgrade(target)
        copied = copy(source, target, backup=backup)
    for table, rows in copied.items():
        say(f"{table}: {rows} row{'s' if rows != 1 else ''}")
    say("copied and compared; the keys are files, copy them as well")
    return FINE


def copy(source: Database, target: Database, *, backup: bool = False) -> dict[str, int]:
    """Copies all rows of one instant and compares them; gives the number of rows of each table.

    A backup may fall behind while it is made. Raises UsageFault, DatabaseUnavailable.
    """
    with source.read() as session, target.alter() as into:
        _refuse_unless_empty(into)
        out = session.connection()
        into.execute(_table(Lane).delete())
        copied = {table.name: _copy(table, out, into) for table in SQLModel.metadata.sorted_tables}
        _compare(out, into)
        with Session(into, join_transaction_mode="create_savepoint") as copy_:
            if faults := [*verify_versions(copy_), *_log_faults(copy_)]:
                raise UsageFault("the copy is not kept, because the record is not in order:\n" + "\n".join(faults))
        if not backup:
            _refuse_if_written(source, {lane: count(session, lane) for lane in LaneName})
    return copied


def _log_faults(session: Session) -> list[str]:
    """What is wrong with the log, by the keys it names itself; what they are worth is for `audit verify` to ask."""
    keys = [public_key(each["public_key"]) for each in signing_keys(session)]
    fault = verify_database(session, keys).fault
    return [] if fault is None else [fault.sentence]


def _table(model: type[SQLModel]) -> Table:
    table: Table = model.__table__  # type: ignore[attr-defined]  # SQLModel does not declare it
    return table


def _refuse_unless_empty(into: Connection) -> None:
    """Rows of two services are never mixed: a log has one chain."""
    tables = (table for table in SQLModel.metadata.sorted_tables if table.name != "lane")
    used = [table.name for table in tables if into.execute(select(table).limit(1)).first() is not None]
    if used:
        raise UsageFault(f"the database to copy to is not empty: there are rows in {', '.join(sorted(used))}")


def _refuse_if_written(source: Database, counts: Mapping[LaneName, int]) -> None:
    """What is written meanwhile is in the old database only."""
    with source.read() as now:
        if any(count(now, lane) != counts[lane] for lane in LaneName):
            raise UsageFault("the database was written to while it was copied: stop the service and copy again")


def _copy(table: Table, out: Connection, into: Connection) -> int:
    rows = 0
    for part in _parts(table, out):
        into.execute(table.insert(), [dict(row) for row in part])
        rows += len(part)
    return rows


def _parts(table: Table, connection: Connection) -> Iterator[Sequence[RowMapping]]:
    query = select(table).order_by(*table.primary_key.columns)
    result = connection.execute(query, execution_options={"yield_per": AT_ONCE})
    yield from result.mappings().partitions()


def _compare(out: Connection, into: Connection) -> None:
    """Raises UsageFault when a table does not hold the same rows in both databases."""
    for table in SQLModel.metadata.sorted_tables:
        if _fingerprint(table, out) != _fingerprint(table, into):
            raise UsageFault(f"the copy is not kept, because `{table.name}` came out differently")


def _fingerprint(table: Table, connection: Connection) -> tuple[int, int]:
    """The number of rows and the sum of their digests, in any order: databases do not sort text alike."""
    total = 0
    for part in _parts(table, connection):
        for row in part:
            written = repr([(column.name, row[column.name]) for column in table.columns])
            total += int.from_bytes(hashlib.sha256(written.encode(errors="surrogatepass")).digest())
    rows: int = connection.execute(select(func.count()).select_from(table)).scalar_one()
    return rows, total
