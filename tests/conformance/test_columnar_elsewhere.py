"""Queries answer the written cases as the definition does on PostgreSQL and on Spark, too."""

from __future__ import annotations

import datetime
import shutil
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from typing import Any

import psycopg
import pytest
from sqlalchemy.engine import make_url

from policy_service.compilers.columnar import door
from policy_service.compilers.columnar.layout import AnswerColumns
from policy_service.language.outcome import Result
from policy_service.language.policy import Policy
from policy_service.population.engines import QueryEngine, open_engine
from tests.conformance.columnar import ARROW, columns_of, sql_of, table_of
from tests.conformance.comparison import same
from tests.conformance.facts import Pair
from tests.conformance.test_columnar import TOO_WIDE
from tests.conformance.test_written_cases import ANY_DAY, POLICIES, expected, facts_of
from tests.databases import empty_url
from tests.effort import sample

CASES = sorted(POLICIES.keys() - TOO_WIDE)
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


@pytest.mark.parametrize("name", CASES)
def test_postgresql_answers_the_written_cases(name: str, postgresql: psycopg.Connection[Any]) -> None:
    policy = POLICIES[name]
    table = table_of(policy, pairs_of(policy))
    kinds = {ARROW["int64"]: "bigint", ARROW["string"]: "text"}
    with postgresql.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS subjects")
        columns = ", ".join(f"{field.name} {kinds[field.type]}" for field in table.schema)
        cursor.execute(f"CREATE TEMP TABLE subjects ({columns})")
        with cursor.copy("COPY subjects FROM STDIN") as copy:
            for row in table.to_pylist():
                copy.write_row(tuple(row.values()))
        cursor.execute(sql_of(policy, door.POSTGRESQL))
        names = [column.name for column in cursor.description or ()]
        found = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    assert not wrong_answers(policy, read(policy, found))


@pytest.fixture(scope="module")
def spark() -> Iterator[QueryEngine]:
    if find_spec("pyspark") is None or shutil.which("java") is None:
        pytest.skip("no Spark or no Java")
    with open_engine("spark") as engine:
        yield engine


@pytest.mark.parametrize("name", sample(CASES, EVERY))
def test_spark_answers_the_written_cases(name: str, spark: QueryEngine) -> None:
    policy = POLICIES[name]
    numbered = table_of(policy, pairs_of(policy))
    numbered = numbered.append_column("row", [list(range(numbered.num_rows))])
    sql = sql_of(policy, door.SPARK, more={"row": "int64"}).replace("`subjects`", "`part`")
    assert not wrong_answers(policy, read(policy, spark.query(sql, numbered).to_pylist()))
