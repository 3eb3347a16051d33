"""The changed cells of a change, shown first to a director.

A line is a cell of a rule or band whose meaning changed, or an added or removed rule or band; cells that are only
reworded appear in the full tables alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from policy_service.analysis.table_difference import DiffStatus, MergedTable, MergedTables, Row

MAX_LINES = 8
"""Maximum number of lines, over all policies of a change, on its first screen."""


@dataclass(frozen=True, slots=True)
class ChangedCell:
    """One cell before and after; for an added or removed rule, its results."""

    rule: str
    """The first cell of its row."""
    column: str
    """Empty if the whole row was added or removed."""
    before: str | None
    after: str | None
    status: DiffStatus
    reason_kept: bool = False
    """True if the reason of the row is unchanged although its cells changed."""


@dataclass(frozen=True, slots=True)
class ChangedCells:
    """The first lines, and the number of others."""

    lines: tuple[ChangedCell, ...]
    more: int


def changed_cells(tables: MergedTables, limit: int = MAX_LINES) -> ChangedCells:
    """Return the cells that changed in the rules and bands of two versions, in the order of the tables."""
    lines = [line for table in (tables.rules, tables.bands) if table is not None for line in _changed_cells(table)]
    first_lines = lines if len(lines) <= limit else lines[: max(limit, 1)]
    return ChangedCells(tuple(first_lines), len(lines) - len(first_lines))


def _changed_cells(table: MergedTable) -> Iterator[ChangedCell]:
    titles = [column.title for column in table.columns]
    for row in table.rows:
        if row.status in {"new", "gone"}:
            yield _whole_row(row)
        elif row.status == "changed":
            yield from _cells(row, titles)


def _whole_row(row: Row) -> ChangedCell:
    """Return an added or removed row: all cells but its name and reason."""
    name, *cells, _ = row.cells
    before, after = (
        "; ".join(filter(None, texts)) or None
        for texts in ([cell.before for cell in cells], [cell.after for cell in cells])
    )
    return ChangedCell((name.after or name.before) or "", "", before, after, row.status)


def _cells(row: Row, titles: Sequence[str]) -> Iterator[ChangedCell]:
    name, *_, reason = row.cells
    for title, cell in zip(titles, row.cells, strict=True):
        if cell.changed and not cell.is_wording:
            yield ChangedCell(name.after or "", title, cell.before, cell.after, "changed", not reason.changed)
