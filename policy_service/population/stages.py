"""Evaluates a part of a population: a query for consecutive policies that SQL supports, generated Python for the rest.

A policy that takes an outcome of another stands after it. Its fact is filled from there where that policy decides, and
is what the file says elsewhere; where the file says something else than what was decided, the policy is not evaluated.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import duckdb
import pyarrow as pa

from policy_service.compilers.columnar import door
from policy_service.compilers.columnar.chains import fill_fact
from policy_service.compilers.columnar.door import Table
from policy_service.compilers.columnar.layout import AnswerColumns, NotColumnar, column_type, from_cell
from policy_service.compilers.columnar.query import add_answers
from policy_service.compilers.columnar.widths import Interval, type_interval
from policy_service.compilers.evaluator import Evaluator
from policy_service.compilers.python_source import compile_python
from policy_service.language.core import Core
from policy_service.language.lower import lower
from policy_service.language.policy import AS_OF, Policy
from policy_service.language.types import BooleanType
from policy_service.population.cells import ARROW
from policy_service.population.engines import PART, QueryEngine
from policy_service.population.errors import RunFailed
from policy_service.population.parts import insert
from policy_service.population.plan import Plan
from policy_service.population.population import ROW, SUBJECT
from policy_service.population.source import PART_ROWS

AS_OF_COLUMN = "as_of"

FEW = 10_000
"""Number of rows up to which generated Python is faster than compiling a query."""


class Step(Protocol):
    """Adds columns to rows."""

    def __call__(self, part: pa.Table) -> pa.Table:
        """Return a part with the columns added."""

    def within(self, connection: duckdb.DuckDBPyConnection, rows: str) -> str:
        """Return SQL for the rows of a DuckDB query with the columns added."""


@dataclass(frozen=True)
class PolicyStage:
    """One policy of a run: the columns of its facts as evaluated, and of its answers."""

    policy: Policy
    facts: Mapping[str, str]
    answer: AnswerColumns
    refused: str | None
    """The column that says that a supplied fact contradicts another policy's decision."""

    def missing(self, part: pa.Table) -> list[tuple[str, ...]]:
        """Return, for each row, the missing facts because of which the policy was not evaluated."""
        statuses = part[self.answer.status].to_pylist()
        if "missing_facts" not in statuses:
            return [()] * len(statuses)
        required = [name for name, fact in self.policy.facts.items() if not fact.optional]
        cells = zip(*(part[self.facts[name]].to_pylist() for name in required), strict=True)
        return [
            tuple(name for name, cell in zip(required, row, strict=True) if cell is None)
            if status == "missing_facts"
            else ()
            for status, row in zip(statuses, cells, strict=True)
        ]


@dataclass(frozen=True)
class Stages:
    """All policies of a run, compiled."""

    stages: tuple[PolicyStage, ...]
    """The stages of one side after the other."""
    steps: tuple[Step, ...]
    by_python: Mapping[str, str]
    """The policies that SQL does not support, with the reason."""

    @property
    def sql(self) -> str:
        """Return the one query that evaluates everything, if no policy needs Python."""
        [query] = [step for step in self.steps if isinstance(step, _QueryStep)]
        return query.sql

    def decide(self, part: pa.Table) -> pa.Table:
        """Return the part with all answers added."""
        for step in self.steps:
            part = step(part)
        return part

    def within(self, connection: duckdb.DuckDBPyConnection, rows: str) -> str:
        """Return SQL for the rows of a DuckDB query with all answers added.

        The columns of `rows` are those of a part without the original cells.
        """
        for step in self.steps:
            rows = step.within(connection, rows)
        return rows


def compile_stages(  # noqa: PLR0913  # what a query depends on
    plans: Mapping[str, Plan],
    measured: Mapping[str, Interval],
    as_of: int,
    engine: QueryEngine,
    *,
    by_python: bool = False,
    names_subjects: bool = False,
) -> Stages:
    """Compile the policies of plans, for a population whose columns have the `measured` bounds.

    The plans have the same columns of facts; each plan's answer columns begin with its key. With `by_python` no policy
    becomes a query; with `names_subjects` a query's answer includes the subjects.
    """
    compilation = _Compilation(plans, measured, as_of, engine, by_python=by_python)
    if names_subjects:
        compilation.carry(SUBJECT)
    return compilation.build()


