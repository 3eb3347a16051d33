"""Reads population files as parts of raw cells: CSV, Parquet and xlsx, without guessing types.

A CSV file is UTF-8, with or without a byte order mark, or else GB18030, as Chinese Excel writes it. Rows count from 1
below the heading; a row with a different length than the heading is rejected by number and line.
"""

from __future__ import annotations

import codecs
import csv
import hashlib
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Literal, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from policy_service.population.cells import Cells
from policy_service.population.errors import PopulationRejected, RejectedRow
from policy_service.population.mapping import Mapping

PART_ROWS = 50_000
"""Rows per part."""
MAX_COLUMNS = 1_000
MAX_CELL = 32_768
"""Maximum length of a cell, characters; the limit of workbooks."""
_CHUNK = 1 << 20
Utf8 = Literal["whole", "cut", "no"]
"""The validity of bytes as UTF-8: all of them, all but the cut last character, or invalid."""
_WIDE_MARKS = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True, slots=True)
class RawPart:
    """A batch of rows of a file: their numbers, the lines they end on, and the cells of each column."""

    rows: Sequence[int]
    lines: Sequence[int | None]
    columns: Sequence[Cells]
    arrays: Sequence[pa.Array] | None = None
    """The columns as written with the answers; None if `columns` are arrays."""
    rejected_rows: tuple[RejectedRow, ...] = ()


class RowSource(Protocol):
    """Rows of a population, from a file or a table."""

    @property
    def label(self) -> str:
        """Its name in messages and manifests."""

    @property
    def digest(self) -> str:
        """The digest of its content."""

    @property
    def encoding(self) -> str | None:
        """The encoding of a text."""

    @property
    def headings(self) -> tuple[str, ...]:
        """The names of its columns."""

    @property
    def types(self) -> tuple[str, ...] | None:
        """The types of the columns, if declared."""

    @property
    def mapping(self) -> Mapping:
        """The mapping of the columns."""

    @property
    def written(self) -> int:
        """The number of leading columns written with the answers."""

    @property
    def is_encrypted(self) -> bool:
        """True if its facts are stored encrypted."""

    def parts(self) -> Iterator[RawPart]:
        """Yield all rows, in parts. Raises PopulationRejected."""


@dataclass(frozen=True)
class Source:
    """A file of a population."""

    path: Path
    digest: str
    """The digest of the file's original bytes, `sha256:` and hexadecimal."""
    encoding: str | None
    headings: tuple[str, ...]
    types: tuple[str, ...] | None
    """The types of the columns, if the file declares them."""
    mapping: Mapping
    is_encrypted: bool = False
    _stat: tuple[int, int, int] = field(repr=False, default=(0, 0, 0))

    @property
    def label(self) -> str:
        """Its name in messages and manifests."""
        return self.path.name

    @property
    def written(self) -> int:
        """All columns are written with the answers."""
        return len(self.headings)

    def parts(self) -> Iterator[RawPart]:
        """Yield all rows, in parts. Raises PopulationRejected."""
        read = {".parquet": _parquet_parts, ".xlsx": _xlsx_parts}.get(self.path.suffix.lower(), _csv_parts)
        for part in read(self):
            self._check_unchanged()  # a part is kept for the next run, so it must be of the bytes of the digest
            yield part
        self._check_unchanged()

    def _check_unchanged(self) -> None:
        if _stat_of(self.path) != self._stat:
            raise PopulationRejected([f"{self.path}: the file was changed while it was read"])


def open_source(path: Path, mapping: Mapping) -> Source:
    """Return a file, with its digest and its headings. Raises PopulationRejected, OSError."""
    stat = _stat_of(path)
    suffix = path.suffix.lower()
    digest, utf8 = _scan(path)
    encoding: str | None = None
    types: tuple[str, ...] | None = None
    if suffix == ".parquet":
        schema = _read_schema(path)
        headings, types = tuple(schema.names), tuple(str(kind) for kind in schema.types)
    elif suffix == ".xlsx":
        from policy_service.population.workbook import read_headings  # noqa: PLC0415  # needed for workbooks alone

        headings = read_headings(path, mapping)
    elif suffix in {".csv", ".txt"}:
        encoding = _encoding_of(path, utf8)
        headings = _csv_headings(path, encoding, mapping)
    else:
        raise PopulationRejected([f"{path}: expected a file .csv, .parquet or .xlsx"])
    if problems := heading_problems(headings):
        raise PopulationRejected([f"{path}: {problem}" for problem in problems])
    return Source(path, digest, encoding, headings, types, mapping, _stat=stat)


def _stat_of(path: Path) -> tuple[int, int, int]:
    stat = path.stat()
    return stat.st_ino, stat.st_size, stat.st_mtime_ns


def _scan(path: Path) -> tuple[str, Utf8]:
    """Return the digest of the bytes, and their validity as UTF-8."""
    digest, decoder = hashlib.sha256(), codecs.getincrementaldecoder("utf-8")()
    utf8: Utf8 = "whole"
    with path.open("rb") as file:
        for chunk in _chunks(file):
            digest.update(chunk)
            try:
                if utf8 == "whole":
                    decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError:
                utf8 = "no" if chunk else "cut"
    return f"sha256:{digest.hexdigest()}", utf8


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    """Yield the bytes of a file, then an empty chunk, at which a decoder reports a cut character."""
    chunk = file.read(_CHUNK)
    while chunk:
        yield chunk
        chunk = file.read(_CHUNK)
    yield chunk


