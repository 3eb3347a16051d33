"""Queries answer as the definition does on PostgreSQL and on Spark, too: the written cases, and every edge."""

from __future__ import annotations

import datetime
import random
from collections.abc import Iterator, Sequence
from typing import Any

import psycopg
import pytest
from sqlalchemy.engine import make_url

from policy_service.compilers.columnar import door
from policy_service.compilers.columnar.layout import AnswerColumns, NotColumnar
from policy_service.compilers.columnar.widths import Interval
from policy_service.compilers.python_source import compile_python
from policy_service.language.outcome import Result
from policy_service.language.policy import Policy
from policy_service.population.engines import QueryEngine, open_engine
from policy_service.population.errors import RunFailed
from tests.absence import SPARK, has_spark
from tests.compilers.columnar.test_query import policy_of, sql
from tests.conformance.columnar import ARROW, columns_of, sql_of, table_of
from tests.conformance.comparison import same
from tests.conformance.facts import Pair
from tests.conformance.test_columnar import SHIPPED, TOO_WIDE, edges
from tests.conformance.test_written_cases import ANY_DAY, POLICIES, expected, facts_of
from tests.databases import empty_url
from tests.effort import effort, sample

CASES = sorted(POLICIES.keys() - TOO_WIDE)
TOO_WIDE_FOR_SPARK = {"tiering/sales_share"}
"""Shipped policies that divide into more than 64 bits, by the declared bounds of their facts."""
EVERY = 6
"""Of the cases that Spark answers in a quick run, one in so many: it takes a second for each."""


def read(policy: Policy, rows: Sequence[dict[str, Any]]) -> list[Result]:
    """The answers that rows tell."""
    columns, names = AnswerColumns(policy, "a_"), columns_of(policy)
    required = [(name, names[name]) for name, fact in policy.facts.items() if not fact.optional]
    return [columns.read(row, tuple(name for name, column in required if row[column] is None)) for row in rows]


def pairs_of(policy: Policy) -> list[Pair]:
    return [(facts_of(each), datetime.date.fromisoformat(each.as_of or ANY_DAY)) for each in policy.examples]


def wrong_answers(policy: Policy, found: Sequence[Result]) -> list[str]:
    return [
        f"{example.name}: expected {wanted}, found {answer}"
        for example, answer in zip(policy.examples, found, strict=True)
        if not same(answer, wanted := expected(policy, example))
    ]


@pytest.fixture(scope="module")
def postgresql() -> Iterator[psycopg.Connection[Any]]:
    with empty_url("postgresql") as url:
        address = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(address, autocommit=True) as connection:
            yield connection


def on_postgresql(
    server: psycopg.Connection[Any], policy: Policy, pairs: Sequence[Pair], query: str | None = None
) -> list[Result]:
    """What PostgreSQL answers about each pair, in order."""
    numbered = table_of(policy, pairs).append_column("row", [list(range(len(pairs)))])
    kinds = {ARROW["int64"]: "bigint", ARROW["string"]: "text"}
    with server.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS subjects")
        columns = ", ".join(f'"{field.name}" {kinds[field.type]}' for field in numbered.schema)
        cursor.execute(f"CREATE TEMP TABLE subjects ({columns})".encode())
        with cursor.copy("COPY subjects FROM STDIN") as copy:
            for row in numbered.to_pylist():
                copy.write_row(tuple(row.values()))
        cursor.execute((query or sql_of(policy, door.POSTGRESQL, more={"row": "int64"})).encode())
        names = [column.name for column in cursor.description or ()]
        found = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    return read(policy, sorted(found, key=lambda row: row["row"]))


def on_spark(engine: QueryEngine, policy: Policy, pairs: Sequence[Pair]) -> list[Result]:
    """What Spark answers about each pair, in order."""
    numbered = table_of(policy, pairs).append_column("row", [list(range(len(pairs)))])
    sql = sql_of(policy, door.SPARK, more={"row": "int64"}).replace("`subjects`", "`part`")
    return read(policy, engine.query(sql, numbered).to_pylist())


def wrong_at_edges(policy: Policy, pairs: Sequence[Pair], found: Sequence[Result]) -> list[Pair]:
    evaluator = compile_python(policy)
    return [pair for pair, answer in zip(pairs, found, strict=True) if not same(answer, evaluator.evaluate(*pair))]


def edges_of(policy: Policy) -> Sequence[Pair]:
    return edges(random.Random(policy.id), policy, effort(100, 20_000))


@pytest.mark.parametrize("name", CASES)
def test_postgresql_answers_the_written_cases(name: str, postgresql: psycopg.Connection[Any]) -> None:
    policy = POLICIES[name]
    assert not wrong_answers(policy, on_postgresql(postgresql, policy, pairs_of(policy)))


@pytest.mark.parametrize("name", sample(SHIPPED, EVERY))
def test_postgresql_is_exact_at_every_edge(name: str, postgresql: psycopg.Connection[Any]) -> None:
    policy, pairs = SHIPPED[name], edges_of(SHIPPED[name])
    assert not wrong_at_edges(policy, pairs, on_postgresql(postgresql, policy, pairs))


@pytest.fixture(scope="module")
def spark() -> Iterator[QueryEngine]:
    if not has_spark():
        pytest.skip(SPARK)
    with open_engine("spark") as engine:
        yield engine


@pytest.mark.parametrize("name", sample(CASES, EVERY))
def test_spark_answers_the_written_cases(name: str, spark: QueryEngine) -> None:
    policy = POLICIES[name]
    assert not wrong_answers(policy, on_spark(spark, policy, pairs_of(policy)))


@pytest.mark.parametrize("name", sample(SHIPPED, 4 * EVERY))
def test_spark_is_exact_at_every_edge(name: str, spark: QueryEngine) -> None:
    policy, pairs = SHIPPED[name], edges_of(SHIPPED[name])
    if name in TOO_WIDE_FOR_SPARK:
        with pytest.raises(NotColumnar, match="more than 64 bits, which pyspark lacks"):
            on_spark(spark, policy, pairs)
        return
    assert not wrong_at_edges(policy, pairs, on_spark(spark, policy, pairs))


FAR: list[Pair] = [({"amount": 2**53, "count": 2**53, "name": ""}, datetime.date(2026, 11, 21))]
"""A subject beyond the bounds that a width was proved with."""
TOO_SMALL = {"amount": Interval(0, 10), "count": Interval(1, 10)}


def test_postgresql_raises_when_a_number_overflows(postgresql: psycopg.Connection[Any]) -> None:
    policy = policy_of(when="amount * count > 1000")
    with pytest.raises(psycopg.errors.NumericValueOutOfRange, match="bigint out of range"):
        on_postgresql(postgresql, policy, FAR, sql(policy, TOO_SMALL, door.POSTGRESQL))


def test_spark_raises_when_a_number_overflows(spark: QueryEngine) -> None:
    policy = policy_of(when="amount * count > 1000")
    query = sql(policy, TOO_SMALL, door.SPARK).replace("`subjects`", "`part`")
    with pytest.raises(RunFailed, match="ARITHMETIC_OVERFLOW"):
        spark.query(query, table_of(policy, FAR).append_column("row", [[0]]))
