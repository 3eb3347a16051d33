"""A table in words, and its layout with aligned columns for a terminal."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from policy_service.compilers.prose.figures import printable_line


@dataclass(frozen=True, slots=True)
class Table:
    """Headings and rows of texts; every row has as many cells as there are headings."""

    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def markdown(table: Table) -> str:
    """Return the table in Markdown, its columns padded to one width, a Chinese character counting as two."""
    lines = [[_cell(text) for text in row] for row in (table.headers, *table.rows)]
    widths = [max(3, *map(width, column)) for column in zip(*lines, strict=True)]
    lines.insert(1, ["-" * size for size in widths])
    return "\n".join(_line(line, widths) for line in lines)


def _line(cells: list[str], widths: list[int]) -> str:
    padded = [text + " " * (size - width(text)) for text, size in zip(cells, widths, strict=True)]
    return f"| {' | '.join(padded)} |"


def _cell(text: str) -> str:
    return one_line(text).replace("|", "\\|")


def one_line(text: str) -> str:
    """Return an untrusted text as one line of Markdown that opens no HTML tag."""
    return re.sub(r"<(?=[A-Za-z!/?])", r"\\<", printable_line(text))


def width(text: str) -> int:
    """Return the width of the text in terminal columns."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)