def heading_problems(headings: Sequence[str]) -> list[str]:
    """Return the errors of a row of headings."""
    if not headings:
        return ["the file has no heading row"]
    if len(headings) > MAX_COLUMNS:
        return [f"the file has {len(headings):,} columns, at most {MAX_COLUMNS:,} are read"]
    first: dict[str, int] = {}
    problems = []
    for position, heading in enumerate(headings, 1):
        folded = unicodedata.normalize("NFKC", heading).casefold().strip()
        if not folded:
            problems.append(f"column {position} has no heading")
        elif folded in first:
            problems.append(f"columns {first[folded]} and {position} have the same heading `{heading}`")
        first.setdefault(folded, position)
    return problems


# CSV


def _encoding_of(path: Path, utf8: Utf8) -> str:
    with path.open("rb") as file:
        start = file.read(4)
    if start.startswith(_WIDE_MARKS):
        raise PopulationRejected([f"{path}: the file is UTF-16 or UTF-32: save it as UTF-8"])
    is_marked = start.startswith(codecs.BOM_UTF8)
    if utf8 == "whole":
        return "utf-8-sig" if is_marked else "utf-8"
    if utf8 == "cut":  # most such bytes are GB18030, too: other characters than were written
        raise PopulationRejected([f"{path}: the file ends within a character: it was cut off"])
    if is_marked:
        raise PopulationRejected([f"{path}: not UTF-8, although its byte order mark says so"])
    line = 1
    decoder = codecs.getincrementaldecoder("gb18030")()
    with path.open("rb") as file:
        for chunk in _chunks(file):
            try:
                decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as error:
                line += error.object[: error.start].count(b"\n")
                message = f"{path}: line {line}: neither UTF-8 nor GB18030 (byte 0x{error.object[error.start]:02x})"
                raise PopulationRejected([message]) from None
            line += chunk.count(b"\n")
    return "gb18030"


@contextmanager
def _csv_reader(path: Path, encoding: str, mapping: Mapping) -> Iterator[Any]:
    csv.field_size_limit(MAX_CELL)
    with path.open(encoding=encoding, newline="") as file:
        reader = csv.reader(file, delimiter=mapping.delimiter, strict=True)
        try:
            yield reader
        except csv.Error as error:
            raise PopulationRejected([f"{path}: line {reader.line_num}: {error}"]) from None


def _csv_headings(path: Path, encoding: str, mapping: Mapping) -> tuple[str, ...]:
    with _csv_reader(path, encoding, mapping) as reader:
        return tuple(heading.strip() for heading in next(reader, []))


def _csv_parts(source: Source) -> Iterator[RawPart]:
    width, number = len(source.headings), 0
    with _csv_reader(source.path, str(source.encoding), source.mapping) as reader:
        next(reader)
        while True:
            rows: list[int] = []
            lines: list[int | None] = []
            cells: list[list[str]] = []
            rejected_rows: list[RejectedRow] = []
            for record in reader:
                if not record:  # a blank line is no row
                    continue
                number += 1
                if len(record) != width:
                    reason = f"the row has {len(record)} cells, the heading {width}"
                    rejected_rows.append(RejectedRow(number, reader.line_num, "", reason))
                    continue
                rows.append(number)
                lines.append(reader.line_num)
                cells.append(record)
                if len(rows) == PART_ROWS:
                    break
            if not rows and not rejected_rows:
                return
            yield RawPart(rows, lines, _texts(cells, width), rejected_rows=tuple(rejected_rows))


def _texts(records: Sequence[Sequence[str]], width: int) -> list[pa.Array]:
    """Return the columns of some rows of texts."""
    columns = zip(*records, strict=True) if records else [()] * width
    return [pa.array(column, pa.string()) for column in columns]


# Parquet


def _read_schema(path: Path) -> Any:  # noqa: ANN401  # pyarrow has no types
    try:
        return pq.read_schema(path)
    except pa.ArrowInvalid as error:
        raise PopulationRejected([f"{path}: no Parquet file: {error}"]) from None


def _parquet_parts(source: Source) -> Iterator[RawPart]:
    number = 0
    with pq.ParquetFile(source.path) as file:
        for batch in file.iter_batches(batch_size=PART_ROWS):
            rows = range(number + 1, number + 1 + batch.num_rows)
            number += batch.num_rows
            yield RawPart(rows, [None] * len(rows), batch.columns)


# workbooks


def _xlsx_parts(source: Source) -> Iterator[RawPart]:
    from policy_service.population.workbook import read_sheet  # noqa: PLC0415  # needed for workbooks alone

    rows, rejected_rows = read_sheet(source.path, source.mapping)
    for start in range(0, max(len(rows), 1 if rejected_rows else 0), PART_ROWS):
        part = rows[start : start + PART_ROWS]
        numbers = [number for number, _ in part]
        columns = _texts([cells for _, cells in part], len(source.headings))
        here = tuple(rejected_rows) if start == 0 else ()
        yield RawPart(numbers, [number + 1 for number in numbers], columns, rejected_rows=here)
