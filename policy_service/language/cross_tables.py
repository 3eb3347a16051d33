"""Reads cross tables: a grid of two inputs, whose cells become the rows of an ordinary decision table.

    cross_table:
      down: tier
      across: severity
      columns: [{id: critical, when: '"critical"'}, {id: minor, when: '"minor"'}]
      rows:
        - {id: S, when: '"S"', cells: [PT30M, PT2H], because: …}      rule `S-critical`: ['"S"', '"critical"'] -> PT30M
        - {id: C, when: '"C"', cells: [PT4H, "-"], because: …}        rule `C-critical`; no rule for a minor fault

A rule is named after its row and column, so its name is stable when lines are added or moved. Evaluators, analysis and
prose see ordinary rules; `CrossTable` has the position of each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from policy_service.language.ast import Expr
from policy_service.language.declare import title_of, to_bilingual
from policy_service.language.diagnostics import Code, shorten
from policy_service.language.document import MAX_RULES, BilingualDoc, CellDoc, ColumnDoc, CrossRowDoc, CrossTableDoc
from policy_service.language.findings import Findings
from policy_service.language.policy import Bilingual, CrossTable, Line, Policy, Rule
from policy_service.language.rows import InputCell, Inputs, RowReader
from policy_service.language.source import Path
from policy_service.language.then_values import Bounds, ThenReader

CROSS = "cross_table"
NO_RULE = "-"
"""The text of a cell without a rule."""


@dataclass(frozen=True, slots=True)
class GridRules:
    """The rules of a grid, row by row, with their bounds, rows and columns."""

    rules: list[Rule] = field(default_factory=list)
    bounds: list[Bounds] = field(default_factory=list)
    cells: list[tuple[int, int]] = field(default_factory=list)


class CrossTableReader:
    """Reads the cross table of one file."""

    def __init__(self, rows: RowReader, then_reader: ThenReader, findings: Findings) -> None:
        self.row_reader = rows
        self.then_reader = then_reader
        self.findings = findings

    def read(self, doc: CrossTableDoc) -> tuple[GridRules, CrossTable] | None:
        """Return the rules of the grid and their positions; None after reporting errors."""
        inputs: Inputs = [(doc.down, (CROSS, "down")), (doc.across, (CROSS, "across"))]
        self.row_reader.check_inputs(inputs)
        rows, columns = self._heads(doc.rows, doc.down, "rows"), self._heads(doc.columns, doc.across, "columns")
        self.row_reader.check_missing_handled(inputs, {head.name for head in (*rows, *columns) if head.handles_missing})
        size = max(len(rows) * len(columns), sum(len(row.cells) for row in doc.rows))
        if size > MAX_RULES:
            message = f"a cross table has at most {MAX_RULES:,} cells, this one {size:,}"
            self.findings.add_key_error(Code.TOO_MANY_RULES, message, (CROSS, "rows"), "split the policy into several")
            return None
        grid = self._cells(doc, rows, columns)
        if not grid.rules:
            message = "no cell of the cross table decides anything"
            self.findings.add_key_error(Code.MISSING_OUTCOME, message, (CROSS, "rows"))
        return grid, CrossTable(_lines(doc.rows, rows), _lines(doc.columns, columns), tuple(grid.cells))

    def _heads(self, lines: Sequence[CrossRowDoc | ColumnDoc], name: str, key: str) -> list[InputCell]:
        """Read the heads of all rows or columns; names and conditions must be unique."""
        self.findings.check_ids((line.id, (CROSS, key, index, "id")) for index, line in enumerate(lines))
        heads = [
            self.row_reader.read_cell(line.when, name, (CROSS, key, index, "when")) for index, line in enumerate(lines)
        ]
        first: dict[Expr, str] = {}
        for line, head in zip(lines, heads, strict=True):
            if head.cell is None:
                continue
            if head.cell.condition in first:
                message = f"`{shorten(first[head.cell.condition])}` asks the same already"
                self.findings.add_error(Code.DUPLICATE_ID, message, head.path)
            first.setdefault(head.cell.condition, line.id)
        return heads

    def _cells(self, doc: CrossTableDoc, rows: Sequence[InputCell], columns: Sequence[InputCell]) -> GridRules:
        """Return a rule for each cell with an outcome; all cells are checked."""
        grid = GridRules()
        names: list[tuple[str, Path]] = []
        for down, row in enumerate(doc.rows):
            if len(row.cells) != len(columns):
                expected = [column.id for column in doc.columns]
                self.row_reader.add_cell_count_error(row.cells, expected, (CROSS, "rows", down, "cells"))
            for across, (cell, column) in enumerate(zip(row.cells, doc.columns, strict=False)):
                path: Path = (CROSS, "rows", down, "cells", across)
                when, known, conditions = self.row_reader.read_row((rows[down], columns[across]))
                if cell == NO_RULE:
                    continue
                cell_doc = cell if isinstance(cell, CellDoc) else CellDoc(then=cell)
                then_path = (*path, "then") if cell_doc is cell else path
                values, bounds = self.then_reader.read(cell_doc.values, path, known, then_path=then_path)
                because = (
                    to_bilingual(cell_doc.because) if cell_doc.because else _cell_reason(row.because, column.because)
                )
                title = title_of(cell_doc) or _cell_title(title_of(row), title_of(column))
                names.append((f"{row.id}-{column.id}", path))
                grid.rules.append(Rule(names[-1][0], when, values, because, conditions, title=title))
                grid.bounds.append(bounds)
                grid.cells.append((down, across))
        if not self.findings.diagnostics:  # otherwise an invalid name would be reported for each of its cells
            self.findings.check_ids(names)
        return grid


def rule_path(policy: Policy, rule: int) -> Path:
    """Return the path of a rule in the file of `policy`: its row, or its cell of the cross table."""
    if policy.cross is None:
        return (policy.form, "rows", rule)
    row, column = policy.cross.cells[rule]
    return (CROSS, "rows", row, "cells", column)


def input_path(policy: Policy, rule: int, column: int) -> Path:
    """Return the path of a rule's input cell in the file of a decision table; in a cross table, of its head."""
    if policy.cross is None:
        return (*rule_path(policy, rule), "when", column)
    return (CROSS, ("rows", "columns")[column], policy.cross.cells[rule][column], "when")


def _lines(docs: Sequence[CrossRowDoc | ColumnDoc], heads: Sequence[InputCell]) -> tuple[Line, ...]:
    pairs = zip(docs, heads, strict=True)
    return tuple(Line(doc.id, head.cell.condition) for doc, head in pairs if head.cell is not None)


def _cell_reason(row: BilingualDoc, column: BilingualDoc | None) -> Bilingual:
    """Return the reason of a cell: the row's, then the column's."""
    if column is None:
        return to_bilingual(row)
    return Bilingual(f"{row.zh}{column.zh}", f"{row.en} {column.en}")


def _cell_title(row: Bilingual | None, column: Bilingual | None) -> Bilingual | None:
    """Return the title of a cell, from its row's and its column's if both have one; else None."""
    if row is None or column is None:
        return None
    return Bilingual(f"{row.zh}，{column.zh}", f"{row.en}, {column.en}")
