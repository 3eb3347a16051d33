"""How long the effect of two changed cells takes over a Parquet file, beside the same by hand as SQL for DuckDB.

Both read the file, decide `tiering/rfm_value` before and after, and give the matrix, who moves by industry, the twenty
largest who move, and what each of the two cells moves in either order. They are compared, and measured in turns. Ours
refuses subjects that have several rows, and values that are none, as any file of customers has to be read; by hand that
is measured without it, and with a query for it. Ours also compares a part of its answers with the definition. Processor
seconds are those of both cores, without what others took of the machine meanwhile.

Then the same effect over decision records, one a subject, as a change that is submitted has it worked out.
"""

from __future__ import annotations

import datetime
import random
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import duckdb
from sqlalchemy import insert

from benchmarks.groups import ROWS_AT_ONCE, put_policy_in_force, record_row
from benchmarks.population import BY_HAND, NAMES, POLICY, TABLE
from benchmarks.rounds import WrongAnswerError
from policy_service.approval.effect import EffectQuestion
from policy_service.clock import SystemClock
from policy_service.compilers.columnar.door import sql_of
from policy_service.database import Database
from policy_service.decisions.master_keys import open_or_create
from policy_service.decisions.subjects import FactCipher
from policy_service.decisions.tables import DecisionRow
from policy_service.language.load import load_bytes, load_folder, newest
from policy_service.language.policy import Policy
from policy_service.migrations import upgrade
from policy_service.population.mapping import Mapping
from policy_service.population.recorded_effect import RecordedEffects
from policy_service.population.simulation import simulate
from policy_service.population.simulation_plan import SimulationRequest
from policy_service.shipped import shipped_policies

CELLS = ('"> 1.5 * industry_mean_amount", "> 1.3 * industry_mean_orders"', "10 * {a} > 15 * {ma}", "> 13 * {mo}")
CHANGED = ('"> 1.4 * industry_mean_amount", "> 1.1 * industry_mean_orders"', "10 * {a} > 14 * {ma}", "> 11 * {mo}")
COPY = """COPY (SELECT 'C' || row_number() OVER () subject, CAST(amount * 0.01 AS DECIMAL(18, 2)) amount_12m,
    orders orders_12m, recency recency_days, industry FROM subjects) TO '{path}' (FORMAT parquet)"""
READ = """CREATE OR REPLACE TABLE subjects AS SELECT subject, (amount_12m * 100)::BIGINT amount, orders_12m orders,
    recency_days recency, industry, 45000000::BIGINT mean_amount, 45000::BIGINT mean_orders FROM '{path}'"""
DECIDE = """CREATE OR REPLACE TABLE answers AS SELECT subject, amount, industry, b.tier b, a.tier a, x.tier x, y.tier y
    FROM subjects POSITIONAL JOIN ({b}) b POSITIONAL JOIN ({a}) a POSITIONAL JOIN ({x}) x POSITIONAL JOIN ({y}) y"""
MATRIX = "SELECT b, a, count(*) FROM answers GROUP BY 1, 2 ORDER BY 1, 2"
SUMMARY = (
    "SELECT industry, count(*), count(*) FILTER (WHERE a <> b) FROM answers GROUP BY 1 ORDER BY 1",
    "SELECT subject, amount, b, a FROM answers WHERE a <> b ORDER BY amount DESC LIMIT 20",
)
JUDGE = """SELECT count(*) = count(DISTINCT subject),
    count(*) FILTER (WHERE NOT regexp_full_match(coalesce(subject, ''), '[!-.0-~]{1,200}')
        OR amount < 0 OR orders < 0 OR recency < 0
        OR industry NOT IN ('it', 'manufacturing', 'retail', 'internet', 'finance', 'services', 'other'))
    FROM subjects"""
"""Whether no subject has several rows, and how many rows have a value that is none."""
CHARGES = "SELECT x = a, y = a, count(*) FROM answers WHERE a <> b GROUP BY 1, 2"
"""Who moves has the new tier already with the first cell alone, and with the second alone."""


Taken = tuple[float, float]
"""Seconds of the clock, and of the processor."""
Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class SimulationFigures:
    """The seconds of each round, and of the processor, ours and by hand."""

    rows: int
    moved: int
    ours: tuple[Taken, ...]
    by_hand: tuple[Taken, ...]
    judged: tuple[Taken, ...]
    """By hand, with rows judged."""

    def ratio(self, kind: int, *, judged: bool = False) -> float:
        """How many times the seconds by hand ours takes, of the clock (0) or the processor (1); the rounds' median."""
        others = self.judged if judged else self.by_hand
        return statistics.median(our[kind] / hand[kind] for our, hand in zip(self.ours, others, strict=True))


@dataclass(frozen=True, slots=True)
class RecordedFigures:
    """The effect over decision records, one a subject."""

    records: int
    moved: int
    taken: Taken


def measure_simulation(sizes: tuple[int, ...], rounds: int) -> tuple[SimulationFigures, ...]:
    """Measure the effect at each size. Raises WrongAnswerError."""
    policy, candidate = _versions()
    with tempfile.TemporaryDirectory() as folder:
        return tuple(_measure(policy, candidate, rows, rounds, Path(folder)) for rows in sizes)


