"""A cross table in words: the grid as written, each cell with its rule."""

from __future__ import annotations

from dataclasses import dataclass

from policy_service.compilers.prose.conditions import condition
from policy_service.compilers.prose.context import Context
from policy_service.compilers.prose.decision import outcome_text
from policy_service.compilers.prose.labels import LABELS
from policy_service.compilers.prose.statement import cell
from policy_service.compilers.prose.table import Table
from policy_service.language.ast import TRUE
from policy_service.language.policy import Line, Policy, Rule

NO_RULE = "—"
"""The text of a cell without a rule."""


@dataclass(frozen=True, slots=True)
class GridCell:
    """The outcome for a row and a column, and its rule; None if there is no rule."""

    rule: str | None
    values: tuple[str, ...]
    """A value for each outcome."""
    text: str
    """All values on one line."""


@dataclass(frozen=True, slots=True)
class GridLine:
    """The head of a row or column, and its name."""

    id: str
    head: str


@dataclass(frozen=True, slots=True)
class GridWords:
    """A cross table in words."""

    corner: str
    """The inputs of the rows and columns."""
    legend: str
    """A sentence that explains the grid."""
    columns: tuple[GridLine, ...]
    rows: tuple[tuple[GridLine, tuple[GridCell, ...]], ...]

    @property
    def table(self) -> Table:
        """Return the grid as a table; its first column has the heads of the rows."""
        return Table(
            (self.corner, *(column.head for column in self.columns)),
            tuple((row.head, *(each.text for each in cells)) for row, cells in self.rows),
        )


def grid_words(policy: Policy, context: Context) -> GridWords | None:
    """Return the grid of a cross table, None for other forms."""
    if policy.cross is None:
        return None
    labels, cross = LABELS[context.words.language], policy.cross
    down, across = (context.titles.get(name, context.title(name)) for name in policy.inputs)
    outcomes = context.words.listing([context.titles[name] for name in policy.outcomes])
    rules_by_cell = dict(zip(cross.cells, policy.rules, strict=False))
    is_full = len(rules_by_cell) == len(cross.rows) * len(cross.columns)
    legend = context.words.fill(labels.grid, down=down, across=across, outcomes=outcomes)
    return GridWords(
        corner=context.words.fill(labels.corner, down=down, across=across),
        legend=legend if is_full else context.words.gap.join((legend, labels.no_cell)),
        columns=tuple(_line(line, policy.inputs[1], context) for line in cross.columns),
        rows=tuple(
            (
                _line(line, policy.inputs[0], context),
                tuple(_cell(rules_by_cell.get((row, column)), policy, context) for column in range(len(cross.columns))),
            )
            for row, line in enumerate(cross.rows)
        ),
    )


def _line(line: Line, name: str, context: Context) -> GridLine:
    if line.when == TRUE:
        return GridLine(line.id, context.words.anything)
    return GridLine(line.id, cell(condition(line.when, context), context.words, context.title(name)))


def _cell(rule: Rule | None, policy: Policy, context: Context) -> GridCell:
    if rule is None:
        return GridCell(None, (NO_RULE,), NO_RULE)
    values = tuple(outcome_text(then, name, context) for then, name in zip(rule.then, policy.outcomes, strict=True))
    return GridCell(rule.id, values, context.words.semicolon.join(values))
