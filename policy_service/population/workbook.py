"""Reads a workbook's sheet as texts: numbers in their shortest form, ignoring cell formats.

Numbers of more than 15 digits are stored inexactly, so they are rejected. An error such as `#N/A` is not an empty cell,
so its row is rejected; a formula is rejected unless the mapping accepts stored results. Archives with an excessive
compression ratio are not unpacked, and sheets with a very distant last cell are not read, since the reader allocates
every cell up to it.
"""

from __future__ import annotations

import datetime
import html
import math
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook

from policy_service.population.errors import PopulationRejected, RejectedRow
from policy_service.population.mapping import Mapping

MAX_UNPACKED = 1 << 30
"""Maximum unpacked size of a workbook, bytes."""
MAX_RATIO = 200
"""Maximum compression ratio of a workbook larger than SMALL bytes."""
SMALL = 64 << 20
MAX_EXACT = 10**15
"""Whole numbers from here on have digits that a workbook does not store."""
MAX_CELLS = 50_000_000
"""Maximum number of cells in the rectangle from the first to the last cell of a sheet."""
_ATTRIBUTES = rb"""((?:[^<>"']|"[^"<]*"|'[^'<]*')*)>"""
_CELL = re.compile(rb"<(?:[\w.-]+:)?(row|c|f)\b" + _ATTRIBUTES)
_SHEET = re.compile(rb"<(?:[\w.-]+:)?(?:sheet|Relationship)\b" + _ATTRIBUTES)
_REFERENCE = re.compile(rb"""\sr\s*=\s*["']([A-Za-z]*)([0-9]{1,12})["']""")
_ERROR = re.compile(rb"""\st\s*=\s*["']e["']""")
_ATTRIBUTE = re.compile(r"""([\w:.-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')""")
_CHUNK = 1 << 20


@dataclass(slots=True)
class _Scan:
    """The kinds of a sheet's cells, by row number."""

    rows: int = 0
    columns: int = 0
    formulas: set[int] = field(default_factory=set)
    errors: set[int] = field(default_factory=set)


def _sheet(path: Path, mapping: Mapping) -> CalamineSheet:
    _check_size(path)
    for scan in _scans(path, None):
        if scan.rows * scan.columns > MAX_CELLS:
            where = f"row {scan.rows:,}, column {scan.columns:,}"
            raise PopulationRejected([f"{path}: a cell stands far away ({where}): delete the empty rows and columns"])
    try:
        book = CalamineWorkbook.from_path(path)
        names = book.sheet_names
        if mapping.sheet is None and len(names) > 1:
            raise PopulationRejected([f"{path}: the mapping says which sheet is meant: {', '.join(names)}"])
        if mapping.sheet is not None and mapping.sheet not in names:
            raise PopulationRejected([f"{path}: no sheet `{mapping.sheet}`, there are {', '.join(names)}"])
        sheet = book.get_sheet_by_name(mapping.sheet or names[0])
    except CalamineError as error:
        raise PopulationRejected([f"{path}: no workbook: {error}"]) from None
    if merged := list(sheet.merged_cell_ranges or ()):
        (row, column), (last_row, last_column) = merged[0]
        where = f"rows {row + 1} to {last_row + 1}, columns {column + 1} to {last_column + 1}"
        raise PopulationRejected([f"{path}: cells are merged ({where}): give every row its own value"])
    return sheet


def _check_size(path: Path) -> None:
    """Reject a file that declares, or unpacks to, an excessive size. Raises PopulationRejected."""
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
    except zipfile.BadZipFile as error:
        raise PopulationRejected([f"{path}: no workbook: {error}"]) from None
    if unpacked > MAX_UNPACKED or (unpacked > SMALL and unpacked > MAX_RATIO * path.stat().st_size):
        raise PopulationRejected([f"{path}: the workbook unpacks to {unpacked:,} bytes, more than is read"])


def read_headings(path: Path, mapping: Mapping) -> tuple[str, ...]:
    """Return the first row. Raises PopulationRejected."""
    rows = _sheet(path, mapping).to_python(skip_empty_area=False)
    return tuple(_text(cell)[0].strip() for cell in rows[0]) if rows else ()


