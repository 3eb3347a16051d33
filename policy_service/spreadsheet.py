"""Files for spreadsheets: CSV, and texts that a spreadsheet would run as a formula."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

FORMULA_STARTS = tuple("=+-@\t\r\n＝＋－＠")  # the wide ones, too: spreadsheets of Chinese and Japanese take them


def guard_formula(text: str) -> str:
    """A text that no spreadsheet takes for a formula: one that begins like a formula gets an apostrophe."""
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def unguard_formula(text: str) -> str:
    """The text that `guard_formula` guarded, or did not need to.

    >>> unguard_formula(guard_formula("=C1")), unguard_formula("C1"), unguard_formula("'C1")
    ('=C1', 'C1', "'C1")
    """
    return text[1:] if text.startswith("'") and text[1:].startswith(FORMULA_STARTS) else text


class CsvFile:
    """Writes a CSV file row by row; without a path it writes nothing."""

    def __init__(self, path: Path | None, headings: Sequence[str]) -> None:
        self._file = None if path is None else path.open("w", encoding="utf-8-sig", newline="")
        self._rows = None if self._file is None else csv.writer(self._file)
        self.write(headings)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if self._file is not None:
            self._file.close()

    def write(self, cells: Iterable[str]) -> None:
        """Write a row."""
        if self._rows is not None:
            self._rows.writerow(map(guard_formula, cells))
