"""The rows that the log says are there, compared with those that are.

    entries, one after the other ──► table, key, digest: the newest counts ──┐
    covered tables, one after the other ──► table, key, digest ──────────────┴──► added, altered, removed

Both lie in a temporary SQLite file meanwhile, so that memory does not grow with the log.
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

from policy_service.audit.coverage import KEYED, covered, read_rows, row_digest, row_key
from policy_service.audit.log_key import NONE, LogKey, id_of
from policy_service.audit.rows import digest_of_states, read_states
from policy_service.audit.verdict import Fault
from policy_service.audit.verify import EVERY, PartTick, say_nothing
from policy_service.sentences import Sentence

MANY = 100
"""Differences that are told; all are counted."""
LATE = "checkpoint"
"""The table whose rows are told of by the entry behind them: not those from before this was done, nor the newest."""
_TABLES = """
CREATE TABLE said (name TEXT, key TEXT, digest TEXT, entry INTEGER, PRIMARY KEY (name, key)) WITHOUT ROWID;
CREATE TABLE found (name TEXT, key TEXT, digest TEXT, PRIMARY KEY (name, key)) WITHOUT ROWID;
"""
_DIFFERENCES = """
SELECT found.name, found.key, found.digest, said.digest, said.entry FROM found LEFT JOIN said USING (name, key)
WHERE said.digest IS NOT found.digest AND (said.key IS NOT NULL OR found.name <> 'checkpoint')
UNION ALL
SELECT said.name, said.key, NULL, said.digest, said.entry FROM said LEFT JOIN found USING (name, key)
WHERE found.key IS NULL AND said.digest IS NOT NULL
ORDER BY 1, 2
"""


class Shadow:
    """The rows that the entries so far say are there."""

    def __init__(self, tables: Iterable[Table] | None = None) -> None:
        """`tables` are those that are compared; all that are covered by default."""
        self._tables = [*covered(), SQLModel.metadata.tables[LATE]] if tables is None else list(tables)
        self._is_whole = tables is None
        self.is_begun = False
        """Whether an entry told of the state of the tables: from there on they are covered."""
        self.state: str | None = None
        """What the last entry says of it."""
        self._file = sqlite3.connect("", isolation_level=None)
        self._file.executescript(_TABLES)
        self._file.execute("BEGIN")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def clear(self) -> None:
        """Forgets what the entries said."""
        self._file.execute("DELETE FROM said")

    def take(self, seq: int, rows: Iterable[tuple[str, str, str | None]], state: str | None) -> None:
        """What an entry says."""
        self.state = state
        if state is not None:
            self.is_begun = True
            self._file.executemany(
                "INSERT OR REPLACE INTO said VALUES (?, ?, ?, ?)", [(*map(_text, row), seq) for row in rows]
            )

    def compare(
        self, session: Session, keys: Mapping[str, LogKey] | None, tick: PartTick = say_nothing
    ) -> tuple[int, int, list[Fault]]:
        """The number of rows that were compared and of differences, and the first of these.

        Rows whose digests are made with a key that is not at hand are not compared.
        """
        rows, unreadable = 0, []
        for table in self._tables:
            if table.name in KEYED and not self._is_at_hand(table.name, keys):
                self._file.execute("DELETE FROM said WHERE name = ?", (table.name,))
                continue
            key = self._key(table.name, keys or {})
            try:
                for values in read_rows(session.connection(), table):
                    found = (table.name[:], _text(row_key(table, values)), row_digest(table, values, key))
                    self._file.execute("INSERT OR REPLACE INTO found VALUES (?, ?, ?)", found)
                    rows += 1
                    if not rows % EVERY:
                        tick("rows", rows)
            except (DBAPIError, UnicodeError):
                self._file.execute("DELETE FROM said WHERE name = ?", (table.name,))
                unreadable.append(
                    Fault(Sentence("a row of `{table}` was altered: it cannot be read", table=table.name[:]))
                )
        with closing(self._file.execute(_DIFFERENCES)) as differences:
            count, faults = _first(differences)
        if (
            self._is_whole
            and not count
            and not unreadable
            and digest_of_states(read_states(session.connection())) != self.state
        ):
            unreadable.append(
                Fault(Sentence("`log_state` was altered: it is not the one that the last entry tells of"))
            )
        return rows, count + len(unreadable), [*unreadable, *faults][:MANY]

    def _is_at_hand(self, table: str, keys: Mapping[str, LogKey] | None) -> bool:
        id_ = self._key_id(table)
        return not id_ or id_ in (keys or {})

    def _key(self, table: str, keys: Mapping[str, LogKey]) -> LogKey:
        return keys.get(self._key_id(table), NONE) if table in KEYED else NONE

    def _key_id(self, table: str) -> str:
        """Whose key made the newest digest of a table; empty when none did."""
        query = "SELECT digest FROM said WHERE name = ? AND digest IS NOT NULL ORDER BY entry DESC LIMIT 1"
        row = self._file.execute(query, (table,)).fetchone()
        id_ = id_of(row[0]) if row else ""
        return "" if id_ == "sha256" else id_


def _first(differences: Iterator[tuple[str, str, str | None, str | None, int | None]]) -> tuple[int, list[Fault]]:
    faults: list[Fault] = []
    count = 0
    for table, key, found, said, entry in differences:
        count += 1
        if len(faults) < MANY:
            faults.append(_fault(table, key, found, said, entry))
    return count, faults


def _fault(table: str, key: str, found: str | None, said: str | None, entry: int | None) -> Fault:
    names = {"table": table, "key": key}
    if said is None:
        return Fault(Sentence("the row {key} of `{table}` was added: no entry tells of it", **names))
    if found is None:
        return Fault(Sentence("the row {key} of `{table}` was removed: entry {seq} tells of it", seq=entry, **names))
    return Fault(
        Sentence("the row {key} of `{table}` was altered: it is not what entry {seq} says", seq=entry, **names)
    )


def _text(value: str | None) -> str | None:
    """Text as SQLite takes it."""
    return None if value is None else value.encode(errors="surrogatepass").decode(errors="replace")
