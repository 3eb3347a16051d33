"""Writes files for spreadsheets, CSV and workbooks, row by row; guards text against being run as a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TextIO

MAX_CELL_LENGTH = 32_767
"""Maximum length of a workbook's cell, characters."""
MAX_DIGITS = 15
"""Digits of a number that a workbook's binary floating point stores exactly."""
FIRST_SHEET_DAY = date(1900, 3, 1)
"""The first day that all spreadsheets number alike."""
Cell = str | int | Decimal | date | None
RowWriter = Callable[[Sequence[Cell]], None]
FORMULA_STARTS = tuple("=+-@\t\r\n＝＋－＠")  # the wide ones, too: spreadsheets of Chinese and Japanese take them


def guard_formula(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula: an apostrophe is added if needed."""
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def unguard_formula(text: str) -> str:
    """Return the original of a text from `guard_formula`.

    >>> unguard_formula(guard_formula("=C1")), unguard_formula("C1"), unguard_formula("'C1")
    ('=C1', 'C1', "'C1")
    """
    return text[1:] if text.startswith("'") and text[1:].startswith(FORMULA_STARTS) else text


@contextmanager
def csv_file(file: Path | None, _title: str = "") -> Iterator[RowWriter]:
    """Write CSV with a UTF-8 byte order mark; nothing without a path."""
    if file is None:
        yield lambda _: None
        return
    with file.open("w", encoding="utf-8-sig", newline="") as lines:
        yield _csv_writer(lines)


def csv_bytes(rows: Iterable[Sequence[Cell]]) -> bytes:
    """Return rows as such a CSV file."""
    lines = io.StringIO(newline="")
    write = _csv_writer(lines)
    for each in rows:
        write(each)
    return lines.getvalue().encode("utf-8-sig")


def _csv_writer(lines: TextIO) -> RowWriter:
    rows = csv.writer(lines)
    return lambda cells: rows.writerow([guard_formula(each) if isinstance(each, str) else each for each in cells])


@contextmanager
def _workbook(file: Path, title: str) -> Iterator[RowWriter]:
    """Write a workbook row by row: only one row is in memory."""
    from xlsxwriter import Workbook  # noqa: PLC0415  # a start does without it

    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    book = Workbook(file, options)
    sheet = book.add_worksheet("".join(each for each in title if each not in "[]:*?/\\'")[:31])
    instant = book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
    day = book.add_format({"num_format": "yyyy-mm-dd"})
    bold = book.add_format({"bold": True})
    sheet.freeze_panes(1, 0)
    number = 0

    def write_row(cells: Iterable[Cell]) -> None:
        nonlocal number
        for position, cell in enumerate(cells):
            match _native(cell):
                case None:
                    pass
                case datetime() as value:
                    sheet.write_datetime(number, position, value, instant)
                case date() as value:
                    sheet.write_datetime(number, position, value, day)
                case str() as text:
                    sheet.write_string(number, position, text, None if number else bold)
                case value:
                    sheet.write_number(number, position, value)
        number += 1

    try:
        yield write_row
    finally:
        with telling_as_oserror():
            book.close()


@contextmanager
def telling_as_oserror() -> Iterator[None]:
    """Turn the error of the writer of workbooks about the disk into that of the system."""
    from xlsxwriter.exceptions import FileCreateError  # noqa: PLC0415  # a start does without it

    try:
        yield
    except FileCreateError as error:
        (cause,) = error.args
        raise cause if isinstance(cause, OSError) else OSError(cause) from None


def _native(cell: Cell) -> Cell:
    """Return a value in the form that a workbook stores exactly; as text if there is none."""
    match cell:
        case datetime() if cell.date() < FIRST_SHEET_DAY:
            return str(cell)
        case date() if not isinstance(cell, datetime) and cell < FIRST_SHEET_DAY:
            return str(cell)
        case int() | Decimal() if len(Decimal(cell).as_tuple().digits) > MAX_DIGITS:
            return str(cell)
        case str() if len(cell) > MAX_CELL_LENGTH:
            return f"{cell[: MAX_CELL_LENGTH - 1]}…"
        case _:
            return cell


WRITERS: dict[str, Callable[[Path, str], AbstractContextManager[RowWriter]]] = {"csv": csv_file, "xlsx": _workbook}
"""Opens a file of each format, with a title; returns the writer of its rows."""
