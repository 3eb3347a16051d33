"""Bars of progress on a terminal, for commands that take long; others start without them."""

from __future__ import annotations

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn


def progress_bars(what: str, unit: str | None = None) -> Progress:
    """Return bars of progress, which are shown on a terminal and go when they are done."""
    console = Console(stderr=True)
    units = [] if unit is None else [TextColumn(unit)]
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), *units, TimeElapsedColumn())
    return Progress(*columns, console=console, disable=not console.is_terminal, transient=True)
