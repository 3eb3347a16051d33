"""Reads the rows of decision tables: their cells, and the combined conditions."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from policy_service.language.ast import TRUE, And, Expr, IsMissing, Name, Not
from policy_service.language.check import Checker
from policy_service.language.diagnostics import Code, did_you_mean, pluralize, shorten
from policy_service.language.findings import Findings
from policy_service.language.parser import Cell
from policy_service.language.source import Path
from policy_service.language.types import Type

Inputs = Sequence[tuple[str, Path]]
"""The inputs of a table, each with its position in the file."""


@dataclass(frozen=True, slots=True)
class InputCell:
    """A parsed cell, None if it is invalid; its input; its position in the file."""

    name: str
    cell: Cell | None
    path: Path

    @property
    def handles_missing(self) -> bool:
        """True if it covers the case that its fact is missing."""
        return self.cell is not None and self.cell.handles_missing and self.cell.condition != TRUE


class RowReader:
    """Reads rows over the inputs `names`, of which those in `optional` may be missing."""

    def __init__(
        self, names: Mapping[str, Type], optional: frozenset[str], checker: Checker, findings: Findings
    ) -> None:
        self.names = names
        self.optional = optional
        self.checker = checker
        self.findings = findings

    def check_inputs(self, inputs: Inputs) -> None:
        """Report every input that is neither a fact nor the day, or is a duplicate."""
        seen: set[str] = set()
        for name, path in inputs:
            if name not in self.names:
                hint = did_you_mean(name, self.names)
                self.findings.add_error(Code.UNKNOWN_FACT, f"unknown fact `{shorten(name)}`", path, hint)
            elif name in seen:
                self.findings.add_error(Code.DUPLICATE_ID, f"`{name}` is an input already", path)
            seen.add(name)

    def read_cell(self, text: str, name: str, path: Path) -> InputCell:
        """Return a cell of the input `name`."""
        return InputCell(name, self.findings.read_cell(text, name, path), path)

    def read_row(self, cells: Sequence[InputCell]) -> tuple[Expr, frozenset[str], tuple[Expr, ...]]:
        """Return a row's condition, the optional facts known to be present if it is true, and its cells."""
        parsed = [(each, each.cell) for each in cells if each.cell is not None]
        guarded = [each.name for each, cell in parsed if each.name in self.optional and not cell.handles_missing]
        known = frozenset(guarded)
        for each, cell in parsed:
            if each.name in self.names:
                known = self.checker.check_condition(cell.condition, known)
                self.findings.take_errors(self.checker, each.path)
        guards = [Not(operand=IsMissing(fact=Name(name=name))) for name in guarded]
        conditions = tuple(cell.condition for _, cell in parsed)
        parts = (*guards, *(condition for condition in conditions if condition != TRUE))
        when = TRUE if not parts else parts[0] if len(parts) == 1 else And(operands=parts)
        return when, known, conditions

    def add_cell_count_error(self, cells: Sequence[object], expected: Sequence[str], path: Path) -> None:
        """Report that a row has too few or too many cells."""
        message = f"expected {pluralize(len(expected), 'cell')}, for {', '.join(expected)}; found {len(cells)}"
        hint = "a cell with a comma stands in quotes" if len(cells) > len(expected) else None
        self.findings.add_error(Code.WRONG_CELL_COUNT, shorten(message, 300), path, hint)

    def check_missing_handled(self, inputs: Inputs, handled: Collection[str]) -> None:
        """Report every optional input for which no cell covers the case that it is missing."""
        for name, path in inputs:
            if name in self.optional and name not in handled:
                hint = 'add a row with "is missing" in this column'
                message = f"the table never says what holds when `{name}` is missing"
                self.findings.add_error(Code.OPTIONAL_NOT_ASKED, message, path, hint)
