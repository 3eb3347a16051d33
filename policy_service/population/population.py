"""Registers a population: every row judged, the good ones stored in parts, the others refused with their reasons.

A part is a Parquet file with the number and the subject of each row, its cells as they came, and its facts as queries
need them; beside it a JSON file says which rows were refused and which values the facts have. A part whose JSON file is
there is whole, so after an interruption the work goes on with the next.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from policy_service.compilers.columnar.layout import Cell, column_type
from policy_service.compilers.columnar.widths import Interval
from policy_service.language.types import ChoiceType, DateType, TagsType, TextType
from policy_service.population.cells import ColumnJudge
from policy_service.population.errors import PopulationRejected, RejectedRow
from policy_service.population.mapping import Mapping
from policy_service.population.plan import FactColumn, Plan
from policy_service.population.source import RawPart, RowSource
from policy_service.subject import id_error

OnProgress = Callable[[int], None]
"""Is told of the rows that are done."""
MAX_TOLD = 20
"""Duplicate subjects that an error names."""
ARROW = {"int64": pa.int64(), "string": pa.string()}
ROW, SUBJECT = "row", "subject"
_NO_NAMES = re.compile(r"double|float|bool|binary|blob|bytea|struct|map|union|list|json|\[\]")
"""In the types of columns that do not name subjects, of Parquet and of databases."""
_NESTED = re.compile(r"struct[<(]|map[<(]|union[<(]|list.*list|\[\]\[")
"""In the types of columns whose cells have parts that have parts."""


@dataclass(frozen=True)
class Population:
    """The judged rows of a file."""

    digest: str
    """Of the file's bytes."""
    count: int
    """Subjects that can be decided."""
    refused: int
    headings: tuple[str, ...]
    bounds: dict[str, Interval]
    """The least and the greatest value of each column of numbers, and 0 where it has none."""
    parts: tuple[Path, ...]

    def rejected_rows(self) -> Iterator[RejectedRow]:
        """The rows that were refused, in order."""
        for part in self.parts:
            for rejected in json.loads(part.with_suffix(".json").read_text())["rejected_rows"]:
                yield RejectedRow(**rejected)


def raw_column(position: int) -> str:
    """The name of a file's column in a part."""
    return f"in{position}"


def register(source: RowSource, plan: Plan, folder: Path, on_progress: OnProgress) -> Population:
    """Judge every row and store the good ones below `folder`. Raises PopulationRejected, OSError."""
    _check_types(source, plan)
    judges, constants = _judges(plan, source.mapping)
    parts: list[Path] = []
    seen = 0
    for index, raw in enumerate(source.parts()):
        path = folder / f"input-{index:06}.parquet"
        if not path.with_suffix(".json").exists():
            _store(path, *_judge(raw, plan, judges, constants, source.written))
        parts.append(path)
        seen += len(raw.rows) + len(raw.rejected_rows)
        on_progress(seen)
    told = [json.loads(part.with_suffix(".json").read_text()) for part in parts]
    population = Population(
        digest=source.digest,
        count=sum(each["rows"] for each in told),
        refused=sum(each["refused"] for each in told),
        headings=source.headings[: source.written],
        bounds=_hulls(told),
        parts=tuple(parts),
    )
    if seen == 0:
        raise PopulationRejected([f"{source.label}: there are no rows"])
    _check_duplicates(population, source)
    return population


def _check_types(source: RowSource, plan: Plan) -> None:
    """Refuse typed columns that do not hold a fact exactly. Raises PopulationRejected."""
    if source.types is None:
        return
    problems = []
    if _NO_NAMES.search(kind := source.types[plan.subject]):
        problems.append(f"`{source.headings[plan.subject]}` is {kind}: name subjects by texts or whole numbers")
    for column in plan.columns:
        if column.position is None:
            continue
        kind, heading = source.types[column.position], source.headings[column.position]
        if kind in {"double", "float", "halffloat"} and not isinstance(column.type, ChoiceType | TextType | TagsType):
            problems.append(f"`{heading}` is binary floating point, which is not exact: store decimals or text")
        if kind.startswith("timestamp") and isinstance(column.type, DateType):
            problems.append(f"`{heading}` is a timestamp and not a day: store a date, in the zone that is meant")
        if _NESTED.search(kind):
            problems.append(f"`{heading}` is {kind}: store one value in a cell, or a list of texts")
    if problems:
        raise PopulationRejected([f"{source.label}: {problem}" for problem in dict.fromkeys(problems)])


def _judges(plan: Plan, mapping: Mapping) -> tuple[list[ColumnJudge], dict[str, Cell]]:
    """What reads each column, and the facts that are the same for every subject. Raises PopulationRejected."""
    judges = [
        ColumnJudge(each.name, each.type, mapping.words.get(each.name, {}), mapping.missing, sensitive=each.sensitive)
        for each in plan.columns
    ]
    constants: dict[str, Cell] = {}
    problems = []
    for column, judge in zip(plan.columns, judges, strict=True):
        if (text := mapping.constants.get(column.name)) is not None:
            [constants[column.column]], reasons = judge.read([text])
            problems += [f"mapping, constants: {reason}" for reason in reasons.values()]
    if problems:
        raise PopulationRejected(problems)
    return judges, constants


