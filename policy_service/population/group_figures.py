"""Compares groups of subjects by the numbers of a file, such as sales, satisfaction and conversion (R-GOV-5).

    compare_groups(source, ["sales", "satisfaction"], by="tier")                 # the groups stand in the file
    compare_groups(source, ["sales"], by={"C1": "tier:S", "C2": "tier:A"})       # or come from group lists

Numbers are decimals of at most four places, added up exactly; a mean is a fraction. An empty cell does not count. Small
groups are marked: their means say little, and might identify a subject.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from policy_service.language.diagnostics import did_you_mean
from policy_service.language.types import NumberType, TextType, write_decimal
from policy_service.population.errors import PopulationRejected, RejectedRow
from policy_service.population.mapping import Mapping as ColumnMapping
from policy_service.population.parts import PartFolder
from policy_service.population.plan import FactColumn, Plan, subject_problem
from policy_service.population.population import SUBJECT, register
from policy_service.population.source import RowSource, open_source
from policy_service.population.statistics import round_half_even
from policy_service.spreadsheet import Cell, csv_bytes

SCALE = 4
"""Decimal places of a number, and of a displayed mean."""
SMALLEST_GROUP = 5
SUFFIXES = {b"PAR1": ".parquet", b"PK\x03\x04": ".xlsx"}
"""File types by magic bytes; any other content is CSV."""
NO_GROUP = "(none)"
"""The group of subjects whose group is unknown."""
NUMBER = NumberType("number", SCALE)
HEADINGS = ("group", "subjects", "few", "column", "values", "sum", "mean", "mean_fraction")


@dataclass(frozen=True, slots=True)
class ColumnFigures:
    """The numbers of one column in one group."""

    column: str
    values: int
    """The number of subjects with a value."""
    units: int
    """Their sum, in ten-thousandths."""

    @property
    def total(self) -> Decimal:
        """The sum."""
        return Decimal(write_decimal(self.units, SCALE))

    @property
    def mean(self) -> Fraction | None:
        """The mean; None without values."""
        return Fraction(self.units, self.values * 10**SCALE) if self.values else None

    @property
    def rounded_mean(self) -> Decimal | None:
        """The mean, rounded half to even to four places."""
        return None if self.mean is None else Decimal(write_decimal(round_half_even(self.mean * 10**SCALE), SCALE))


@dataclass(frozen=True, slots=True)
class GroupFigures:
    """The numbers of one group."""

    group: str
    subjects: int
    is_small: bool
    """True if the group has too few subjects to be meaningful."""
    columns: tuple[ColumnFigures, ...]


@dataclass(frozen=True, slots=True)
class GroupComparison:
    """The figures of each group in a file, and of all subjects."""

    population: str
    """The digest of the file."""
    groups: tuple[GroupFigures, ...]
    everybody: GroupFigures
    absent: int
    """The number of subjects in group lists that the file lacks."""
    rejected: tuple[RejectedRow, ...]

    @property
    def lines(self) -> tuple[GroupFigures, ...]:
        """All groups, and all subjects last."""
        return (*self.groups, self.everybody)

    def rows(self) -> Iterator[tuple[Cell, ...]]:
        """Yield a row for each group and column, in the order of `HEADINGS`."""
        for each in self.lines:
            for column in each.columns:
                few = "yes" if each.is_small else ""
                exact_mean = None if column.mean is None else str(column.mean)
                values = (column.values, column.total, column.rounded_mean, exact_mean)
                yield each.group, each.subjects, few, column.column, *values

    def to_csv(self) -> bytes:
        """Return the comparison as CSV in UTF-8."""
        return csv_bytes([HEADINGS, *self.rows()])

    def to_dict(self) -> dict[str, Any]:
        """Return the comparison as JSON; numbers are exact texts."""
        return {
            "population": self.population,
            "groups": list(map(_to_dict, self.groups)),
            "everybody": _to_dict(self.everybody),
            "absent": self.absent,
            "rejected": [{"row": each.row, "subject": each.subject, "reason": each.reason} for each in self.rejected],
        }


def compare_groups(
    source: RowSource, columns: Sequence[str], by: str | Mapping[str, str], smallest: int = SMALLEST_GROUP
) -> GroupComparison:
    """Sum the columns of a file by group. Raises PopulationRejected with every problem, OSError."""
    plan = _plan(source, list(dict.fromkeys(columns)), by if isinstance(by, str) else None)
    subjects, values, units = Counter[str](), Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    present = 0
    with TemporaryDirectory() as path:
        folder = PartFolder(Path(path), is_encrypted=source.is_encrypted)
        population = register(source, plan, folder, lambda _: None)
        for row in _rows(folder, population.parts, [SUBJECT, *(each.column for each in plan.columns)]):
            group = _group_of(row, plan, by)
            present += isinstance(by, Mapping) and row[SUBJECT] in by
            subjects[group] += 1
            for each in plan.columns:
                if each.type == NUMBER and (value := row[each.column]) is not None:
                    values[group, each.name] += 1
                    units[group, each.name] += value
        rejected = tuple(population.rejected_rows())

    def figures(group: str, members: Sequence[str]) -> GroupFigures:
        size = sum(subjects[each] for each in members)
        found = (
            ColumnFigures(name, sum(values[each, name] for each in members), sum(units[each, name] for each in members))
            for name in dict.fromkeys(columns)
        )
        return GroupFigures(group, size, size < smallest, tuple(found))

    names = sorted(subjects, key=lambda each: (each == NO_GROUP, each))
    absent = len(by) - present if isinstance(by, Mapping) else 0
    groups = tuple(figures(each, [each]) for each in names)
    return GroupComparison(population.digest, groups, figures("", names), absent, rejected)


def compare_content(content: bytes, by: Mapping[str, str]) -> GroupComparison:
    """Sum all columns of a file's content, CSV, Parquet or xlsx, by group. Raises PopulationRejected."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"file{SUFFIXES.get(content[:4], '.csv')}"
        path.write_bytes(content)
        try:
            source = open_source(path, ColumnMapping())
            return compare_groups(source, [each for each in source.headings if each != source.mapping.subject], by)
        except PopulationRejected as error:
            raise PopulationRejected([each.replace(f"{folder}/", "") for each in error.problems]) from None


