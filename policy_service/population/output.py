"""Writes the result of a run: the input columns, and for each policy its outcomes, rule, reason and status.

A CSV file begins with a byte order mark, and an apostrophe guards text that a spreadsheet would take for a formula; a
workbook's cells are typed as text and need none. Parquet preserves types: money is a decimal with the places of its
currency, never a double.
"""

from __future__ import annotations

import csv
import datetime
import re
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq
import xlsxwriter

from policy_service.compilers.columnar.layout import STATUSES
from policy_service.language.outcome import Decided, MissingFacts
from policy_service.language.policy import Language, Policy
from policy_service.language.types import (
    BooleanType,
    DateType,
    NumberType,
    TagsType,
    Type,
    Value,
    format_value,
)
from policy_service.population.errors import PopulationRejected, RejectedRow
from policy_service.population.population import raw_column
from policy_service.population.stages import PolicyStage
from policy_service.spreadsheet import guard_formula, telling_as_oserror

MAX_SHEET_ROWS = 1_048_575
"""Maximum number of rows in a workbook below the heading."""
_NUMBER = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?")
Format = Literal["csv", "parquet", "xlsx"]
DETAILS = ("rule", "reason", "status", "missing")
"""The columns of an answer besides its outcomes; an outcome with such a name becomes `outcome.rule`."""
_DIGITS = 18


def format_of(path: Path) -> Format:
    """Return the format by the file's suffix. Raises PopulationRejected."""
    formats: dict[str, Format] = {".csv": "csv", ".parquet": "parquet", ".xlsx": "xlsx"}
    if (found := formats.get(path.suffix.lower())) is None:
        raise PopulationRejected([f"{path}: expected a file .csv, .parquet or .xlsx"])
    return found


def answer_headings(policies: Iterable[Policy]) -> list[str]:
    """Return the headings of the columns that a run adds.

    They are unique, since no outcome's name contains a point.
    """
    return [
        f"{policy.id}.{name}"
        for policy in policies
        for name in (*(f"outcome.{each}" if each in DETAILS else each for each in policy.outcomes), *DETAILS)
    ]


class AnswerWriter:
    """Writes the answers of one policy as columns; equal rows are formatted once."""

    def __init__(self, stage: PolicyStage, lang: Language) -> None:
        self.stage = stage
        self._lang: Language = lang
        policy = stage.policy
        self._reasons = {rule.id: getattr(rule.because, lang) for rule in policy.all_rules}
        self._kinds = [outcome.type for outcome in policy.outcomes.values()]

    @property
    def types(self) -> list[pa.DataType]:
        """Return the types of the columns in Parquet."""
        outcomes = [_arrow_type(kind) for kind in self._kinds]
        if self.stage.policy.returns_list:
            outcomes = [pa.list_(kind) for kind in outcomes]
        return [*outcomes, *[pa.string()] * len(DETAILS)]

    def columns(self, decided: pa.Table) -> list[list[Any]]:
        """Return the outcomes, the rules, the reasons, the status and the missing facts."""
        names = self.stage.answer.names
        cells = [decided[name].to_pylist() for name in names]
        rows = list(zip(*cells, self.stage.missing(decided), strict=True))
        written = {row: self._write(dict(zip(names, row, strict=False)), row[-1]) for row in set(rows)}
        width = len(self._kinds) + len(DETAILS)
        return [[written[row][index] for row in rows] for index in range(width)]

    def _write(self, row: dict[str, Any], missing: tuple[str, ...]) -> list[Any]:
        status = row[self.stage.answer.status]
        nothing: list[Any] = [None] * len(self._kinds)
        if status not in STATUSES:
            raise TypeError(f"no status: {status!r}")
        if status == "contradiction":
            return [*nothing, None, None, status, None]
        match self.stage.answer.read(row, missing):
            case Decided(outcome=outcome, rules=rules):
                entries = [
                    [_arrow_value(kind, value) for kind, value in zip(self._kinds, values, strict=True)]
                    for values in outcome
                ]
                outcomes = [list(each) for each in zip(*entries, strict=True)] if self._lists else entries[0]
                reasons = " ".join(self._reasons[rule] for rule in rules)
                return [*outcomes, ", ".join(rules), reasons, status, None]
            case MissingFacts(names=names):
                return [*nothing, None, None, status, ", ".join(names)]
            case result:
                return [*nothing, ", ".join(getattr(result, "rules", ())) or None, None, status, None]

    @property
    def _lists(self) -> bool:
        return self.stage.policy.returns_list


