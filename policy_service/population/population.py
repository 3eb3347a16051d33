"""Parses a population: stores valid rows in parts, and rejects the others with reasons.

A part has the number and subject of each row, its original cells, and its facts as queries need them; its metadata have
the rejected rows and the bounds of the facts. After an interruption the work resumes with the first incomplete part.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass

import pyarrow as pa
import pyarrow.compute as pc

from policy_service.compilers.columnar.layout import Cell, column_type
from policy_service.compilers.columnar.widths import Interval
from policy_service.language.types import ChoiceType, DateType, TagsType, TextType, Type, format_value
from policy_service.messages import Message
from policy_service.population.cells import ARROW, Cells, ColumnJudge
from policy_service.population.errors import PopulationRejected, RejectedRow
from policy_service.population.mapping import Mapping as ColumnMapping
from policy_service.population.parts import Parts
from policy_service.population.plan import FactColumn, FigureColumn, Plan, heading_of
from policy_service.population.source import RawPart, RowSource
from policy_service.subject import MAX_ID, PLAIN_ID, id_error

OnProgress = Callable[[int], None]
"""Called with the number of rows done."""
MAX_NAMED = 20
"""Maximum number of duplicate subjects named in an error."""
ROW, SUBJECT = "row", "subject"
SIMPLE = bytes(each for each in range(ord("!"), ord("~") + 1) if chr(each) not in "./")
"""Characters allowed anywhere in a subject's identifier."""
_NO_NAMES = re.compile(r"double|float|bool|binary|blob|bytea|struct|map|union|list|json|\[\]")
"""Parts of the type names of columns that cannot hold identifiers, in Parquet and databases."""
_NESTED = re.compile(r"struct[<(]|map[<(]|union[<(]|list.*list|\[\]\[")
"""Parts of the type names of nested columns."""
_UNIQUE = "SELECT count(*) = count(DISTINCT subject) FROM rows"
"""Checks quickly that each subject has one valid row, which is the usual case."""
_SEVERAL = """WITH good AS MATERIALIZED (SELECT subject, "row" FROM rows),
    refused AS (SELECT unnest(?::VARCHAR[]) AS subject, unnest(?::BIGINT[]) AS "row")
    SELECT subject, list("row" ORDER BY "row")
    FROM (FROM good UNION ALL SELECT subject, "row" FROM refused WHERE subject IN (SELECT subject FROM good))
    GROUP BY subject HAVING count(*) > 1 ORDER BY min("row") LIMIT ?"""
"""Selects the rows of subjects with several rows, one of them valid."""


@dataclass(frozen=True)
class Population:
    """The parsed rows of a file."""

    digest: str
    """Of the file's bytes."""
    count: int
    """The number of subjects that can be decided."""
    refused: int
    headings: tuple[str, ...]
    bounds: dict[str, Interval]
    """The least and greatest value of each column of numbers that has any."""
    kept: Parts
    parts: tuple[str, ...]

    def rejected_rows(self) -> Iterator[RejectedRow]:
        """Yield the rejected rows, in order."""
        for part in self.parts:
            for rejected in self.kept.about(part)["rejected_rows"]:
                yield RejectedRow(**rejected)


def raw_column(position: int) -> str:
    """Return the name of an original column in a part."""
    return f"in{position}"


def register(source: RowSource, plan: Plan, kept: Parts, on_progress: OnProgress, *, written: int = 0) -> Population:
    """Parse every row and store the valid ones, with their first `written` original cells."""
    population = judge_rows(source, plan, kept, on_progress, written=written)
    check_duplicates(population, source)
    return population


def judge_rows(source: RowSource, plan: Plan, kept: Parts, on_progress: OnProgress, *, written: int = 0) -> Population:
    """Like `register`, but a subject may have several rows."""
    _check_types(source, plan)
    judges, constants = column_judges(plan, source.mapping)
    parts: list[str] = []
    seen = 0

    def keep(part: str, judged: _Judged) -> None:
        table, rejected_rows, refused = judged
        about = {"rows": table.num_rows, "refused": refused, "bounds": _bounds(table)}
        kept.write(part, table, {**about, "rejected_rows": [asdict(rejected) for rejected in rejected_rows]})

    with ThreadPoolExecutor(1) as other:  # parse a part while the next one is read
        judging: tuple[str, Future[_Judged]] | None = None
        for index, raw in enumerate(source.parts()):
            if judging is not None:
                keep(judging[0], judging[1].result())
                judging = None
            part = f"input-{index:06}"
            if not kept.is_whole(part):
                judging = part, other.submit(_judge, raw, plan, judges, constants, written)
            parts.append(part)
            seen += len(raw.rows) + len(raw.rejected_rows)
            on_progress(seen)
        if judging is not None:
            keep(judging[0], judging[1].result())
    about_parts = [kept.about(part) for part in parts]
    population = Population(
        digest=source.digest,
        count=sum(each["rows"] for each in about_parts),
        refused=sum(each["refused"] for each in about_parts),
        headings=source.headings[:written],
        bounds=_hulls([each["bounds"] for each in about_parts]),
        kept=kept,
        parts=tuple(parts),
    )
    if seen == 0:
        raise PopulationRejected([f"{source.label}: there are no rows"])
    return population