def _plan(source: RowSource, columns: Sequence[str], by: str | None) -> Plan:
    """Return the columns to read. Raises PopulationRejected."""
    asked = [(name, NUMBER) for name in columns] + ([(by, TextType())] if by is not None else [])
    problems = subject_problem(source.headings, source.mapping)
    for name, _ in asked:
        if name not in source.headings:
            hint = did_you_mean(name, source.headings)
            problems.append(f"{source.label}: no column `{name}`" + (f", {hint}" if hint else ""))
    if not columns:
        problems.append("name a column of numbers to compare")
    if by in columns:
        problems.append(f"`{by}` makes the groups, so it is not compared")
    if problems:
        raise PopulationRejected(problems)
    position = {heading: index for index, heading in enumerate(source.headings)}
    read = [FactColumn(name, kind, f"f{index}", position[name], False) for index, (name, kind) in enumerate(asked)]  # noqa: FBT003
    return Plan((), tuple(read), position[source.mapping.subject], {})


def _rows(folder: PartFolder, parts: Sequence[str], columns: Sequence[str]) -> Iterator[Mapping[str, Any]]:
    for part in parts:
        for batch in folder.table(part, columns).to_batches():
            yield from batch.to_pylist()


def _group_of(row: Mapping[str, Any], plan: Plan, by: str | Mapping[str, str]) -> str:
    if isinstance(by, Mapping):
        return by.get(row[SUBJECT], NO_GROUP)
    return row[plan.columns[-1].column] or NO_GROUP


def _to_dict(figures: GroupFigures) -> dict[str, Any]:
    return {
        "group": figures.group,
        "subjects": figures.subjects,
        "few": figures.is_small,
        "columns": {
            each.column: {
                "values": each.values,
                "sum": str(each.total),
                "mean": None if each.rounded_mean is None else str(each.rounded_mean),
                "mean_fraction": None if each.mean is None else str(each.mean),
            }
            for each in figures.columns
        },
    }