def _arrow_type(kind: Type) -> pa.DataType:
    match kind:
        case BooleanType():
            return pa.bool_()
        case NumberType(scale=0):
            return pa.int64()
        case NumberType(scale=scale):
            return pa.decimal128(_DIGITS, scale)
        case DateType():
            return pa.date32()
        case TagsType():
            return pa.list_(pa.string())
        case _:
            return pa.string()


def _arrow_value(kind: Type, value: Value) -> Any:  # noqa: ANN401  # whatever the type is in Arrow
    match kind, value:
        case NumberType(scale=scale), int() if scale:
            return Decimal(str(format_value(kind, value)))
        case DateType(), int():
            return datetime.date.fromordinal(value)
        case NumberType(), int():
            return value
        case _:
            return format_value(kind, value)


def result_table(
    decided: pa.Table, headings: Sequence[str], stages: Sequence[PolicyStage], writers: Sequence[AnswerWriter]
) -> pa.Table:
    """Return the input columns and those of the answers, as written."""
    arrays = [decided[raw_column(position)] for position, _ in enumerate(headings)]
    for writer in writers:
        arrays += [pa.array(cells, kind) for cells, kind in zip(writer.columns(decided), writer.types, strict=True)]
    return pa.table(arrays, names=[*headings, *answer_headings(stage.policy for stage in stages)])


def write_result(path: Path, file_format: Format, parts: Iterable[pa.Table]) -> None:
    """Join the parts of a result into one file."""
    {"csv": _write_csv, "parquet": _write_parquet, "xlsx": _write_xlsx}[file_format](path, parts)


def _write_parquet(path: Path, parts: Iterable[pa.Table]) -> None:
    writer: Any = None
    try:
        for table in parts:
            writer = writer or pq.ParquetWriter(path, table.schema, compression="zstd")
            writer.write_table(table)
    finally:
        if writer is not None:
            writer.close()


def _rows(parts: Iterable[pa.Table]) -> Iterator[list[Any]]:
    """Yield the headings, then the rows."""
    for index, table in enumerate(parts):
        if index == 0:
            yield table.column_names
        yield from map(list, zip(*(column.to_pylist() for column in table.columns), strict=True))


def _write_csv(path: Path, parts: Iterable[pa.Table]) -> None:
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file).writerows([guard(_text(cell)) for cell in row] for row in _rows(parts))


def _text(cell: object) -> str:
    match cell:
        case None:
            return ""
        case bool():
            return "true" if cell else "false"
        case list():
            return ";".join(map(_text, cell))
        case Decimal():
            return format(cell, "f")
        case _:
            return str(cell)


def guard(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula; numbers are unchanged."""
    return text if _NUMBER.fullmatch(text) else guard_formula(text)


def _write_xlsx(path: Path, parts: Iterable[pa.Table]) -> None:
    options = {
        "constant_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
    }
    with telling_as_oserror(), xlsxwriter.Workbook(path, options) as book:
        sheet = book.add_worksheet()
        for number, row in enumerate(_rows(parts)):
            for column, cell in enumerate(row):
                if cell is not None and sheet.write_string(number, column, _text(cell)):
                    raise PopulationRejected(
                        ["a workbook holds no text of more than 32,767 characters: write CSV or Parquet"]
                    )


def write_rejected_rows(path: Path, rejected_rows: Iterable[RejectedRow]) -> int:
    """Write the file of rejected rows: row, line, subject, reason. Returns the number of its lines."""
    count = 0
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["row", "line", "subject", "reason"])
        for count, each in enumerate(rejected_rows, 1):  # noqa: B007  # the last one is the number
            writer.writerow([each.row, "" if each.line is None else each.line, guard(each.subject), guard(each.reason)])
    return count
