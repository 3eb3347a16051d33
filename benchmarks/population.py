"""How long `tiering/rfm_value` takes for a whole population, beside the same rules written by hand as SQL.

Both run in DuckDB over the same table, in turns, give status, rule and tier, and are compared row by row first. Each is
measured twice: with 64 bits, which are enough for the values that the population has, and with 128, which the declared
bounds ask for. Where pyspark and Java are, a local Spark answers the same query over a Parquet file. Then the whole
command runs over a Parquet file: read, judged, decided, checked and written.
"""

from __future__ import annotations

import datetime
import resource
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from benchmarks.rounds import WrongAnswerError
from policy_service.compilers.columnar import door
from policy_service.compilers.columnar.layout import column_type
from policy_service.compilers.columnar.query import add_answers, fact_bounds
from policy_service.compilers.columnar.widths import Interval
from policy_service.language.load import load_folder, newest
from policy_service.language.lower import lower
from policy_service.language.policy import AS_OF, Policy
from policy_service.population.engines import spark_session
from policy_service.population.errors import PopulationRejected
from policy_service.population.mapping import Mapping
from policy_service.population.run import RunRequest, run_policies
from policy_service.shipped import shipped_policies

POLICY = "tiering/rfm_value"
MAX_WHOLE_RUN = 1_000_000
"""Rows of the file that the whole command runs over."""
BOUNDS = {
    "amount_12m": Interval(0, 10**8),
    "orders_12m": Interval(0, 12),
    "recency_days": Interval(0, 400),
    "industry_mean_amount": Interval(0, 45_000_000),
    "industry_mean_orders": Interval(0, 45_000),
}
TABLE = """CREATE OR REPLACE TABLE subjects AS SELECT
    (hash(i) % 100000001)::BIGINT amount, (hash(i + 1) % 13)::BIGINT orders,
    CASE WHEN hash(i + 2) % 50 > 0 THEN (hash(i + 3) % 401)::BIGINT END recency,
    ['it', 'retail', 'finance'][1 + (hash(i + 4) % 3)::INT] industry,
    45000000::BIGINT mean_amount, 45000::BIGINT mean_orders, 740000::BIGINT as_of FROM range({rows}) r(i)"""
COLUMNS = ("amount", "orders", "recency", "industry", "mean_amount", "mean_orders", "as_of")
BY_HAND = """SELECT
    CASE WHEN absent THEN 'missing_facts' WHEN rule IS NULL THEN 'no_rule_matched' ELSE 'decided' END AS status, rule,
    CASE WHEN rule = 4 THEN 'S' WHEN rule IN (5, 6) THEN 'A' WHEN rule IN (0, 7, 9, 10, 11, 12, 13) THEN 'B'
        WHEN rule IN (1, 2, 3, 8, 14, 15) THEN 'C' END AS tier
FROM (SELECT
    amount IS NULL OR orders IS NULL OR industry IS NULL OR mean_amount IS NULL OR mean_orders IS NULL AS absent, CASE
    WHEN amount IS NULL OR orders IS NULL OR industry IS NULL OR mean_amount IS NULL OR mean_orders IS NULL THEN NULL
    WHEN recency IS NULL AND 10 * {a} > 12 * {ma} THEN 0
    WHEN recency IS NULL AND (amount > 0 OR orders > 0) THEN 1
    WHEN recency IS NULL THEN 2
    WHEN amount = 0 AND orders = 0 THEN 3
    WHEN recency < 30 AND 10 * {a} > 15 * {ma} AND 100000 * {o} > 13 * {mo} THEN 4
    WHEN recency < 60 AND 10 * {a} BETWEEN 8 * {ma} AND 12 * {ma}
        AND 100000 * {o} BETWEEN 8 * {mo} AND 12 * {mo} THEN 5
    WHEN recency < 60 AND 10 * {a} >= 8 * {ma} AND 100000 * {o} >= 8 * {mo} THEN 6
    WHEN recency < 90 AND amount < mean_amount AND 10000 * {o} < {mo} AND orders >= 2 THEN 7
    WHEN recency <= 90 AND 10 * {a} < 8 * {ma} AND 100000 * {o} < 8 * {mo} AND orders < 2 THEN 8
    WHEN recency >= 60 AND recency < 90 AND 10 * {a} >= 8 * {ma} AND 100000 * {o} >= 8 * {mo} THEN 9
    WHEN recency < 90 AND 10 * {a} >= 8 * {ma} AND 100000 * {o} < 8 * {mo} THEN 10
    WHEN recency < 90 AND 10 * {a} < 8 * {ma} AND 100000 * {o} >= 8 * {mo} THEN 11
    WHEN recency = 90 THEN 12
    WHEN recency > 90 AND 10 * {a} > 12 * {ma} THEN 13
    WHEN recency > 90 AND 10 * {a} < 8 * {ma} AND 100000 * {o} < 8 * {mo} THEN 14
    WHEN recency > 90 THEN 15 END AS rule FROM subjects)"""
DIFFERENCES = """SELECT count(*) FROM (SELECT a_rule, a_o0 FROM ({ours}))
    POSITIONAL JOIN (SELECT rule, tier FROM ({by_hand}))
    WHERE a_rule IS DISTINCT FROM rule OR a_o0 IS DISTINCT FROM tier"""
COPY = """COPY (SELECT 'C' || row_number() OVER () subject, amount::DECIMAL(18, 2) amount_12m, orders orders_12m,
    recency recency_days, industry FROM subjects) TO '{path}' (FORMAT parquet)"""
NAMES = {"a": "amount", "ma": "mean_amount", "o": "orders", "mo": "mean_orders"}
WIDE = {name: f"CAST({column} AS DECIMAL(38, 0))" for name, column in NAMES.items()}