class _Compilation:
    """Collects consecutive policies into one query."""

    def __init__(
        self,
        plans: Mapping[str, Plan],
        measured: Mapping[str, Interval],
        as_of: int,
        engine: QueryEngine,
        *,
        by_python: bool,
    ) -> None:
        self.plans = plans
        [self.plan, *_] = plans.values()
        self.measured = measured
        self.as_of = as_of
        self.engine = engine
        self.all_by_python = by_python
        self.columns: dict[str, str] = {each.column: column_type(each.type) for each in self.plan.columns}
        self.columns.update({ROW: "int64", AS_OF_COLUMN: "int64"})
        self.table = self._fresh()
        self.added: list[str] = []
        self.steps: list[Step] = []
        self.stages: dict[str, PolicyStage] = {}
        self.by_python: dict[str, str] = {}

    def carry(self, name: str) -> None:
        """Pass a text column through every query."""
        self.columns[name] = "string"
        self.table = self._fresh()

    def build(self) -> Stages:
        self.steps.append(_DayStep(self.as_of))
        stages: list[PolicyStage] = []
        for prefix, plan in self.plans.items():
            self.plan, self.stages = plan, {}
            for index, policy in enumerate(plan.policies):
                self._add(policy, f"{prefix}p{index}_")
            stages += self.stages.values()
        self._end_query()
        return Stages(tuple(stages), tuple(self.steps), self.by_python)

    def _fresh(self) -> Table:
        return door.table_of(PART, self.columns)

    def _add(self, policy: Policy, prefix: str) -> None:
        core = lower(policy)
        facts, refused = self._fill(policy, prefix)
        answer = AnswerColumns(policy, prefix)
        self.stages[policy.id] = PolicyStage(policy, facts, answer, refused)
        if self.all_by_python:
            self._add_python(policy, core, "the engine is Python")
            return
        try:
            self.table = add_answers(
                self.table,
                policy,
                core,
                columns={**facts, AS_OF: AS_OF_COLUMN},
                bounds=self._bounds(policy, facts),
                prefix=prefix,
                dialect=self.engine.dialect,
                refused=refused,
            )
            self.added += answer.names
        except NotColumnar as error:
            self._add_python(policy, core, error.reason)

    def _add_python(self, policy: Policy, core: Core, reason: str) -> None:
        self.by_python[policy.id] = reason
        self._end_query()
        stage = self.stages[policy.id]
        self.steps.append(_PythonStep(stage, core))
        self.columns.update(stage.answer.types)
        self.table = self._fresh()

    def _fill(self, policy: Policy, prefix: str) -> tuple[dict[str, str], str | None]:
        """Return the columns of the facts, with those from other policies filled."""
        facts = self.plan.columns_of(policy)
        contradictions = []
        for index, (name, fact) in enumerate(policy.facts.items()):
            source = self.stages.get(fact.requirement.policy) if fact.requirement else None
            if source is None or fact.requirement is None:
                continue
            filled, contradiction = f"{prefix}f{index}", f"{prefix}c{index}"
            self.table = fill_fact(
                self.table, fact, facts[name], source.answer, fact.requirement.outcome, filled, contradiction
            )
            facts[name] = filled
            contradictions.append(contradiction)
            self.added.append(filled)
        if not contradictions:
            return facts, None
        refused = f"{prefix}refused"
        self.table = self.table.mutate(**{refused: door.any_of([self.table[name] for name in contradictions])})
        self.added.append(refused)
        return facts, refused

    def _bounds(self, policy: Policy, facts: Mapping[str, str]) -> dict[str, Interval]:
        """Return the bounds of the facts: measured for the file's facts, declared for those of other policies."""
        bounds = {AS_OF: Interval(self.as_of, self.as_of)}
        own = {each.column for each in self.plan.columns}
        for name, fact in policy.facts.items():
            declared = type_interval(fact.type)
            column = facts[name]
            if column not in own or column_type(fact.type) == "string" or isinstance(fact.type, BooleanType):
                bounds[name] = declared
                continue
            bounds[name] = self.measured.get(column, Interval(0, 0))
        return bounds

    def _end_query(self) -> None:
        """Turn the query so far into a step."""
        if self.added:
            query = self.table.select(*self.columns, *self.added)
            self.steps.append(
                _QueryStep(self.engine, self.engine.dialect.sql(query), tuple(self.added), tuple(self.columns))
            )
            for name, kind in query.schema().items():
                self.columns[name] = {"string": "string", "boolean": "boolean", "int32": "int32"}.get(
                    str(kind), "int64"
                )
            self.added = []
        self.table = self._fresh()


