"""Reads a workbook's sheet as texts: numbers by their shortest form, never by their format.

A number of more than 15 digits is stored inexactly, so it is refused where it should be exact; a formula is refused
unless the mapping takes the results that are stored. What unpacks to far more than a workbook does is not unpacked.
"""

from __future__ import annotations

import datetime
import re
import zipfile
from decimal import Decimal
from pathlib import Path

from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook

from policy_service.population.errors import PopulationRejected, RejectedRow
from policy_service.population.mapping import Mapping

MAX_UNPACKED = 1 << 30
"""Bytes that a workbook unpacks to."""
MAX_RATIO = 200
"""How many times its size a workbook of more than SMALL bytes unpacks to."""
SMALL = 64 << 20
MAX_EXACT = 10**15
"""Whole numbers from here on have digits that a workbook does not store."""
_FORMULA = re.compile(rb'<c\b[^>]*?\br="[A-Z]+([0-9]+)"[^>]*>\s*<f\b')
_OVERLAP = 4_096


def _sheet(path: Path, mapping: Mapping) -> CalamineSheet:
    _check_size(path)
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
    """Refuse a file that declares, or holds, far more than it is. Raises PopulationRejected."""
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
    except zipfile.BadZipFile as error:
        raise PopulationRejected([f"{path}: no workbook: {error}"]) from None
    if unpacked > MAX_UNPACKED or (unpacked > SMALL and unpacked > MAX_RATIO * path.stat().st_size):
        raise PopulationRejected([f"{path}: the workbook unpacks to {unpacked:,} bytes, more than is read"])


def read_headings(path: Path, mapping: Mapping) -> tuple[str, ...]:
    """The first row. Raises PopulationRejected."""
    rows = _sheet(path, mapping).to_python(skip_empty_area=False)
    return tuple(_text(cell)[0].strip() for cell in rows[0]) if rows else ()


def read_sheet(path: Path, mapping: Mapping) -> tuple[list[tuple[int, list[str]]], list[RejectedRow]]:
    """The rows below the heading, by number, and those refused. Raises PopulationRejected."""
    content = _sheet(path, mapping).to_python(skip_empty_area=False)[1:]
    formulas = _formula_rows(path) if mapping.formulas == "refused" else set()
    rows: list[tuple[int, list[str]]] = []
    rejected_rows: list[RejectedRow] = []
    for number, cells in enumerate(content, 1):
        texts = [_text(cell) for cell in cells]
        if not any(text for text, _ in texts):
            continue
        reasons = [f"column {index}: {reason}" for index, (_, reason) in enumerate(texts, 1) if reason]
        if number + 1 in formulas:
            reasons.append("a formula: store its value, or map `formulas: stored`")
        if reasons:
            rejected_rows.append(RejectedRow(number, number + 1, texts[0][0], "; ".join(reasons)))
        else:
            rows.append((number, [text for text, _ in texts]))
    return rows, rejected_rows


def _text(cell: object) -> tuple[str, str | None]:
    """A cell as text, and why it is none."""
    match cell:
        case bool():
            return ("true" if cell else "false"), None
        case float() | int():
            if abs(cell) >= MAX_EXACT:
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


def _formula_rows(path: Path) -> set[int]:
    """The rows, as the sheets number them, that hold a formula."""
    rows: set[int] = set()
    with zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            if entry.filename.startswith("xl/worksheets/") and entry.filename.endswith(".xml"):
                tail = b""
                with archive.open(entry) as file:
                    while chunk := file.read(1 << 20):
                        tail += chunk
                        rows.update(int(match[1]) for match in _FORMULA.finditer(tail))
                        tail = tail[-_OVERLAP:]
    return rows
