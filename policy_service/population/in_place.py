"""Runs policies inside the PostgreSQL database with the table: only subjects and answers leave it.

One snapshot is read three times: for figures (counts, bounds, digest), duplicate subjects, and answers. Rows at the
edges of the policies are sent there, evaluated by the same query, and checked by the reference evaluator.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from policy_service.compilers.columnar.layout import column_type
from policy_service.compilers.columnar.widths import Interval
from policy_service.population.check import check_rows, edge_rows
from policy_service.population.engines import PART
from policy_service.population.errors import PopulationRejected, RejectedRow
from policy_service.population.output import AnswerWriter, format_of, result_table
from policy_service.population.plan import Plan
from policy_service.population.population import MAX_NAMED, ROW, SUBJECT, raw_column
from policy_service.population.postgresql import (
    PROBLEM,
    PostgreSQL,
    describe_table,
    judged_rows,
    open_snapshot,
    run_sql,
)
from policy_service.population.run import (
    Progress,
    RunReport,
    RunRequest,
    check_sheet,
    plan_run,
    question_of,
    rows_not_evaluated,
    write_outputs,
)
from policy_service.population.source import PART_ROWS, heading_problems
from policy_service.population.stages import Stages, compile_stages
from policy_service.subject import id_error

if TYPE_CHECKING:
    import psycopg


def run_in_place(request: RunRequest, progress: Progress) -> RunReport:
    """Decide about every subject of a PostgreSQL table inside the database.

    Raises PopulationRejected with every problem of the request, RunFailed if an answer differs from the reference
    evaluator's, OSError.
    """
    format_of(request.output)
    table = request.table
    if table is None or request.source is not None:
        raise PopulationRejected(["`postgresql` decides in place: name the address of a database, and a table of it"])
    with open_snapshot(str(request.population), table) as connection:
        headings, types = describe_table(connection, table)
        if problems := heading_problems(headings):
            raise PopulationRejected([f"{table}: {problem}" for problem in problems])
        plan = plan_run(request, headings, [request.mapping.subject], table)
        rows = judged_rows(plan, request.mapping, table, types, request.as_of.toordinal())
        figures = _measure(connection, rows, plan)
        progress("read", figures.count + figures.refused, None)
        if figures.count + figures.refused == 0:
            raise PopulationRejected([f"{table}: there are no rows"])
        check_sheet(request.output, figures.count)
        _check_duplicates(connection, rows, table)
        return _Run(request, plan, connection, rows, figures, progress).write(table)


@dataclass(frozen=True, slots=True)
class _Figures:
    """Aggregates of a table."""

    count: int
    refused: int
    digest: str
    """The digest of the stored facts and of the rejected rows."""
    bounds: dict[str, Interval]


def _measure(connection: psycopg.Connection[Any], rows: str, plan: Plan) -> _Figures:
    numbers = [each.column for each in plan.columns if column_type(each.type) == "int64"]
    ends = "".join(f", min({name}), max({name})" for name in numbers)
    facts = ", ".join([SUBJECT, PROBLEM, *(each.column for each in plan.columns)])
    sql = f"""SELECT count(*) FILTER (WHERE {PROBLEM} = ''), count(*) FILTER (WHERE {PROBLEM} <> ''),
        sha256(string_agg(sha256(convert_to(jsonb_build_array({facts})::text, 'UTF8')), NULL ORDER BY "{ROW}")){ends}
        FROM ({rows}) AS {PART} GROUP BY ("{ROW}" - 1) / {PART_ROWS} ORDER BY min("{ROW}")"""  # noqa: S608  # quoted
    digest = hashlib.sha256()
    count = refused = 0
    hulls: dict[str, Interval] = {}
    for part in connection.execute(sql.encode()).fetchall():
        count, refused = count + part[0], refused + part[1]
        digest.update(part[2])
        for name, low, high in zip(numbers, part[3::2], part[4::2], strict=True):
            if low is not None:
                known = hulls.get(name, Interval(low, high))
                hulls[name] = Interval(min(low, known.low), max(high, known.high))
    return _Figures(count, refused, f"sha256:{digest.hexdigest()}", hulls)


def _check_duplicates(connection: psycopg.Connection[Any], rows: str, table: str) -> None:
    sql = f"""SELECT {SUBJECT}, count(*) FROM ({rows}) AS {PART} GROUP BY {SUBJECT}
        HAVING count(*) > 1 AND bool_or({PROBLEM} = '') ORDER BY {SUBJECT} LIMIT {MAX_NAMED}"""  # noqa: S608  # quoted
    if found := connection.execute(sql.encode()).fetchall():
        raise PopulationRejected([f"{table}: subject `{subject}` has {count:,} rows" for subject, count in found])


class _Run:
    """One run, which writes answers as they arrive."""

    def __init__(  # noqa: PLR0913, PLR0917  # what a run is made of
        self,
        request: RunRequest,
        plan: Plan,
        connection: psycopg.Connection[Any],
        rows: str,
        figures: _Figures,
        progress: Progress,
    ) -> None:
        self._request = request
        self._plan = plan
        self._connection = connection
        self._rows = rows
        self._figures = figures
        self._progress = progress
        self._statuses: dict[str, Counter[str]] = {each.id: Counter() for each in plan.policies}
        self._rejected: dict[int, RejectedRow] = {}

    def write(self, table: str) -> RunReport:
        """Decide, and write the result, the rejected rows and the manifest."""
        request, plan, bounds = self._request, self._plan, self._figures.bounds
        engine = PostgreSQL(self._connection)
        day = request.as_of.toordinal()
        stages = compile_stages({"": plan}, bounds, day, engine, names_subjects=True)
        if stages.by_python:
            reasons = [
                f"{name}: {reason}: leave it out, or run it by duckdb" for name, reason in stages.by_python.items()
            ]
            raise PopulationRejected(reasons)
        checked = check_rows(stages.decide(edge_rows(plan, bounds)), stages, request.as_of)
        return write_outputs(
            request,
            question_of(request, table, self._figures.digest, plan, engine.version),
            plan,
            self._answers(stages),
            lambda: self._rejected_rows(stages),
            lambda: {
                "encoding": None,
                "subjects": self._figures.count - len(self._rejected),
                "refused": self._figures.refused + len(self._rejected),
                "checked_edges": checked,
                "checked_rows": 0,
                "statuses": {name: dict(each) for name, each in self._statuses.items()},
                "by_python": {},
            },
        )

    def _decided(self, stages: Stages, condition: str) -> Iterator[pa.Table]:
        """Yield the subjects that fit a condition, their answers, and whether each required fact is present."""
        columns = {name: f'"{name}"' for name in (ROW, SUBJECT)}
        for stage in stages.stages:
            facts = (stage.facts[name] for name, fact in stage.policy.facts.items() if not fact.optional)
            columns |= {name: f"CASE WHEN {name} IS NOT NULL THEN 0 END" for name in facts}
            columns |= {name: name for name in stage.answer.names}
        taken = ", ".join(f'{value} AS "{name}"' for name, value in columns.items())
        judged = f"SELECT * FROM ({self._rows}) AS judged WHERE {PROBLEM} = ''"  # noqa: S608  # quoted
        sql = f"""WITH {PART} AS MATERIALIZED ({judged}) SELECT {taken} FROM ({stages.sql}) AS answers
            WHERE {condition} ORDER BY "{ROW}" """  # noqa: S608  # quoted
        return run_sql(self._connection, sql)

    def _answers(self, stages: Stages) -> Iterator[pa.Table]:
        """Yield the parts of the result."""
        writers = [AnswerWriter(stage, self._request.lang) for stage in stages.stages]
        done = 0
        for part in self._decided(stages, "true"):
            decided = self._without_wrong_subjects(part)
            for stage in stages.stages:
                self._statuses[stage.policy.id].update(decided[stage.answer.status].to_pylist())
            yield result_table(
                decided.append_column(raw_column(0), decided[SUBJECT]),
                [self._request.mapping.subject],
                stages.stages,
                writers,
            )
            done += part.num_rows
            self._progress("decided", done, self._figures.count)

    def _without_wrong_subjects(self, part: pa.Table) -> pa.Table:
        """Return the rows with valid subject identifiers."""
        errors = [id_error(subject or "") for subject in part[SUBJECT].to_pylist()]
        for row, subject, error in zip(part[ROW].to_pylist(), part[SUBJECT].to_pylist(), errors, strict=True):
            if error is not None:
                self._rejected[row] = RejectedRow(row, None, subject or "", f"subject: {error}")
        return part.filter(pa.array([error is None for error in errors]))

    def _rejected_rows(self, stages: Stages) -> Iterator[RejectedRow]:
        """Yield the rejected rows, and those that a policy did not evaluate."""
        sql = f"""SELECT "{ROW}", coalesce({SUBJECT}, ''), {PROBLEM} FROM ({self._rows}) AS {PART}
            WHERE {PROBLEM} <> '' ORDER BY "{ROW}" """  # noqa: S608  # quoted
        for part in run_sql(self._connection, sql):
            for row, subject, problem in zip(*(column.to_pylist() for column in part.columns), strict=True):
                yield RejectedRow(row, None, subject, problem)
        yield from self._rejected.values()
        conditions = (f"{stage.answer.status} IN ('missing_facts', 'contradiction')" for stage in stages.stages)
        for part in self._decided(stages, " OR ".join(conditions)):
            for row, subject, reason in rows_not_evaluated(self._without_wrong_subjects(part), stages):
                yield RejectedRow(row, None, subject, reason)
