"""Answers pairs by the columnar compiler: all of one policy in one query of DuckDB."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import duckdb
import pyarrow as pa

from policy_service.compilers.columnar import door
from policy_service.compilers.columnar.layout import AnswerColumns, column_type, to_cell
from policy_service.compilers.columnar.query import add_answers, fact_bounds
from policy_service.compilers.columnar.widths import Bounds
from policy_service.language.lower import lower
from policy_service.language.outcome import Result
from policy_service.language.policy import AS_OF, Policy
from policy_service.language.types import DateType
from tests.conformance.facts import Pair

NO_MORE: Mapping[str, str] = MappingProxyType({})
NO_BOUNDS: Bounds = MappingProxyType({})
ARROW = {"int64": pa.int64(), "string": pa.string()}


def columns_of(policy: Policy) -> dict[str, str]:
    """The column of each fact."""
    return {name: f"f{index}" for index, name in enumerate((*policy.facts, AS_OF))}


def table_of(policy: Policy, pairs: Sequence[Pair]) -> pa.Table:
    """The pairs as a table."""
    kinds = {**{name: fact.type for name, fact in policy.facts.items()}, AS_OF: DateType()}
    cells = {
        name: [day.toordinal() if name == AS_OF else to_cell(kind, facts.get(name)) for facts, day in pairs]
        for name, kind in kinds.items()
    }
    names = columns_of(policy)
    return pa.table({names[name]: pa.array(cells[name], ARROW[column_type(kind)]) for name, kind in kinds.items()})


def sql_of(
    policy: Policy,
    dialect: door.Dialect = door.DUCKDB,
    more: Mapping[str, str] = NO_MORE,
    bounds: Bounds = NO_BOUNDS,
) -> str:
    """The query over the table `subjects`, which has `more` columns, by their types. Raises NotColumnar."""
    kinds = {**{name: fact.type for name, fact in policy.facts.items()}, AS_OF: DateType()}
    names = columns_of(policy)
    table = door.table_of("subjects", {**{names[name]: column_type(kind) for name, kind in kinds.items()}, **more})
    known = {**fact_bounds(policy), **bounds}
    answers = add_answers(table, policy, lower(policy), columns=names, bounds=known, prefix="a_", dialect=dialect)
    return dialect.sql(answers)


def answers(connection: duckdb.DuckDBPyConnection, policy: Policy, pairs: Sequence[Pair]) -> list[Result]:
    """What the policy decides about each pair, in order. Raises NotColumnar."""
    sql = sql_of(policy)
    connection.register("subjects", table_of(policy, pairs))
    columns = AnswerColumns(policy, "a_")
    rows = connection.sql(sql).to_arrow_table().to_pylist()
    names = columns_of(policy)
    required = [(name, names[name]) for name, fact in policy.facts.items() if not fact.optional]
    return [columns.read(row, tuple(name for name, column in required if row[column] is None)) for row in rows]
