"""A reproducible zip file: fixed order and times, with a list of its files."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

FILE_TIME = (1980, 1, 1, 0, 0, 0)
"""The time of every file in the zip; the manifest has the pack's time of creation."""
FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")
"""The first characters of what a spreadsheet takes for a formula."""
_READABLE = 0o644


class Archive:
    """Writes one file after another."""

    def __init__(self, file: Path) -> None:
        self._zip = zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED)
        self.files: dict[str, dict[str, Any]] = {}
        """The files written so far: `sha256` and `size` by name."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._zip.close()

    def add(self, name: str, content: bytes) -> None:
        """Add a file to the zip and to the list."""
        self.files[name] = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
        self.add_unlisted(name, content)

    def add_unlisted(self, name: str, content: bytes) -> None:
        """Add a file that cannot be in the list: the list itself, and its signature."""
        info = zipfile.ZipInfo(name, FILE_TIME)
        info.compress_type = zipfile.ZIP_DEFLATED
        info.create_system = 3  # the same bytes whatever system makes it
        info.external_attr = _READABLE << 16
        self._zip.writestr(info, content)

    def add_text(self, name: str, text: str) -> None:
        """Add text."""
        self.add(name, text.encode())

    def add_json(self, name: str, value: object) -> None:
        """Add indented JSON."""
        self.add(name, pretty(value))

    def add_lines(self, name: str, lines: Iterable[bytes]) -> None:
        """Add lines, each with a line feed."""
        self.add(name, b"".join(line + b"\n" for line in lines))

    def add_table(self, name: str, headings: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """Add a table for spreadsheets, without formulas in its cells."""
        self.add(name, table(headings, rows))


def pretty(value: object) -> bytes:
    """Return indented JSON."""
    return json.dumps(value, ensure_ascii=False, indent=2).encode() + b"\n"


def table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """Return a table for spreadsheets, as comma-separated values."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(headings)
    writer.writerows([[cell(each) for each in row] for row in rows])
    return b"\xef\xbb\xbf" + text.getvalue().encode()  # the mark tells a spreadsheet that it is UTF-8


def cell(value: object) -> str:
    """Return an untrusted text as a cell that a spreadsheet takes for text (OWASP, CSV injection)."""
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(FORMULA) else text
