"""Parses cells by the types of facts, with the reader used for facts in JSON; nothing is guessed.

| type           | in a cell of text                  | what a typed column may hold        |
|----------------|------------------------------------|-------------------------------------|
| boolean        | `true`, `false`                    | booleans                            |
| numbers, money | a plain decimal: `800000.00`, `45` | whole numbers, decimals; no floats  |
| date, duration | ISO 8601: `2026-11-18`, `P3D`      | dates                               |
| choice, text   | the word, letter by letter         | text                                |
| tags           | words with `;` between them        | lists of text                       |

An empty cell is a missing fact, and so are the words listed in the mapping; `NULL` and `NA` are text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from policy_service.compilers.columnar.layout import Cell, column_type, to_cell
from policy_service.decisions.facts_reader import fact_problem, value_reader
from policy_service.decisions.masking import MASK
from policy_service.language.types import BooleanType, NumberType, TagsType, Type, ValueRejected

TRUTHS = {"true": True, "false": False}
TAG_DELIMITER = ";"
ARROW = {"int64": pa.int64(), "string": pa.string()}
Cells: TypeAlias = Sequence[Any] | pa.Array
"""The cells of a column; an array if they are of one type."""
_DIGITS = 38
_PLAIN = "^-?(?:0|[1-9][0-9]{0,15})(?:\\.[0-9]{1,20})?$"
"""Decimals of at most 37 digits, more before the point than any value has."""


def raw_value(kind: Type, cell: object) -> object:
    """Return the JSON value of a cell."""
    match kind:
        case BooleanType() if isinstance(cell, str):
            return TRUTHS.get(cell, cell)
        case TagsType() if isinstance(cell, str):
            return cell.split(TAG_DELIMITER)
        case _:
            return cell


class ColumnJudge:
    """Parses the cells of one column as values of one type."""

    def __init__(
        self, name: str, kind: Type, words: Mapping[str, str], missing: Iterable[str], *, sensitive: bool = False
    ) -> None:
        self.name = name
        self.sensitive = sensitive
        self.kind = kind
        self._read_value = value_reader(kind)
        self._words = words
        self._missing = frozenset(("", *missing))

    def read(self, cells: Cells) -> tuple[pa.Array, dict[int, str]]:
        """Return the values as a query's column, and the reason for each rejected cell by its index.

        Numbers that a typed column, or plain decimals, represent exactly are parsed all at once. Other cells are parsed
        once per spelling, since a column has far fewer spellings than rows.
        """
        if isinstance(cells, pa.Array):
            if (numbers := self._whole_numbers(cells)) is not None:
                return numbers, {}
            try:
                encoded = cells.dictionary_encode()
            except pa.ArrowNotImplementedError:  # a list
                return self.read([tuple(cell) if isinstance(cell, list) else cell for cell in cells.to_pylist()])
            spellings = encoded.dictionary.to_pylist()
            values, refused = self._read_spellings(spellings)
            reasons = {}
            if refused:
                positions = pa.array([index for index, each in enumerate(spellings) if each in refused])
                at = pc.indices_nonzero(pc.fill_null(pc.is_in(encoded.indices, positions), False))  # noqa: FBT003
                reasons = {index: refused[spellings[encoded.indices[index].as_py()]] for index in at.to_pylist()}
            return self._array([values[each] for each in spellings]).take(encoded.indices), reasons
        values, refused = self._read_spellings(set(cells))
        reasons = {index: refused[cell] for index, cell in enumerate(cells) if cell in refused} if refused else {}
        return self._array([values[cell] for cell in cells]), reasons

    def _array(self, values: list[Cell]) -> pa.Array:
        return pa.array(values, ARROW[column_type(self.kind)])

    def _read_spellings(self, spellings: Iterable[Any]) -> tuple[dict[Any, Cell], dict[Any, str]]:
        """Return the value of each spelling, and the reason for each rejected one."""
        values: dict[Any, Cell] = {None: None}
        reasons: dict[Any, str] = {}
        for cell in spellings:
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
        return values, reasons

    def _whole_numbers(self, cells: pa.Array) -> pa.Array | None:
        """Return a column of numbers in stored form; None unless all are exact values."""
        kind = self.kind
        if not isinstance(kind, NumberType):
            return None
        if pa.types.is_string(cells.type) and not self._words:
            missing = pc.is_in(cells, pa.array(self._missing, pa.string()))
            cells = pc.if_else(missing, None, cells)
            if not pc.all(pc.match_substring_regex(cells, _PLAIN)).as_py():
                return None
        elif not pa.types.is_integer(cells.type) and not pa.types.is_decimal(cells.type):
            return None
        try:
            scaled = cells.cast(pa.decimal128(_DIGITS, kind.scale))
            as_units = pa.Array.from_buffers(
                pa.decimal128(_DIGITS, 0), len(scaled), scaled.buffers(), scaled.null_count, scaled.offset
            )
            numbers = as_units.cast(pa.int64())
        except pa.ArrowInvalid:  # more decimals, or digits, than any value has
            return None
        ends = pc.min_max(numbers).as_py()
        return numbers if ends["min"] is None or kind.low <= ends["min"] <= ends["max"] <= kind.high else None