def _check_types(source: RowSource, plan: Plan) -> None:
    """Reject typed columns that cannot represent a fact exactly. Raises PopulationRejected."""
    columns = [(each.position, each.type) for each in plan.columns if each.position is not None]
    if problems := type_problems(source, plan.subject, columns):
        raise PopulationRejected(problems)


def type_problems(source: RowSource, subject: int | None, columns: Iterable[tuple[int, Type]]) -> list[str]:
    """Return the problems of typed columns, by position, given the types of their facts."""
    if source.types is None:
        return []
    problems = []
    if subject is not None and _NO_NAMES.search(kind := source.types[subject]):
        problems.append(f"`{source.headings[subject]}` is {kind}: name subjects by texts or whole numbers")
    for position, fact_type in columns:
        kind, heading = source.types[position], source.headings[position]
        if kind in {"double", "float", "halffloat"} and not isinstance(fact_type, ChoiceType | TextType | TagsType):
            problems.append(f"`{heading}` is binary floating point, which is not exact: store decimals or text")
        if kind.startswith("timestamp") and isinstance(fact_type, DateType):
            problems.append(f"`{heading}` is a timestamp and not a day: store a date, in the zone that is meant")
        if _NESTED.search(kind):
            problems.append(f"`{heading}` is {kind}: store one value in a cell, or a list of texts")
    return [f"{source.label}: {problem}" for problem in dict.fromkeys(problems)]


@contextmanager
def with_type_problems(source: RowSource, facts: Iterable[tuple[str, Type]]) -> Iterator[None]:
    """Add the problems of column types to those of a failed plan. Raises PopulationRejected."""
    try:
        yield
    except PopulationRejected as error:
        positions = {heading: index for index, heading in enumerate(source.headings)}
        headings = ((heading_of(name, source.mapping), fact_type) for name, fact_type in facts)
        columns = [(positions[heading], fact_type) for heading, fact_type in headings if heading in positions]
        subject = positions.get(source.mapping.subject)
        raise PopulationRejected([*error.problems, *type_problems(source, subject, columns)]) from None


def column_judges(plan: Plan, mapping: ColumnMapping) -> tuple[list[ColumnJudge], dict[str, Cell]]:
    """Return the parser of each column, and the constant facts. Raises PopulationRejected."""
    judges = [
        ColumnJudge(each.name, each.type, mapping.words.get(each.name, {}), mapping.missing, sensitive=each.sensitive)
        for each in plan.columns
    ]
    constants: dict[str, Cell] = {}
    problems = []
    for column, judge in zip(plan.columns, judges, strict=True):
        if (text := mapping.constants.get(column.name)) is not None:
            values, reasons = judge.read([text])
            constants[column.column] = values[0].as_py()
            problems += [f"mapping, constants: {reason}" for reason in reasons.values()]
    if problems:
        raise PopulationRejected(problems)
    return judges, constants


_Judged = tuple[pa.Table, list[RejectedRow], int]
"""The valid rows, the reasons of the rejected ones, and their number."""


def _judge(
    raw: RawPart, plan: Plan, judges: Sequence[ColumnJudge], constants: dict[str, Cell], written: int
) -> _Judged:
    """Parse the rows of a part."""
    count = len(raw.rows)
    subjects, errors = _read_subjects(raw.columns[plan.subject])
    reasons = {index: [f"subject: {error}"] for index, error in errors.items()}
    facts: dict[str, pa.Array] = {}
    for column, judge in zip(plan.columns, judges, strict=True):
        if column.position is None:
            kind = ARROW[column_type(column.type)]
            facts[column.column] = pa.repeat(pa.scalar(constants.get(column.column), kind), count)
            continue
        facts[column.column], refused = judge.read(raw.columns[column.position])
        for index, reason in refused.items():
            reasons.setdefault(index, []).append(reason)
    for column in plan.columns:
        if column.figures is not None:
            facts[column.column] = _fill_figures(column, column.figures, facts, reasons)
    rejected_rows = [
        RejectedRow(raw.rows[index], raw.lines[index], subjects[index].as_py(), "; ".join(dict.fromkeys(texts)))
        for index, texts in sorted(reasons.items())
    ]
    return (
        _table(raw, written, subjects, facts, reasons),
        sorted([*raw.rejected_rows, *rejected_rows], key=lambda rejected: rejected.row),
        len(raw.rejected_rows) + len(reasons),
    )


