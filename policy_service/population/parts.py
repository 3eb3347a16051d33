"""Stores the parsed rows of a population in parts: in a DuckDB table, or in a folder that survives a crash.

In a folder a part is a Parquet file and a JSON file of metadata, which is written last.

A part with a JSON file is complete. If facts are encrypted in their source, parts are encrypted too (AES-256-GCM), with
a key that only this process has: what an interrupted run leaves is unreadable, and the next run starts over.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_KEY_BITS = 256
_NONCE_SIZE = 12
ROWS = "rows"
"""The table of the rows of all parts, in a query."""
HELD = 2**28
"""Maximum size of rows that a query reads from memory, bytes; more go into a table, which may spill to disk."""


class Parts(Protocol):
    """Stores parts by name."""

    def is_whole(self, name: str) -> bool:
        """Return True if the part is complete."""

    def write(self, name: str, table: pa.Table, about: dict[str, Any]) -> None:
        """Write a part, and its metadata. Raises OSError."""

    def about(self, name: str) -> dict[str, Any]:
        """Return the metadata of a part. Raises OSError."""

    def query(self, sql: str, parts: Sequence[str], schema: pa.Schema, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        """Return the answer to a query about some columns of these parts, the table ROWS. Raises OSError."""


class PartTable:
    """Stores parts as the table ROWS of a connection: in memory, and beyond HELD in its temporary folder."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self._abouts: dict[str, dict[str, Any]] = {}
        self._held: list[pa.Table] = []
        self._is_stored = False

    def is_whole(self, name: str) -> bool:
        """Return True if the part was written."""
        return name in self._abouts

    def write(self, name: str, table: pa.Table, about: dict[str, Any]) -> None:
        """Add a part, which is in the table from the next query on."""
        self._held.append(table)
        self._abouts[name] = about
        if sum(each.nbytes for each in self._held) > HELD:
            self._store()

    def _store(self) -> None:
        insert(self._connection, ROWS, pa.concat_tables(self._held))
        self._held.clear()
        self._is_stored = True

    def about(self, name: str) -> dict[str, Any]:
        """Return the metadata of a part."""
        return self._abouts[name]

    def query(
        self, sql: str, _parts: Sequence[str], _schema: pa.Schema, values: Sequence[Any]
    ) -> list[tuple[Any, ...]]:
        """Return the answer to a query about the table ROWS."""
        if self._is_stored and self._held:
            self._store()
        elif self._held:
            self._connection.register(ROWS, pa.concat_tables(self._held))
        return self._connection.execute(sql, values).fetchall()

    def remove(self) -> None:
        """Remove all parts."""
        self._held.clear()
        if self._is_stored:
            self._connection.execute(f"DROP TABLE {ROWS}")
        else:
            self._connection.unregister(ROWS)


def insert(connection: duckdb.DuckDBPyConnection, table: str, rows: pa.Table) -> None:
    """Insert rows into a table; the first ones create it."""
    connection.register("rows_to_insert", rows)
    exists = connection.execute("SELECT 1 FROM duckdb_tables() WHERE table_name = ?", [table]).fetchone()
    verb = f"INSERT INTO {table}" if exists else f"CREATE TABLE {table} AS"
    connection.execute(f"{verb} SELECT * FROM rows_to_insert")  # noqa: S608  # names of our own
    connection.unregister("rows_to_insert")


class PartFolder:
    """Stores parts in a folder, by name."""

    def __init__(self, path: Path, *, is_encrypted: bool = False) -> None:
        self.path = path
        self._cipher = AESGCM(AESGCM.generate_key(_KEY_BITS)) if is_encrypted else None

    def is_whole(self, name: str) -> bool:
        """Return True if the part is complete."""
        return self._about(name).exists()

    def write(self, name: str, table: pa.Table, about: dict[str, Any]) -> None:
        """Write a part, then the metadata that make it complete. Raises OSError."""
        buffer = pa.BufferOutputStream()
        pq.write_table(table, buffer, compression="zstd")
        self._write(self._table(name), buffer.getvalue().to_pybytes())
        self._write(self._about(name), json.dumps(about, ensure_ascii=False).encode())

    def table(self, name: str, columns: Sequence[str] | None = None) -> pa.Table:
        """Return the rows of a part, in all columns or in some. Raises OSError."""
        return pq.read_table(pa.BufferReader(self._read(self._table(name))), columns=columns)

    def query(self, sql: str, parts: Sequence[str], schema: pa.Schema, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        """Return the answer to a query about some columns of these parts, the table ROWS. Raises OSError."""
        batches = (batch for part in parts for batch in self.table(part, schema.names).cast(schema).to_batches())
        with duckdb.connect() as connection:
            connection.register(ROWS, pa.RecordBatchReader.from_batches(schema, batches))
            return connection.execute(sql, values).fetchall()

    def about(self, name: str) -> dict[str, Any]:
        """Return the metadata of a part. Raises OSError."""
        about: dict[str, Any] = json.loads(self._read(self._about(name)))
        return about

    def remove(self) -> None:
        """Remove the folder and all parts. Raises OSError."""
        shutil.rmtree(self.path)

    def _table(self, name: str) -> Path:
        return self.path / f"{name}.parquet"

    def _about(self, name: str) -> Path:
        return self.path / f"{name}.json"

    def _write(self, path: Path, content: bytes) -> None:
        if self._cipher is not None:
            nonce = os.urandom(_NONCE_SIZE)
            content = nonce + self._cipher.encrypt(nonce, content, path.name.encode())
        write_whole(path, lambda temporary: temporary.write_bytes(content))

    def _read(self, path: Path) -> bytes:
        content = path.read_bytes()
        if self._cipher is None:
            return content
        return self._cipher.decrypt(content[:_NONCE_SIZE], content[_NONCE_SIZE:], path.name.encode())


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Write a file under a temporary name, and rename it once it is complete."""
    temporary = path.with_name(f"{path.name}.partial")
    try:
        write(temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
