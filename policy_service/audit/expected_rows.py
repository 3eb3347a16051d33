"""Compares the rows that the log records with the stored ones.

    entries, one after the other ──► table, key, digest: the newest counts ──┐
    covered tables, one after the other ──► table, key, digest ──────────────┴──► added, altered, removed

Both are in a temporary SQLite file, so that memory use does not grow with the log.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from types import TracebackType
from typing import Self

from sqlalchemy import Table
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session, SQLModel

from policy_service.audit.coverage import KEYED, covered_tables, read_rows, row_digest, row_key
from policy_service.audit.log_key import NO_KEY, LogKey, key_id_of
from policy_service.audit.rows import digest_of_states, read_states
from policy_service.audit.verdict import LogFault
from policy_service.audit.verify import PROGRESS_INTERVAL, PartTick, say_nothing
from policy_service.database.outages import is_outage
from policy_service.messages import Message

MAX_FAULTS = 100
"""Maximum number of differences listed; all are counted."""
LATE = "checkpoint"
"""The table whose rows are recorded by the following entry: its oldest rows and the newest have no entry."""
_TABLES = """
CREATE TABLE expected (name TEXT, key TEXT, digest TEXT, entry INTEGER, PRIMARY KEY (name, key)) WITHOUT ROWID;
CREATE TABLE actual (name TEXT, key TEXT, digest TEXT, PRIMARY KEY (name, key)) WITHOUT ROWID;
"""
_DIFFERENCES = """
SELECT actual.name, actual.key, actual.digest, expected.digest, expected.entry
FROM actual LEFT JOIN expected USING (name, key)
WHERE expected.digest IS NOT actual.digest AND (expected.key IS NOT NULL OR actual.name <> 'checkpoint')
UNION ALL
SELECT expected.name, expected.key, NULL, expected.digest, expected.entry
FROM expected LEFT JOIN actual USING (name, key)
WHERE actual.key IS NULL AND expected.digest IS NOT NULL
ORDER BY 1, 2
"""


class ExpectedRows:
    """The rows recorded by the entries read so far."""

    def __init__(self, tables: Iterable[Table] | None = None) -> None:
        """`tables` are the tables compared; all covered ones by default."""
        self._tables = [*covered_tables(), SQLModel.metadata.tables[LATE]] if tables is None else list(tables)
        self._is_whole = tables is None
        self.has_state = False
        """True once an entry recorded the state of the tables, from which on they are covered."""
        self.state: str | None = None
        """The state in the last entry."""
        self._file = sqlite3.connect("", isolation_level=None)
        self._file.executescript(_TABLES)
        self._file.execute("BEGIN")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def clear(self) -> None:
        """Discard what the entries recorded."""
        self._file.execute("DELETE FROM expected")

    def add_entry(self, seq: int, rows: Iterable[tuple[str, str, str | None]], state: str | None) -> None:
        """Add what an entry records."""
        self.state = state
        if state is not None:
            self.has_state = True
            self._file.executemany(
                "INSERT OR REPLACE INTO expected VALUES (?, ?, ?, ?)", [(*map(_text, row), seq) for row in rows]
            )

    def compare(
        self, session: Session, keys: Mapping[str, LogKey] | None, tick: PartTick = say_nothing
    ) -> tuple[int, int, list[LogFault]]:
        """Return the number of rows compared and of differences, and the first differences.

        Rows whose digests use an unavailable key are not compared.
        """
        rows, unreadable = 0, []
        for table in self._tables:
            if table.name in KEYED and not self._is_at_hand(table.name, keys):
                self._file.execute("DELETE FROM expected WHERE name = ?", (table.name,))
                continue
            key = self._key(table.name, keys or {})
            try:
                for values in read_rows(session.connection(), table):
                    row = (table.name[:], _text(row_key(table, values)), row_digest(table, values, key))
                    self._file.execute("INSERT OR REPLACE INTO actual VALUES (?, ?, ?)", row)
                    rows += 1
                    if not rows % PROGRESS_INTERVAL:
                        tick("rows", rows)
            except (DBAPIError, UnicodeError) as error:
                if is_outage(error):  # a connection that broke says nothing about the row
                    raise
                self._file.execute("DELETE FROM expected WHERE name = ?", (table.name,))
                unreadable.append(
                    LogFault(Message("a row of `{table}` was altered: it cannot be read", table=table.name[:]))
                )
        with closing(self._file.execute(_DIFFERENCES)) as differences:
            count, faults = _count_faults(differences)
        if (
            self._is_whole
            and not count
            and not unreadable
            and digest_of_states(read_states(session.connection())) != self.state
        ):
            unreadable.append(
                LogFault(Message("`log_state` was altered: it is not the one that the last entry records"))
            )
        return rows, count + len(unreadable), [*unreadable, *faults][:MAX_FAULTS]

    def added(self, table: Table) -> frozenset[str]:
        """Return the keys of a table's rows that no entry records; call it after `compare`."""
        query = """SELECT actual.key FROM actual LEFT JOIN expected USING (name, key)
            WHERE actual.name = ? AND expected.digest IS NULL"""
        return frozenset(key for (key,) in self._file.execute(query, (table.name,)))

    def _is_at_hand(self, table: str, keys: Mapping[str, LogKey] | None) -> bool:
        id_ = self._key_id(table)
        return not id_ or id_ in (keys or {})

    def _key(self, table: str, keys: Mapping[str, LogKey]) -> LogKey:
        return keys.get(self._key_id(table), NO_KEY) if table in KEYED else NO_KEY

    def _key_id(self, table: str) -> str:
        """Return the key of the newest digest of a table; empty if there is none."""
        query = "SELECT digest FROM expected WHERE name = ? AND digest IS NOT NULL ORDER BY entry DESC LIMIT 1"
        row = self._file.execute(query, (table,)).fetchone()
        id_ = key_id_of(row[0]) if row else ""
        return "" if id_ == "sha256" else id_


def _count_faults(
    differences: Iterator[tuple[str, str, str | None, str | None, int | None]],
) -> tuple[int, list[LogFault]]:
    faults: list[LogFault] = []
    count = 0
    for table, key, actual, expected, entry in differences:
        count += 1
        if len(faults) < MAX_FAULTS:
            faults.append(_fault(table, key, actual, expected, entry))
    return count, faults


def _fault(table: str, key: str, actual: str | None, expected: str | None, entry: int | None) -> LogFault:
    names = {"table": table, "key": key}
    if expected is None:
        return LogFault(Message("the row {key} of `{table}` was added: no entry records it", **names))
    if actual is None:
        return LogFault(Message("the row {key} of `{table}` was removed: entry {seq} records it", seq=entry, **names))
    return LogFault(
        Message("the row {key} of `{table}` was altered: it does not match entry {seq}", seq=entry, **names)
    )


def _text(value: str | None) -> str | None:
    """Return text in the form SQLite accepts."""
    return None if value is None else value.encode(errors="surrogatepass").decode(errors="replace")
