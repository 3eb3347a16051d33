"""The only module that uses Ibis: whole numbers, words and conditions of a query, exact on each database.

| database   | divides whole numbers, towards zero                       | a number too wide for its type  |
|------------|-----------------------------------------------------------|---------------------------------|
| DuckDB     | `divide` of 64 bits; of 128 bits by the macro of `SETUP`  | raises                          |
| Spark      | `div`, whose result has 64 bits                           | raises in ANSI mode             |
| PostgreSQL | `div` of numeric                                          | bigint raises, numeric grows    |

Ibis's own `/`, `//` and `%` are not used: they go through a double. A literal is cast, or DuckDB and PostgreSQL would
compute with 32 bits.
"""

from __future__ import annotations

import datetime
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import ibis
import ibis.backends.sql.compilers as sql_compilers
from ibis.expr.types import Table as Table  # noqa: PLC0414  # for those who may not import it
from ibis.expr.types import Value as Value  # noqa: PLC0414
from sqlglot import expressions as sqlglot_expressions

from policy_service.language.ast import Comparator

NARROW_TYPE, WIDE_TYPE = "int64", "decimal(38, 0)"
SETUP: Final = (
    "CREATE OR REPLACE TEMP MACRO policy_quotient(a, b) AS "
    "CAST(divide(CAST(a AS HUGEINT), CAST(b AS HUGEINT)) AS DECIMAL(38, 0))"
)
"""SQL that a DuckDB connection runs before a query."""
COMPARE: Mapping[Comparator, Callable[[Value, Value | int], Value]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_INT32 = 2**31 - 1


def _builtin(name: str, kind: str) -> Callable[..., Value]:
    def quotient(numerator: object, denominator: object) -> None: ...

    return ibis.udf.scalar.builtin(name=name, signature=((kind, kind), kind))(quotient)


@dataclass(frozen=True, slots=True)
class Dialect:
    """A database's SQL."""

    name: str
    """Ibis's name of the database."""
    divide: Callable[..., Value]
    divide_wide: Callable[..., Value]
    wide_quotients: bool
    """True if a quotient may be wider than 64 bits."""
    merges_subqueries: bool = False
    """True if the planner inlines a subquery's columns at every use: exponential in their depth."""

    def sql(self, query: Table) -> str:
        """Return the query's text."""
        node = query.unbind().op()  # type: ignore[attr-defined]  # Ibis types it elsewhere
        return sql_of(self.name, node, merges_subqueries=self.merges_subqueries)


@lru_cache(maxsize=16)
def sql_of(name: str, query: Any, *, merges_subqueries: bool) -> str:  # noqa: ANN401  # Ibis's, a node of its tree
    """Return the text of a query; equal queries have equal texts, so that simulations are reproducible."""
    compiler = getattr(sql_compilers, name).compiler
    # DuckDB merges selects itself, in a tenth of the time
    ibis.options.sql.fuse_selects = name != "duckdb"  # type: ignore[attr-defined]  # as above
    tree = compiler.to_sqlglot(query.to_expr())
    if merges_subqueries:
        for subquery in tree.find_all(sqlglot_expressions.Subquery):
            subquery.this.offset(0, copy=False)  # a subquery with an offset is not inlined
    for joined in list(tree.find_all(sqlglot_expressions.DPipe)):
        if isinstance(joined.expression, sqlglot_expressions.DPipe):  # without brackets it becomes a chain again
            joined.set("expression", sqlglot_expressions.Paren(this=joined.expression))
    return str(tree.sql(dialect=compiler.dialect))


DUCKDB = Dialect("duckdb", _builtin("divide", NARROW_TYPE), _builtin("policy_quotient", WIDE_TYPE), True)  # noqa: FBT003
POSTGRESQL = Dialect(
    "postgres", _builtin("div", NARROW_TYPE), _builtin("div", WIDE_TYPE), wide_quotients=True, merges_subqueries=True
)
SPARK = Dialect("pyspark", _builtin("div", NARROW_TYPE), _builtin("div", WIDE_TYPE), False)  # noqa: FBT003


def table_of(name: str, columns: Mapping[str, str]) -> Table:
    """Return an existing table, given its columns and their types."""
    return ibis.table(columns, name=name)


def whole(value: int, *, wide: bool = False) -> Value:
    """Return a whole number."""
    if wide:
        return ibis.literal(value, WIDE_TYPE)
    if abs(value) <= _INT32:
        return ibis.literal(value, "int32").cast(NARROW_TYPE)
    return ibis.literal(value, NARROW_TYPE)


def text(value: str) -> Value:
    """Return a text."""
    return ibis.literal(value, "string")


def truth(value: bool) -> Value:  # noqa: FBT001
    """Return a constant condition."""
    return ibis.literal(value, "boolean")


def cases(branches: Sequence[tuple[Value, Value]], otherwise: Value | None = None) -> Value:
    """Return the value of the first branch that is true, else `otherwise`; without it, null."""
    return ibis.cases(*branches, else_=otherwise)


def nothing(kind: str) -> Value:
    """Return null."""
    return ibis.null(kind)


def extreme(choose: str, values: Sequence[Value]) -> Value:
    """Return the least or greatest of several values."""
    if len(values) == 1:  # Spark requires two
        return values[0]
    return (ibis.least if choose == "min" else ibis.greatest)(*values)


def day_of(ordinal: Value) -> Value:
    """Return the date with this ordinal."""
    return _FIRST + (ordinal - 1).cast("int32").as_interval("D")


def months_later(ordinal: Value, months: int) -> Value:
    """Return the ordinal of the day some months later; a day that the month lacks becomes its last."""
    shifted = day_of(ordinal) + whole(months).cast("int32").as_interval("M")
    return shifted.delta(_FIRST, unit="day").cast(NARROW_TYPE) + 1


def date_part(part: str, ordinal: Value) -> Value:
    """Return `year`, `month` or `day` of the day with this ordinal."""
    day = day_of(ordinal)
    return {"year": day.year, "month": day.month, "day": day.day}[part]().cast(NARROW_TYPE)


_FIRST = ibis.literal(datetime.date(1, 1, 1))


def balanced(join: Callable[[Value, Value], Value], parts: Sequence[Value]) -> Value:
    """Return all parts joined as a tree of minimum depth: a chain of 1,500 would overflow a parser's stack."""
    if len(parts) == 1:
        return parts[0]
    middle = len(parts) // 2
    return join(balanced(join, parts[:middle]), balanced(join, parts[middle:]))


def balanced_sum(parts: Sequence[Value]) -> Value:
    """Return the sum of numbers, or the concatenation of texts."""
    return balanced(operator.add, parts)


def any_of(conditions: Sequence[Value]) -> Value:
    """Return the condition that one of the conditions is true."""
    return balanced(operator.or_, conditions)