@dataclass(frozen=True)
class _DayStep:
    """Adds the day column."""

    as_of: int

    def __call__(self, part: pa.Table) -> pa.Table:
        return part.append_column(AS_OF_COLUMN, pa.repeat(pa.scalar(self.as_of, pa.int64()), part.num_rows))

    def within(self, _connection: duckdb.DuckDBPyConnection, rows: str) -> str:
        return f"SELECT *, {self.as_of}::BIGINT AS {AS_OF_COLUMN} FROM ({rows})"  # noqa: S608  # a number


@dataclass(frozen=True)
class _QueryStep:
    """Adds columns by a query."""

    engine: QueryEngine
    sql: str
    added: tuple[str, ...]
    needed: tuple[str, ...]

    def __call__(self, part: pa.Table) -> pa.Table:
        found = self.engine.query(self.sql, part.select(list(self.needed)))
        if not found[ROW].equals(part[ROW]):
            raise RunFailed("the engine did not answer about each row once")
        for name in self.added:
            part = part.append_column(name, found[name])
        return part

    def within(self, _connection: duckdb.DuckDBPyConnection, rows: str) -> str:
        return f"WITH {PART} AS ({rows}) {self.sql}"


class _PythonStep:
    """Adds the answers of one policy by generated Python."""

    def __init__(self, stage: PolicyStage, core: Core) -> None:
        self.stage = stage
        self.evaluator: Evaluator = compile_python(stage.policy, core)

    def __call__(self, part: pa.Table) -> pa.Table:
        answer = self.stage.answer
        results = [None if refused else self.evaluator.decide(slots) for slots, refused in self._slots(part)]
        rows = {result: answer.row(result) for result in set(results)}  # far fewer than subjects
        for name, kind in answer.types.items():
            part = part.append_column(name, pa.array([rows[result][name] for result in results], ARROW_TYPES[kind]))
        return part

    def within(self, connection: duckdb.DuckDBPyConnection, rows: str) -> str:
        given, decided = f"{self.stage.answer.prefix}given", f"{self.stage.answer.prefix}decided"
        connection.execute(f"CREATE OR REPLACE TEMP TABLE {given} AS {rows}; DROP TABLE IF EXISTS {decided}")
        [(count,)] = connection.execute(f"SELECT count(*) FROM {given}").fetchall()  # noqa: S608  # a name of our own
        for start in range(0, max(count, 1), PART_ROWS):
            these = f"FROM {given} WHERE rowid >= {start} AND rowid < {start + PART_ROWS} ORDER BY rowid"
            insert(connection, decided, self(connection.sql(these).to_arrow_table()))
        connection.execute(f"DROP TABLE {given}")
        return f"FROM {decided}"

    def _slots(self, part: pa.Table) -> Iterator[tuple[tuple[Any, ...], bool]]:
        facts = self.stage.policy.facts
        cells = [part[self.stage.facts[name]].to_pylist() for name in facts]
        kinds = [fact.type for fact in facts.values()]
        values: list[Sequence[Any]] = [
            [None if cell is None else from_cell(kind, cell) for cell in column]
            for kind, column in zip(kinds, cells, strict=True)
        ]
        values.append(part[AS_OF_COLUMN].to_pylist())
        refused = [False] * part.num_rows if self.stage.refused is None else part[self.stage.refused].to_pylist()
        return zip(zip(*values, strict=True), refused, strict=True)


ARROW_TYPES = {**ARROW, "int32": pa.int32()}
