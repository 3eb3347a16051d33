"""Computes a benchmark set from a population: the figures that policies refer to, exactly and reproducibly.

A subject without the fact, or without a fact that determines its group, does not count. Nor do rejected rows; they are
written to a file with the reasons.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import groupby

import duckdb

from policy_service.language.benchmark_set import (
    BenchmarkSet,
    Figure,
    FigureKey,
    GroupFigure,
    Method,
    PopulationNote,
    load_benchmark_set_bytes,
)
from policy_service.language.benchmark_set_text import write_benchmark_set
from policy_service.language.measure import Measure, parse_measure
from policy_service.language.policy import Bilingual, Fact, Policy
from policy_service.language.types import NumberType, Type, ValueRejected, parse_value, write_decimal
from policy_service.population.errors import PopulationRejected, RejectedRow
from policy_service.population.mapping import Mapping
from policy_service.population.parts import ROWS, PartTable
from policy_service.population.plan import FactColumn, Plan, heading_of, mapping_problems, subject_problem
from policy_service.population.population import OnProgress, register, with_type_problems
from policy_service.population.source import RowSource
from policy_service.population.statistics import Distribution, round_half_even, statistic, total


@dataclass(frozen=True)
class BenchmarkRequest:
    """The figures to compute, and the name of the set."""

    id: str
    version: str
    policies: Sequence[Policy]
    requested: Sequence[str] | None
    """The policies whose figures are computed; None for all whose facts the population has."""
    kind: str
    as_of: datetime.date
    mapping: Mapping
    method: Method
    title: Bilingual | None = None


@dataclass(frozen=True)
class BenchmarkReport:
    """The set, and what it lacks."""

    benchmark_set: BenchmarkSet
    refused: tuple[RejectedRow, ...]
    left_out: tuple[str, ...]
    """Measures whose facts the population does not have."""


@dataclass(frozen=True)
class _Wanted:
    """A figure to compute."""

    measure: Measure
    type: NumberType
    measured: NumberType | None
    """The type of the measured fact; None if subjects are counted."""
    groups: tuple[tuple[str, Type], ...]
    policy: Policy

    @property
    def key(self) -> FigureKey:
        return Figure(self.measure, self.type, {}).key

    @property
    def facts(self) -> tuple[tuple[str, Type], ...]:
        """The facts it is computed from."""
        own = () if self.measure.fact is None or self.measured is None else ((self.measure.fact, self.measured),)
        return (*own, *self.groups)


def make_benchmark_set(request: BenchmarkRequest, source: RowSource, on_progress: OnProgress) -> BenchmarkReport:
    """Compute the figures of a population. Raises PopulationRejected with every problem, OSError."""
    request = replace(request, mapping=source.mapping)
    wanted, left_out = _wanted_figures(request, source)
    plan = _plan(wanted, request.mapping, source)
    with duckdb.connect() as connection:
        connection.execute("SET temp_directory = ''")  # facts stay in memory
        population = register(source, plan, PartTable(connection), on_progress)
        columns = {(each.name, each.type): each.column for each in plan.columns}
        figures = [_figure(each, columns, connection, request.method) for each in wanted]
        refused = tuple(population.rejected_rows())
    text = write_benchmark_set(
        id_=request.id,
        version=request.version,
        title=request.title or _title(request.kind, request.as_of),
        source=sorted({citation for each in wanted for citation in each.policy.source}),
        subject=request.kind,
        as_of=request.as_of,
        population=PopulationNote(source.label, source.digest, population.count),
        method=request.method,
        figures=figures,
    )
    return BenchmarkReport(load_benchmark_set_bytes(text.encode(), request.id), refused, left_out)


def _title(kind: str, as_of: datetime.date) -> Bilingual:
    day = as_of.isoformat()
    return Bilingual(f"{day} 基准数据（{kind}）", f"benchmark figures of {day} ({kind})")


def _wanted_figures(request: BenchmarkRequest, source: RowSource) -> tuple[list[_Wanted], tuple[str, ...]]:
    """Return the figures to compute, each once, and the measures whose facts are missing. Raises PopulationRejected."""
    chosen = [each for each in request.policies if each.subject == request.kind]
    by_id = {policy.id: policy for policy in chosen}
    problems = [f"no policy `{name}` about a {request.kind}" for name in request.requested or () if name not in by_id]
    wanted: dict[FigureKey, _Wanted] = {}
    left_out: list[str] = []
    needed: list[_Wanted] = []
    for policy in chosen:
        if request.requested is not None and policy.id not in request.requested:
            continue
        for fact in policy.facts.values():
            figure = _wanted_figure(policy, fact, chosen)
            if figure is None:
                continue
            needed.append(figure)
            lacking = [name for name, _ in figure.facts if not _is_given(name, request.mapping, source)]
            if lacking and request.requested is None:
                left_out.append(f"{figure.measure}, which lacks {', '.join(lacking)}")
            elif lacking:
                names = ", ".join(f"`{heading_of(name, request.mapping)}`" for name in lacking)
                problems.append(f"{policy.id}: {figure.measure} needs the columns {names}")
            elif (other := wanted.setdefault(figure.key, figure)).facts != figure.facts:
                problems.append(f"{policy.id} and {other.policy.id} measure {figure.measure} of facts of other types")
    problems += mapping_problems(source.headings, request.mapping, chosen)
    problems += subject_problem(source.headings, request.mapping)
    if not wanted and not problems:
        reasons = "; ".join(left_out) or "no policy has a benchmark fact"
        problems.append(f"the columns are enough for no figure: {reasons}")
    if problems:
        facts = dict.fromkeys(fact for figure in needed for fact in figure.facts)
        with with_type_problems(source, facts):
            raise PopulationRejected(problems)
    return list(wanted.values()), tuple(dict.fromkeys(left_out))


def _wanted_figure(policy: Policy, fact: Fact, policies: Sequence[Policy]) -> _Wanted | None:
    """Return the figure that a fact takes; None for other facts, or if no policy declares the measured type."""
    if fact.measure is None or not isinstance(fact.type, NumberType):
        return None
    measure = parse_measure(fact.measure)
    measured = None
    if measure.fact is not None:
        declared = [each.facts[measure.fact].type for each in (policy, *policies) if measure.fact in each.facts]
        measured = next((kind for kind in declared if isinstance(kind, NumberType)), None)
        if measured is None:
            return None
    return _Wanted(
        measure, fact.type, measured, tuple((name, policy.facts[name].type) for name in measure.groups), policy
    )


def _is_given(name: str, mapping: Mapping, source: RowSource) -> bool:
    return name in mapping.constants or heading_of(name, mapping) in source.headings


def _plan(wanted: Sequence[_Wanted], mapping: Mapping, source: RowSource) -> Plan:
    positions = {heading: index for index, heading in enumerate(source.headings)}
    facts = dict.fromkeys(fact for each in wanted for fact in each.facts)
    sensitive = {name for each in wanted for name, fact in each.policy.facts.items() if fact.sensitive}
    columns = tuple(
        FactColumn(name, kind, f"f{index}", positions.get(heading_of(name, mapping)), name in sensitive)
        for index, (name, kind) in enumerate(facts)
    )
    return Plan((), columns, positions[mapping.subject], {})


def _figure(
    wanted: _Wanted,
    columns: dict[tuple[str, Type], str],
    connection: duckdb.DuckDBPyConnection,
    method: Method,
) -> Figure:
    """Return the figures of a measure by group. Raises PopulationRejected when one does not fit its type."""
    by_group = dict(_distributions(wanted, columns, connection))
    whole = sum(total(values) for values in by_group.values())
    groups = {}
    for words, values in by_group.items():
        subjects = sum(count for _, count in values)
        found = (
            statistic(wanted.measure, values, whole, method.quantiles) if subjects >= method.smallest_group else None
        )
        groups[words] = GroupFigure(subjects, None if found is None else _in_units(wanted, words, found))
    return Figure(wanted.measure, wanted.type, groups)


def _in_units(wanted: _Wanted, words: tuple[str, ...], value: Fraction) -> int:
    """Return a figure in the units of its type, rounded half to even. Raises PopulationRejected."""
    is_amount = wanted.measured is not None and wanted.measure.statistic not in {"count", "share"}
    scale = wanted.measured.scale if wanted.measured is not None and is_amount else 0
    units = round_half_even(value * 10**wanted.type.scale / 10**scale)
    try:
        parse_value(wanted.type, write_decimal(units, wanted.type.scale))
    except ValueRejected as error:
        of = f" of {', '.join(words)}" if words else ""
        text = write_decimal(units, wanted.type.scale)
        raise PopulationRejected([f"{wanted.measure}{of} is {text}, which is not {error.expected}"]) from None
    return units


def _distributions(
    wanted: _Wanted, columns: dict[tuple[str, Type], str], connection: duckdb.DuckDBPyConnection
) -> Iterator[tuple[tuple[str, ...], Distribution]]:
    """Yield the distinct values of each group, and the number of subjects with each."""
    groups = [columns[fact] for fact in wanted.groups]
    value = columns[wanted.facts[0]] if wanted.measured is not None else "1"
    present = " AND ".join(f"{name} IS NOT NULL" for name in map(columns.__getitem__, wanted.facts)) or "true"
    keys = ", ".join([*groups, "value"])
    sql = f"SELECT {', '.join([*groups, f'{value} AS value'])}, count(*) FROM {ROWS} WHERE {present} GROUP BY ALL ORDER BY {keys}"  # noqa: S608, E501
    found = connection.execute(sql).fetchall()
    for words, rows in groupby(found, key=lambda row: row[: len(groups)]):
        yield words, [(number, count) for *_, number, count in rows]