def _read_subjects(cells: Cells) -> tuple[pa.Array, dict[int, Message]]:
    """Return the subjects' identifiers, and the error of each invalid one by its index."""
    if isinstance(cells, pa.Array) and (pa.types.is_string(cells.type) or pa.types.is_integer(cells.type)):
        names = pc.fill_null(cells.cast(pa.string()), "")
    else:
        texts = cells.to_pylist() if isinstance(cells, pa.Array) else cells
        names = pa.array(["" if cell is None else str(cell) for cell in texts], pa.string())
    if _are_simple(names):
        return names, {}
    plain = pc.match_substring_regex(names, f"^{PLAIN_ID}$")
    if pc.all(plain).as_py():
        return names, {}
    unusual = pc.indices_nonzero(pc.invert(plain))
    found = zip(unusual.to_pylist(), names.take(unusual).to_pylist(), strict=True)
    return names, {index: error for index, name in found if (error := id_error(name)) is not None}


def _are_simple(names: pa.Array) -> bool:
    """Return True if all identifiers have only simple characters, checked as one text for speed."""
    lengths = pc.min_max(pc.binary_length(names)).as_py()
    if not lengths["min"] or lengths["max"] > MAX_ID:
        return False
    _, offsets, text = names.buffers()
    ends = pa.Array.from_buffers(pa.int32(), names.offset + len(names) + 1, [None, offsets])
    return not text.to_pybytes()[ends[names.offset].as_py() : ends[-1].as_py()].translate(None, SIMPLE)


def _fill_figures(
    column: FactColumn, source: FigureColumn, facts: Mapping[str, pa.Array], reasons: dict[int, list[str]]
) -> pa.Array:
    """Return a column with the figure of each subject's group; reject contradicting values in the file.

    The file's value counts if the set has no figure, or the policy lets the caller supply another value.
    """
    cells = facts[column.column].to_pylist()
    names = [facts[name].to_pylist() for name in source.groups]
    groups = zip(*names, strict=True) if names else [()] * len(cells)
    known: dict[tuple[Cell, ...], int | None] = {}
    for index, words in enumerate(groups):
        if words not in known:
            known[words] = source.figure.value_for(words, column.type)
        value, cell = known[words], cells[index]
        if value is None or value == cell or (cell is not None and source.replaceable):
            continue
        if cell is None:
            cells[index] = value
        else:
            text = format_value(column.type, value)
            reasons.setdefault(index, []).append(f"{column.name}: the benchmark set says {text}: leave it out")
    return pa.array(cells, facts[column.column].type)


def _table(
    raw: RawPart, written: int, subjects: pa.Array, facts: Mapping[str, pa.Array], refused: Collection[int]
) -> pa.Table:
    arrays = {ROW: _whole_numbers(raw.rows), SUBJECT: subjects}
    for position, cells in enumerate((raw.arrays or raw.columns)[:written]):
        arrays[raw_column(position)] = cells
    table = pa.table({**arrays, **facts})
    if refused:
        table = table.take(pa.array([index for index in range(len(subjects)) if index not in refused], pa.int64()))
    return table


def _whole_numbers(numbers: Sequence[int]) -> pa.Array:
    return pa.arange(numbers.start, numbers.stop) if isinstance(numbers, range) else pa.array(numbers, pa.int64())


def _bounds(table: pa.Table) -> dict[str, list[int]]:
    """Return the least and the greatest value of each column of numbers that has one."""
    bounds = {}
    for name in table.column_names:
        if name.startswith("f") and pa.types.is_int64(table[name].type):
            ends = pc.min_max(table[name]).as_py()
            if ends["min"] is not None:
                bounds[name] = [ends["min"], ends["max"]]
    return bounds


def _hulls(bounds: Iterable[dict[str, list[int]]]) -> dict[str, Interval]:
    """Return the bounds over all parts."""
    hulls: dict[str, Interval] = {}
    for each in bounds:
        for name, (low, high) in each.items():
            known = hulls.get(name, Interval(low, high))
            hulls[name] = Interval(min(low, known.low), max(high, known.high))
    return hulls


def check_duplicates(population: Population, source: RowSource) -> None:
    """Reject a population in which a subject has several rows, even if some are invalid."""
    refused = [each for each in population.rejected_rows() if each.subject]
    values = [[each.subject for each in refused], [each.row for each in refused]]
    schema = pa.schema([(SUBJECT, pa.string()), (ROW, pa.int64())])
    if not refused and population.kept.query(_UNIQUE, population.parts, schema, ()) == [(True,)]:
        return
    found = population.kept.query(_SEVERAL, population.parts, schema, [*values, MAX_NAMED + 1])
    if found:
        problems = [
            f"{source.label}: subject `{subject}` has the rows {', '.join(map(str, rows[:5]))}"
            for subject, rows in found
        ]
        if len(problems) > MAX_NAMED:
            problems[MAX_NAMED:] = [f"{source.label}: … and further subjects have several rows"]
        raise PopulationRejected(problems)
