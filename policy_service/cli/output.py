"""Output of commands: text and tables for people, JSON for programs. Text of policies is never taken for markup."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

WIDTH = 160
"""The width of a table that is not printed on a terminal, columns."""


def print_line(text: str) -> None:
    """Print and flush a line, escaping characters that the output's encoding lacks."""
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")
    sys.stdout.flush()


def print_json(value: object) -> None:
    """Print one JSON document."""
    print_line(json.dumps(value, ensure_ascii=False, indent=2))


def print_table(headings: Sequence[str], rows: Sequence[Sequence[str]], *, lines: bool = False) -> None:
    """Print a table as wide as the terminal."""
    console = Console(width=None if sys.stdout.isatty() else WIDTH, highlight=False)
    table = Table(*headings, show_lines=lines)
    for row in rows:
        table.add_row(*map(Text, row))
    console.print(table)
