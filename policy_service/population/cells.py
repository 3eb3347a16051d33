"""Judges cells by the types of facts, with the reader that judges facts in JSON; nothing is guessed.

| type           | in a cell of text                  | what a typed column may hold        |
|----------------|------------------------------------|-------------------------------------|
| boolean        | `true`, `false`                    | booleans                            |
| numbers, money | a plain decimal: `800000.00`, `45` | whole numbers, decimals; no floats  |
| date, duration | ISO 8601: `2026-11-18`, `P3D`      | dates                               |
| choice, text   | the word, letter by letter         | text                                |
| tags           | words with `;` between them        | lists of text                       |

An empty cell is a missing fact, and so are the words that the mapping lists; `NULL` and `NA` are text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from policy_service.compilers.columnar.layout import Cell, to_cell
from policy_service.decisions.facts_reader import fact_problem, value_reader
from policy_service.decisions.masking import MASK
from policy_service.language.types import BooleanType, TagsType, Type, ValueRejected

TRUTHS = {"true": True, "false": False}
TAG_DELIMITER = ";"


def raw_value(kind: Type, cell: object) -> object:
    """The JSON value of a cell."""
    match kind:
        case BooleanType() if isinstance(cell, str):
            return TRUTHS.get(cell, cell)
        case TagsType() if isinstance(cell, str):
            return cell.split(TAG_DELIMITER)
        case _:
            return cell


class ColumnJudge:
    """Reads the cells of one column as values of one type."""

    def __init__(
        self, name: str, kind: Type, words: Mapping[str, str], missing: Iterable[str], *, sensitive: bool = False
    ) -> None:
        self.name = name
        self.sensitive = sensitive
        self.kind = kind
        self._read_value = value_reader(kind)
        self._words = words
        self._missing = frozenset(("", *missing))

    def read(self, cells: Sequence[Any]) -> tuple[list[Cell], dict[Any, str]]:
        """The values as they stand in a query's column, and for each cell that is refused the reason.

        Cells are read once a spelling: a column has far fewer of them than rows.
        """
        values: dict[Any, Cell] = {None: None}
        reasons: dict[Any, str] = {}
        for cell in set(cells):
            if cell is None or (isinstance(cell, str) and cell in self._missing):
                values[cell] = None
                continue
            word = self._words.get(cell, cell) if isinstance(cell, str) else cell
            raw = raw_value(self.kind, word)
            try:
                values[cell] = to_cell(self.kind, self._read_value(raw))
            except ValueRejected as error:
                values[cell] = None
                problem = fact_problem(self.name, error, raw, self._read_value)
                reasons[cell] = str(replace(problem, value=MASK, hint=None) if self.sensitive else problem)
        return [values[cell] for cell in cells], reasons