def _judge(
    raw: RawPart, plan: Plan, judges: Sequence[ColumnJudge], constants: dict[str, Cell], written: int
) -> tuple[pa.Table, list[RejectedRow], int]:
    """The rows that can be decided, the reasons of the others, and how many these are."""
    count = len(raw.rows)
    reasons: dict[int, list[str]] = {}
    subjects = ["" if cell is None else str(cell) for cell in raw.columns[plan.subject]]
    errors = {subject: id_error(subject) for subject in set(subjects)}
    if any(errors.values()):
        for index, subject in enumerate(subjects):
            if error := errors[subject]:
                reasons.setdefault(index, []).append(f"subject: {error}")
    facts: dict[str, list[Cell]] = {}
    for column, judge in zip(plan.columns, judges, strict=True):
        if column.position is None:
            facts[column.column] = [constants.get(column.column)] * count
            continue
        cells = raw.columns[column.position]
        facts[column.column], refused = judge.read(cells)
        if refused:
            for index, cell in enumerate(cells):
                if cell in refused:
                    reasons.setdefault(index, []).append(refused[cell])
    rejected_rows = [
        RejectedRow(raw.rows[index], raw.lines[index], subjects[index], "; ".join(dict.fromkeys(texts)))
        for index, texts in sorted(reasons.items())
    ]
    return (
        _table(raw, written, plan.columns, subjects, facts, reasons.keys()),
        sorted([*raw.rejected_rows, *rejected_rows], key=lambda rejected: rejected.row),
        len(raw.rejected_rows) + len(reasons),
    )


def _table(  # noqa: PLR0913, PLR0917  # what a part is made of
    raw: RawPart,
    written: int,
    columns: Sequence[FactColumn],
    subjects: list[str],
    facts: dict[str, list[Cell]],
    refused: Iterable[int],
) -> pa.Table:
    arrays: dict[str, Any] = {ROW: pa.array(raw.rows, pa.int64()), SUBJECT: pa.array(subjects, pa.string())}
    for position, cells in enumerate(raw.columns[:written]):
        arrays[raw_column(position)] = raw.arrays[position] if raw.arrays else pa.array(cells, pa.string())
    for column in columns:
        arrays[column.column] = pa.array(facts[column.column], ARROW[column_type(column.type)])
    table = pa.table(arrays)
    if gone := set(refused):
        table = table.take(pa.array([index for index, _ in enumerate(subjects) if index not in gone], pa.int64()))
    return table


def _store(path: Path, table: pa.Table, rejected_rows: list[RejectedRow], refused: int) -> None:
    """Write a part, then what makes it whole."""
    bounds = {}
    for name in table.column_names:
        if name.startswith("f") and pa.types.is_int64(table[name].type):
            ends = pc.min_max(table[name]).as_py()
            if ends["min"] is not None:
                bounds[name] = [ends["min"], ends["max"]]
    told = {
        "rows": table.num_rows,
        "refused": refused,
        "bounds": bounds,
        "rejected_rows": [asdict(rejected) for rejected in rejected_rows],
    }
    write_whole(path, lambda temporary: pq.write_table(table, temporary, compression="zstd"))
    write_whole(path.with_suffix(".json"), lambda temporary: temporary.write_text(json.dumps(told, ensure_ascii=False)))


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Write a file beside its place, and put it there when it is whole."""
    temporary = path.with_name(f"{path.name}.partial")
    try:
        write(temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _hulls(told: Sequence[dict[str, Any]]) -> dict[str, Interval]:
    """The bounds of all parts together; facts that are nowhere given count as 0."""
    hulls: dict[str, Interval] = {}
    for each in told:
        for name, (low, high) in each["bounds"].items():
            known = hulls.get(name, Interval(low, high))
            hulls[name] = Interval(min(low, known.low), max(high, known.high))
    return hulls


def _check_duplicates(population: Population, source: RowSource) -> None:
    """Refuse a population in which a subject has several rows, one of which may be refused.

    Raises PopulationRejected.
    """
    refused = [each for each in population.rejected_rows() if each.subject]
    table = {"subject": [each.subject for each in refused], "row": [each.row for each in refused]}
    with duckdb.connect() as connection:
        connection.register("refused", pa.table(table, pa.schema([("subject", pa.string()), ("row", pa.int64())])))
        files = [str(part) for part in population.parts]
        found = connection.execute(
            """WITH good AS (SELECT subject, "row" FROM read_parquet(?))
            SELECT subject, list("row" ORDER BY "row")
            FROM (FROM good UNION ALL SELECT subject, "row" FROM refused WHERE subject IN (SELECT subject FROM good))
            GROUP BY subject HAVING count(*) > 1 ORDER BY min("row") LIMIT ?""",
            [files, MAX_TOLD + 1],
        ).fetchall()
    if found:
        problems = [
            f"{source.label}: subject `{subject}` has the rows {', '.join(map(str, rows[:5]))}"
            for subject, rows in found
        ]
        if len(problems) > MAX_TOLD:
            problems[MAX_TOLD:] = [f"{source.label}: … and further subjects have several rows"]
        raise PopulationRejected(problems)