def _versions() -> tuple[Policy, Policy]:
    [policy] = [each for each in newest(load_folder(shipped_policies())) if each.id == POLICY]
    text = policy.text.replace(f"version: {policy.version}", "version: 9.0.0", 1).replace(CELLS[0], CHANGED[0], 1)
    return policy, load_bytes(text.encode())


def measure_recorded(records: int) -> RecordedFigures:
    """Measure the effect over so many decision records."""
    policy, candidate = _versions()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        database = Database(f"sqlite:///{folder}/service.db")
        stack.callback(database.close)
        upgrade(database)
        put_policy_in_force(database, SystemClock(), policy)
        chance, day = random.Random(17), datetime.date(2026, 10, 1)
        for first in range(1, records + 1, ROWS_AT_ONCE):
            seqs = range(first, min(first + ROWS_AT_ONCE, records + 1))
            rows = [record_row(policy, seq, f"C{seq:07}", day, {}, _facts(chance)) for seq in seqs]
            with database.engine.begin() as connection:
                connection.execute(insert(DecisionRow), rows)
        effects = RecordedEffects(database, lambda: FactCipher(open_or_create(folder)), ZoneInfo("UTC"))
        question = EffectQuestion((candidate,), (policy,), datetime.datetime(2026, 11, 21, tzinfo=datetime.UTC))
        effect, taken = _timed(lambda: effects(question))
        return RecordedFigures(records, effect.document["parts"][0]["moved"], taken)


def _facts(chance: random.Random) -> dict[str, object]:
    """Facts as those of the file are spread."""
    return {
        "amount_12m": f"{chance.randrange(10**6)}.{chance.randrange(100):02}",
        "orders_12m": chance.randrange(13),
        "recency_days": chance.randrange(401),
        "industry": chance.choice(("it", "retail", "finance")),
        "industry_mean_amount": "450000.00",
        "industry_mean_orders": "4.5",
    }


def _timed(work: Callable[[], Made]) -> tuple[Made, Taken]:
    started, processor = time.perf_counter(), time.process_time()
    made = work()
    return made, (time.perf_counter() - started, time.process_time() - processor)


def _measure(policy: Policy, candidate: Policy, rows: int, rounds: int, folder: Path) -> SimulationFigures:
    path = folder / f"{rows}.parquet"
    with duckdb.connect() as connection:
        connection.execute(TABLE.format(rows=rows))
        connection.execute(COPY.format(path=path))
    request = SimulationRequest(
        population=path,
        policies=[policy],
        candidates=[candidate],
        requested=None,
        as_of=datetime.date(2026, 11, 21),
        start=None,
        mapping=Mapping(constants={"industry_mean_amount": "450000", "industry_mean_orders": "4.5"}),
    )
    ours, by_hand, judged, moved = list[Taken](), list[Taken](), list[Taken](), 0
    for number in range(rounds + 1):
        sql_of.cache_clear()  # a change is simulated for the first time
        report, our_seconds = _timed(lambda: simulate(request, lambda *_: None))
        (matrix, charges), hand_seconds = _timed(lambda: _by_hand(path))
        _check(report, matrix, charges)
        _, judged_seconds = _timed(lambda: _by_hand(path, judges=True))
        moved = report["moved"]
        if number:  # the first warms up
            ours.append(our_seconds)
            by_hand.append(hand_seconds)
            judged.append(judged_seconds)
    return SimulationFigures(rows, moved, tuple(ours), tuple(by_hand), tuple(judged))


def _by_hand(path: Path, *, judges: bool = False) -> tuple[Counter[tuple[str, str]], Counter[tuple[bool, bool]]]:
    """The matrix, and how many of those who move do so by which cell."""
    first = BY_HAND.replace(CELLS[1], CHANGED[1], 1)
    versions = {"b": BY_HAND, "x": first, "y": BY_HAND.replace(CELLS[2], CHANGED[2], 1)}
    versions["a"] = first.replace(CELLS[2], CHANGED[2], 1)
    with duckdb.connect() as connection:
        connection.execute(READ.format(path=path))
        if judges and connection.execute(JUDGE).fetchall() != [(True, 0)]:
            raise WrongAnswerError("the rows of the file are not those that were written")
        queries = {name: sql.format(**NAMES) for name, sql in versions.items()}
        connection.execute(DECIDE.format(**queries))
        for query in SUMMARY:
            connection.execute(query).fetchall()
        matrix = Counter({(one, other): count for one, other, count in connection.execute(MATRIX).fetchall()})
        charges = Counter({(one, other): count for one, other, count in connection.execute(CHARGES).fetchall()})
    return matrix, charges


def _check(report: dict[str, Any], matrix: Counter[tuple[str, str]], charges: Counter[tuple[bool, bool]]) -> None:
    [figures] = report["policies"]
    ours = Counter({(row["from"], row["to"]): row["subjects"] for row in figures["matrix"]})
    alone = sorted(row["subjects"] for row in figures["attribution"] if row["with"] is None)
    by_hand = sorted(count for (one, other), count in charges.items() if one is not other)
    if ours != matrix or alone != by_hand:
        raise WrongAnswerError("the effect is not the one that is written by hand")