def read_sheet(path: Path, mapping: Mapping) -> tuple[list[tuple[int, list[str]]], list[RejectedRow]]:
    """Return the rows below the heading, by number, and the rejected ones. Raises PopulationRejected."""
    headings, *content = _sheet(path, mapping).to_python(skip_empty_area=False)
    names = [_text(cell)[0].strip() for cell in headings]
    subject = names.index(mapping.subject) if mapping.subject in names else 0
    scans = _scans(path, mapping.sheet)
    formulas = set[int]().union(*(scan.formulas for scan in scans if mapping.formulas == "refused"))
    errors = set[int]().union(*(scan.errors for scan in scans))
    rows: list[tuple[int, list[str]]] = []
    rejected_rows: list[RejectedRow] = []
    for number, cells in enumerate(content, 1):
        texts = [_text(cell) for cell in cells]
        if not any(text for text, _ in texts):
            continue
        reasons = [f"column {index}: {reason}" for index, (_, reason) in enumerate(texts, 1) if reason]
        if number + 1 in formulas:
            reasons.append("a formula: store its value, or map `formulas: stored`")
        if number + 1 in errors:
            reasons.append("an error such as #N/A: correct it, or empty the cell")
        if reasons:
            rejected_rows.append(RejectedRow(number, number + 1, texts[subject][0], "; ".join(reasons)))
        else:
            rows.append((number, [text for text, _ in texts]))
    return rows, rejected_rows


def _text(cell: object) -> tuple[str, str | None]:
    """Return a cell as text, or the reason why it is rejected."""
    match cell:
        case bool():
            return ("true" if cell else "false"), None
        case float() | int():
            if math.isnan(cell) or abs(cell) >= MAX_EXACT:
                return str(cell), "a number of more than 15 digits is stored inexactly: format the column as text"
            if cell == int(cell):
                return str(int(cell)), None
            return format(Decimal(repr(cell)), "f"), None
        case datetime.datetime() if cell.time() == datetime.time():
            return cell.date().isoformat(), None
        case datetime.date() | datetime.time():
            return cell.isoformat(), None
        case datetime.timedelta():
            return str(cell), None
        case _:
            return str(cell), None


def _scans(path: Path, sheet: str | None) -> list[_Scan]:
    """Return the kinds of cells of a sheet; of all parts of the file if `sheet` is None or its part is unknown."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            part = None if sheet is None else _part_of(archive, sheet)
            return [_scan(archive, name) for name in ([part] if part in names else names)]
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise PopulationRejected(
            [f"{path.name}: no workbook: {error}"]
        ) from None  # damaged, or larger than it declares


def _part_of(archive: zipfile.ZipFile, sheet: str) -> str | None:
    """Return the part of the file that contains a sheet."""
    try:
        book, relations = archive.read("xl/workbook.xml"), archive.read("xl/_rels/workbook.xml.rels")
    except KeyError:
        return None
    ids = {each.get("r:id") for each in _tags(book) if each.get("name") == sheet}
    targets = [each.get("Target", "") for each in _tags(relations) if each.get("Id") in ids]
    return next((each[1:] if each.startswith("/") else f"xl/{each}" for each in targets), None)


def _tags(text: bytes) -> Iterator[dict[str, str]]:
    for match in _SHEET.finditer(text):
        found = _ATTRIBUTE.findall(match[1].decode(errors="replace"))
        yield {name: html.unescape(double or single) for name, double, single in found}


def _scan(archive: zipfile.ZipFile, name: str) -> _Scan:
    scan, row, column = _Scan(), 0, 0
    for kind, attributes in _cells(archive, name):
        reference = _REFERENCE.search(attributes)
        if kind == b"f":
            scan.formulas.add(row)
        elif kind == b"row":
            row, column = int(reference[2]) if reference else row + 1, 0
        else:
            row = int(reference[2]) if reference else row
            column = _column(reference[1]) if reference else column + 1
            scan.rows, scan.columns = max(scan.rows, row), max(scan.columns, column)
            if _ERROR.search(attributes):
                scan.errors.add(row)
    return scan


def _cells(archive: zipfile.ZipFile, name: str) -> Iterator[tuple[bytes, bytes]]:
    """Yield the rows, cells and formulas of a part, in order, each with its attributes."""
    tail = b""
    with archive.open(name) as file:
        while chunk := file.read(_CHUNK):
            tail = tail[-_CHUNK:] + chunk
            end = 0
            for match in _CELL.finditer(tail):
                end = match.end()
                yield match[1], match[2]
            tail = tail[max(end, tail.rfind(b"<")) :]


def _column(letters: bytes) -> int:
    """Return the number of a column from its letters."""
    number = 0
    for letter in letters.upper():
        number = number * 26 + letter - ord("A") + 1
    return number