@dataclass(frozen=True, slots=True)
class QueryFigures:
    """One width at one size: the seconds of each round, ours and by hand."""

    rows: int
    bits: int
    ours: tuple[float, ...]
    by_hand: tuple[float, ...]
    spark: tuple[float, ...]
    """Ours on a local Spark; empty where there is none."""

    @property
    def ratio(self) -> float:
        """The median of the rounds' ratios: how many times the time by hand ours takes."""
        return statistics.median(our / hand for our, hand in zip(self.ours, self.by_hand, strict=True))


@dataclass(frozen=True, slots=True)
class RunFigures:
    """The whole command over a Parquet file."""

    rows: int
    seconds: float
    memory: int
    """The most resident memory of the process so far, in bytes."""


@dataclass(frozen=True, slots=True)
class PopulationFigures:
    """Queries and whole runs at each size."""

    compile_seconds: float
    queries: tuple[QueryFigures, ...]
    runs: tuple[RunFigures, ...]


def measure_population(sizes: tuple[int, ...], rounds: int) -> PopulationFigures:
    """Measure queries and whole runs. Raises WrongAnswerError."""
    [policy] = [each for each in newest(load_folder(shipped_policies())) if each.id == POLICY]
    started = time.perf_counter()
    bounds = {64: BOUNDS, 128: {}}
    by_hand = {64: BY_HAND.format(**NAMES), 128: BY_HAND.format(**WIDE)}
    ours = {bits: _query(policy, bounds[bits], door.DUCKDB) for bits in bounds}
    compile_seconds = (time.perf_counter() - started) / 2
    figures: list[QueryFigures] = []
    runs: list[RunFigures] = []
    with tempfile.TemporaryDirectory() as folder, duckdb.connect() as connection, _open_spark() as spark:
        connection.execute(door.SETUP)
        for rows in sizes:
            connection.execute(TABLE.format(rows=rows))
            if spark is not None:
                path = f"{folder}/subjects-{rows}.parquet"
                connection.execute(f"COPY subjects TO '{path}' (FORMAT parquet)")
                spark.read.parquet(path).createOrReplaceTempView("subjects")
            for bits, sql in ours.items():
                duck, hand = _compare(connection, rows, sql, by_hand[bits], rounds=rounds)
                elsewhere = _time_spark(spark, _query(policy, bounds[bits], door.SPARK), rounds)
                figures.append(QueryFigures(rows, bits, duck, hand, elsewhere))
            if rows <= MAX_WHOLE_RUN:
                runs.append(_run(connection, policy, rows, Path(folder)))
    return PopulationFigures(compile_seconds, tuple(figures), tuple(runs))


@contextmanager
def _open_spark() -> Iterator[Any]:
    """A session of Spark, or None where it is not installed."""
    try:
        session = spark_session()
    except PopulationRejected:
        yield None
        return
    try:
        yield session
    finally:
        session.stop()


def _time_spark(session: Any, sql: str, rounds: int) -> tuple[float, ...]:  # noqa: ANN401  # pyspark is an extra
    """The seconds of each round in which Spark computes every row and writes none."""
    seconds = []
    for _ in range(rounds + 1 if session is not None else 0):
        started = time.perf_counter()
        session.sql(sql).write.format("noop").mode("overwrite").save()
        seconds.append(time.perf_counter() - started)
    return tuple(seconds[1:])  # the first warms up


def _query(policy: Policy, bounds: dict[str, Interval], dialect: door.Dialect) -> str:
    columns = dict(zip((*policy.facts, AS_OF), COLUMNS, strict=True))
    kinds = {columns[name]: column_type(fact.type) for name, fact in policy.facts.items()}
    answered = add_answers(
        door.table_of("subjects", {**kinds, columns[AS_OF]: "int64"}),
        policy,
        lower(policy),
        columns=columns,
        bounds={**fact_bounds(policy), **bounds},
        prefix="a_",
        dialect=dialect,
    )
    return dialect.sql(answered.select("a_status", "a_rule", "a_o0"))


def _compare(
    connection: duckdb.DuckDBPyConnection, rows: int, ours: str, by_hand: str, *, rounds: int
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The seconds of each round, ours and by hand. Raises WrongAnswerError."""
    differences = DIFFERENCES.format(ours=ours, by_hand=by_hand)
    if rows <= MAX_WHOLE_RUN and (result := connection.execute(differences).fetchall()[0][0]):
        raise WrongAnswerError(f"{result:,} of {rows:,} answers of {POLICY} are not those that are written by hand")
    seconds: dict[str, list[float]] = {ours: [], by_hand: []}
    for number in range(rounds + 1):
        for sql in (ours, by_hand) if number % 2 else (by_hand, ours):
            started = time.perf_counter()
            connection.execute(f"CREATE OR REPLACE TEMP TABLE answers AS {sql}")
            if number:  # the first warms up
                seconds[sql].append(time.perf_counter() - started)
    return tuple(seconds[ours]), tuple(seconds[by_hand])


def _run(connection: duckdb.DuckDBPyConnection, policy: Policy, rows: int, folder: Path) -> RunFigures:
    path = folder / f"{rows}.parquet"
    connection.execute(COPY.format(path=path))
    request = RunRequest(
        population=path,
        output=folder / "answers.parquet",
        policies=[policy],
        requested=[policy.id],
        kind=policy.subject,
        as_of=datetime.date(2026, 11, 21),
        mapping=Mapping(constants={"industry_mean_amount": "450000", "industry_mean_orders": "4.5"}),
    )
    started = time.perf_counter()
    run_policies(request, lambda *_: None)
    seconds = time.perf_counter() - started
    return RunFigures(rows, seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1_024)
