"""Queries answer as the definition does on PostgreSQL and on Spark, too: the written cases, and every edge."""

from __future__ import annotations

import datetime
import random
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
import pytest
from sqlalchemy.engine import make_url

from policy_service.compilers.columnar.layout import AnswerColumns, NotColumnar
from policy_service.compilers.columnar.widths import Interval
from policy_service.compilers.python_source import compile_python
from policy_service.language.outcome import Result
from policy_service.language.policy import Policy
from policy_service.population.engines import PART, QueryEngine, open_engine
from policy_service.population.errors import RunFailed
from policy_service.population.postgresql import PostgreSQL, open_snapshot
from tests.absence import SPARK, has_spark
from tests.compilers.columnar.test_query import policy_of
from tests.conformance.columnar import columns_of, sql_of, table_of
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
def postgresql() -> Iterator[QueryEngine]:
    with empty_url("postgresql") as url:
        address = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        with open_snapshot(address, "part") as connection:
            yield PostgreSQL(connection)


def on_engine(engine: QueryEngine, policy: Policy, pairs: Sequence[Pair]) -> list[Result]:
    """What an engine answers about each pair, in order."""
    query = about_part(sql_of(policy, engine.dialect, more={"row": "int64"}))
    return read(policy, engine.query(query, numbered(policy, pairs)).to_pylist())


def numbered(policy: Policy, pairs: Sequence[Pair]) -> pa.Table:
    return table_of(policy, pairs).append_column("row", [list(range(len(pairs)))])


def about_part(query: str) -> str:
    """The query, about the table that an engine is given."""
    return query.replace('"subjects"', f'"{PART}"').replace("`subjects`", f"`{PART}`")


def wrong_at_edges(policy: Policy, pairs: Sequence[Pair], found: Sequence[Result]) -> list[Pair]:
    evaluator = compile_python(policy)
    return [pair for pair, answer in zip(pairs, found, strict=True) if not same(answer, evaluator.evaluate(*pair))]


def edges_of(policy: Policy) -> Sequence[Pair]:
    return edges(random.Random(policy.id), policy, effort(100, 20_000))


@pytest.mark.parametrize("name", CASES)
def test_postgresql_answers_the_written_cases(name: str, postgresql: QueryEngine) -> None:
    policy = POLICIES[name]
    assert not wrong_answers(policy, on_engine(postgresql, policy, pairs_of(policy)))


@pytest.mark.parametrize("name", sample(SHIPPED, EVERY))
def test_postgresql_is_exact_at_every_edge(name: str, postgresql: QueryEngine) -> None:
    policy, pairs = SHIPPED[name], edges_of(SHIPPED[name])
    assert not wrong_at_edges(policy, pairs, on_engine(postgresql, policy, pairs))


@pytest.fixture(scope="module")
def spark() -> Iterator[QueryEngine]:
    if not has_spark():
        pytest.skip(SPARK)
    with open_engine("spark") as engine:
        yield engine


@pytest.mark.parametrize("name", sample(CASES, EVERY))
def test_spark_answers_the_written_cases(name: str, spark: QueryEngine) -> None:
    policy = POLICIES[name]
    assert not wrong_answers(policy, on_engine(spark, policy, pairs_of(policy)))


@pytest.mark.parametrize("name", sample(SHIPPED, 4 * EVERY))
def test_spark_is_exact_at_every_edge(name: str, spark: QueryEngine) -> None:
    policy, pairs = SHIPPED[name], edges_of(SHIPPED[name])
    if name in TOO_WIDE_FOR_SPARK:
        with pytest.raises(NotColumnar, match="more than 64 bits, which pyspark lacks"):
            on_engine(spark, policy, pairs)
        return
    assert not wrong_at_edges(policy, pairs, on_engine(spark, policy, pairs))


FAR: list[Pair] = [({"amount": 2**53, "count": 2**53, "name": ""}, datetime.date(2026, 11, 21))]
"""A subject beyond the bounds that a width was proved with."""
TOO_SMALL = {"amount": Interval(0, 10), "count": Interval(1, 10)}


@pytest.mark.parametrize(
    ("engine", "problem"), [("postgresql", "bigint out of range"), ("spark", "ARITHMETIC_OVERFLOW")]
)
def test_a_number_that_overflows_raises(engine: str, problem: str, request: pytest.FixtureRequest) -> None:
    opened: QueryEngine = request.getfixturevalue(engine)
    policy = policy_of(when="amount * count > 1000")
    query = sql_of(policy, opened.dialect, more={"row": "int64"}, bounds=TOO_SMALL)
    with pytest.raises(RunFailed, match=problem):
        opened.query(about_part(query), numbered(policy, FAR))
