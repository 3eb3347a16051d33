"""Tables of databases as populations: DuckDB files and PostgreSQL, read in one snapshot, in the order of the subjects.

Cells come as the database types them, exactly; floats and timestamps are refused as in Parquet. The digest is of the
headings, their types and every cell, so that the same rows have the same digest wherever they stand.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from policy_service.population.errors import PopulationRejected
from policy_service.population.mapping import Mapping
from policy_service.population.postgresql import describe_table, open_snapshot, quoted, quoted_table
from policy_service.population.source import PART_ROWS, RawPart, heading_problems

POSTGRESQL = ("postgresql://", "postgres://")
_FLOATS = {"DOUBLE": "double", "FLOAT": "float", "float8": "double", "float4": "float"}


def is_address(population: str) -> bool:
    """Return True if a population is named by the address of a PostgreSQL database."""
    return population.startswith(POSTGRESQL)


@dataclass(frozen=True)
class TableSource:
    """A table of a database, whose snapshot stays open."""

    label: str
    """The table's name; its address is never shown."""
    digest: str
    headings: tuple[str, ...]
    types: tuple[str, ...]
    mapping: Mapping
    _rows: Any
    encoding: None = None
    is_encrypted: bool = False

    @property
    def written(self) -> int:
        """All columns are written beside the answers."""
        return len(self.headings)

    def parts(self) -> Iterator[RawPart]:
        """Yield all rows, part by part."""
        number = 0
        for records in self._rows():
            rows = range(number + 1, number + 1 + len(records))
            number += len(records)
            columns = [[_hashable(cell) for cell in column] for column in zip(*records, strict=True)]
            arrays = [pa.array([_text(cell) for cell in column], pa.string()) for column in columns]
            yield RawPart(rows, [None] * len(rows), columns, arrays)


@contextmanager
def open_table(population: str, table: str, mapping: Mapping) -> Iterator[TableSource]:
    """A table, with its digest and its headings. Raises PopulationRejected."""
    opened = _open_postgresql if is_address(population) else _open_duckdb
    with opened(population, table, mapping.subject) as (headings, types, rows):
        if problems := heading_problems(headings):
            raise PopulationRejected([f"{table}: {problem}" for problem in problems])
        digest = hashlib.sha256(repr((headings, types)).encode())
        for records in rows():
            for record in records:
                digest.update(repr(record).encode())  # no two rows have one text, whatever their cells hold
        yield TableSource(table, f"sha256:{digest.hexdigest()}", headings, types, mapping, rows)


Opened = tuple[tuple[str, ...], tuple[str, ...], Any]
"""Headings, their types, and what gives the rows, PART_ROWS at a time, each time it is called."""


@contextmanager
def _open_duckdb(population: str, table: str, subject: str) -> Iterator[Opened]:
    try:
        with duckdb.connect(str(Path(population)), read_only=True) as connection:
            relation = connection.table(table)
            headings, types = tuple(relation.columns), tuple(_kind(str(kind)) for kind in relation.types)
            connection.begin()
            query = f"SELECT * FROM {quoted(table)} ORDER BY {quoted(subject)}"  # noqa: S608  # quoted

            def rows() -> Iterator[Sequence[tuple[Any, ...]]]:
                cursor = connection.execute(query)
                while records := cursor.fetchmany(PART_ROWS):
                    yield records

            _check_subject(headings, subject, table)
            yield headings, types, rows
    except duckdb.Error as error:
        raise PopulationRejected([f"{table}: DuckDB: {error}"]) from None


@contextmanager
def _open_postgresql(population: str, table: str, subject: str) -> Iterator[Opened]:
    with open_snapshot(population, table) as connection:
        headings, types = describe_table(connection, table)
        _check_subject(headings, subject, table)
        query = f'SELECT * FROM {quoted_table(table)} ORDER BY {quoted(subject)}::text COLLATE "C"'.encode()  # noqa: S608

        def rows() -> Iterator[Sequence[tuple[Any, ...]]]:
            with connection.cursor(name="population") as named:
                named.execute(query)
                while records := named.fetchmany(PART_ROWS):
                    yield records

        yield headings, tuple(map(_kind, types)), rows


def _check_subject(headings: Sequence[str], subject: str, table: str) -> None:
    if subject not in headings:
        raise PopulationRejected([f"{table}: no column `{subject}`, which names the subjects"])


def _kind(name: str) -> str:
    """Return a type, by the names that Parquet's have."""
    return _FLOATS.get(name, name.lower())


def _hashable(cell: object) -> object:
    return tuple(cell) if isinstance(cell, list) else cell


def _text(cell: object) -> str | None:
    """Return a cell as it is written into a result."""
    match cell:
        case None:
            return None
        case bool():
            return "true" if cell else "false"
        case Decimal():
            return format(cell, "f")
        case date():
            return cell.isoformat()
        case list() | tuple():
            return ";".join(_text(each) or "" for each in cell)
        case _:
            return str(cell)
