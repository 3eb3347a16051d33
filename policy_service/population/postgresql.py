"""PostgreSQL as an engine: parses facts and evaluates policies inside the database with the table.

| fact           | column                                   | refused in a row                                     |
|----------------|------------------------------------------|------------------------------------------------------|
| numbers, money | `smallint` to `bigint`, `numeric`        | more decimals than it has, out of its bounds, NaN    |
| boolean        | `boolean`                                | nothing                                              |
| date           | `date`                                   | out of its bounds, infinity                          |
| choice         | `text`, `varchar`                        | another word                                         |
| text           | `text`, `varchar`                        | more than 1,000 characters                           |
| tags           | `text[]`, `varchar[]`; `text` with `;`   | another word, null among the words                   |

A column of another type is rejected by name. For a row, the rejected facts are named, but their values do not leave the
database.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from policy_service.compilers.columnar import door
from policy_service.compilers.columnar.layout import TAG_SEPARATOR, column_type
from policy_service.language.types import (
    MAX_TAGS,
    MAX_TEXT,
    BooleanType,
    ChoiceType,
    DateType,
    DurationType,
    NumberType,
    TagsType,
    TextType,
    Type,
    describe_type,
)
from policy_service.population.cells import TAG_DELIMITER
from policy_service.population.engines import PART
from policy_service.population.errors import PopulationRejected, RunFailed
from policy_service.population.mapping import Mapping
from policy_service.population.plan import FactColumn, Plan
from policy_service.population.population import ROW, SUBJECT, column_judges
from policy_service.population.source import PART_ROWS
from policy_service.population.stages import AS_OF_COLUMN

if TYPE_CHECKING:
    import psycopg

PROBLEM = "problem"
"""The column of a parsed row with its rejected facts; empty if there are none."""
_WHOLE, _TEXTS = {"int2", "int4", "int8"}, {"text", "varchar"}
_SUBJECTS = _WHOLE | _TEXTS | {"uuid"}
_COLUMN_TYPES: Final = {"int64": "bigint", "string": "text"}
_SETTINGS = (
    "SET LOCAL standard_conforming_strings = on",
    "SET LOCAL TimeZone = 'UTC'",
    "SET LOCAL cursor_tuple_fraction = 1",  # every row is fetched
)


@contextmanager
def open_snapshot(address: str, table: str) -> Iterator[psycopg.Connection[Any]]:
    """Connect to a database for reading, in one snapshot. Raises PopulationRejected for errors of PostgreSQL."""
    try:
        import psycopg  # noqa: PLC0415  # an extra
    except ImportError:
        raise PopulationRejected(["PostgreSQL is not installed: `pip install 'policy-service[postgres]'`"]) from None
    try:
        with psycopg.connect(address) as connection:
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            connection.read_only = True
            for setting in _SETTINGS:
                connection.execute(setting.encode())
            yield connection
    except psycopg.Error as error:
        raise PopulationRejected([f"{table}: PostgreSQL: {str(error).splitlines()[0]}"]) from None


def describe_table(connection: psycopg.Connection[Any], table: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the names and the types of a table's columns."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {quoted_table(table)} LIMIT 0".encode())  # noqa: S608  # quoted
        described = cursor.description or []
        return tuple(column.name for column in described), tuple(column.type_display for column in described)


def quoted(name: str) -> str:
    """Return a name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def quoted_table(table: str) -> str:
    """Return the name of a table, optionally with its schema, as an SQL identifier."""
    return ".".join(map(quoted, table.split(".")))


def literal(text: str) -> str:
    """Return a text as an SQL literal, for standard_conforming_strings."""
    return "'" + text.replace("'", "''") + "'"


class PostgreSQL:
    """Runs queries on a table sent along; `run_in_place` uses an existing table."""

    dialect = door.POSTGRESQL

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        self.version = f"PostgreSQL {connection.info.server_version // 10_000}"

    def query(self, sql: str, part: pa.Table) -> pa.Table:
        """Run a query on `part`, in the order of its rows. Raises RunFailed."""
        kinds = ", ".join(
            f"{quoted(field.name)} {'text' if pa.types.is_string(field.type) else 'bigint'}" for field in part.schema
        )
        rows = literal(json.dumps(part.to_pylist()))
        sent = f"SELECT * FROM jsonb_to_recordset({rows}::jsonb) AS sent ({kinds})"  # noqa: S608  # a literal
        statement = f'WITH {PART} AS ({sent}) SELECT * FROM ({sql}) AS answers ORDER BY "{ROW}"'  # noqa: S608  # ours
        with computing(), self._connection.transaction(), self._connection.cursor() as cursor:
            cursor.execute(statement.encode())
            return to_table(cursor, cursor.fetchall())


@contextmanager
def computing() -> Iterator[None]:
    """Raise RunFailed if the database cannot compute an answer, e.g. if a number overflows."""
    import psycopg  # noqa: PLC0415  # an extra

    try:
        yield
    except psycopg.DataError as error:
        raise RunFailed(f"PostgreSQL: {str(error).splitlines()[0]}") from None


def to_table(cursor: psycopg.Cursor[Any] | psycopg.ServerCursor[Any], rows: Sequence[Sequence[Any]]) -> pa.Table:
    """Return the rows of an answer as columns."""
    names = [column.name for column in cursor.description or ()]
    columns = zip(*rows, strict=True) if rows else ((),) * len(names)
    return pa.table(dict(zip(names, map(list, columns), strict=True)))


@dataclass(frozen=True, slots=True)
class JudgedColumn:
    """A fact in SQL: its stored form, and the condition that it is valid; null if it is missing."""

    value: str
    fits: str


def judged_rows(plan: Plan, mapping: Mapping, table: str, types: Sequence[str], as_of: int) -> str:
    """Return the query of a table's rows in the form of a part: number, subject, stored facts, and PROBLEM.

    Raises PopulationRejected with every column that cannot be parsed in the database.
    """
    _, constants = column_judges(plan, mapping)
    problems, values, refusals = [], [], []
    subject, kind = mapping.subject, _base(types[plan.subject])
    if kind not in _SUBJECTS:
        problems.append(f"`{subject}` is {kind}: name subjects by texts or whole numbers")
    for column in plan.columns:
        if column.figures is not None:
            problems.append(
                f"`{column.name}` is filled by a benchmark set, which is not carried: give its figures as policies"
            )
            continue
        judged = _judged(column, mapping, types, constants.get(column.column))
        if judged is None:
            heading = mapping.columns.get(column.name, column.name)
            problems.append(
                f"`{heading}` is {types[column.position or 0]}, which does not hold {describe_type(column.type)}"
            )
            continue
        cast = _COLUMN_TYPES[column_type(column.type)]
        values.append(f"CASE WHEN {judged.fits} THEN ({judged.value})::{cast} END AS {column.column}")
        reason = literal(f"{column.name}: expected {describe_type(column.type)}")
        refusals.append(f"CASE WHEN NOT ({judged.fits}) THEN {reason} END")
    if problems:
        raise PopulationRejected([f"{table}: {problem}" for problem in problems])
    named = f'{quoted(subject)}::text COLLATE "C"'
    columns = [
        f'row_number() OVER (ORDER BY {named}) AS "{ROW}"',
        f"{named} AS {SUBJECT}",
        f"{as_of}::bigint AS {AS_OF_COLUMN}",
        *values,
        f"concat_ws('; ', {', '.join(refusals) or 'NULL'}) AS {PROBLEM}",
    ]
    return f"SELECT {', '.join(columns)} FROM {quoted_table(table)}"  # noqa: S608  # quoted


def _base(kind: str) -> str:
    """Return a type's name without its length and precision."""
    return re.sub(r"\(.*?\)", "", kind)


def _judged(
    column: FactColumn, mapping: Mapping, types: Sequence[str], constant: int | str | None
) -> JudgedColumn | None:
    """Return how a fact is parsed from its column; None if the column's type can never represent it."""
    if column.position is None:
        value = "NULL" if constant is None else literal(constant) if isinstance(constant, str) else str(constant)
        return JudgedColumn(value, "true")
    kind, name = _base(types[column.position]), quoted(mapping.columns.get(column.name, column.name))
    if kind in _TEXTS:
        missing = ", ".join(map(literal, dict.fromkeys(("", *mapping.missing))))
        words = "".join(
            f" WHEN {literal(cell)} THEN {literal(word)}" for cell, word in mapping.words.get(column.name, {}).items()
        )
        plain = f'({name} COLLATE "C")'
        said = f"CASE {plain}{words} ELSE {plain} END" if words else plain
        name = f"(CASE WHEN {plain} NOT IN ({missing}) THEN {said} END)"
    return _JUDGES[type(column.type)](column.type, kind, name)


def _number(fact: Type, kind: str, name: str) -> JudgedColumn | None:
    if not isinstance(fact, NumberType) or kind not in {*_WHOLE, "numeric"}:
        return None
    scaled = f"{name}::numeric * {10**fact.scale}" if fact.scale or kind == "numeric" else name
    within = f"{scaled} BETWEEN {fact.low} AND {fact.high}"
    return JudgedColumn(scaled, f"({within}) AND {scaled} = trunc({scaled})" if kind == "numeric" else within)


def _date(fact: Type, kind: str, name: str) -> JudgedColumn | None:
    if not isinstance(fact, DateType) or kind != "date":
        return None
    day = f"{name} - DATE '0001-01-01' + 1"
    return JudgedColumn(
        day, f"CASE WHEN isfinite({name}) THEN {day} BETWEEN {fact.low} AND {fact.high} ELSE {name} IS NULL END"
    )


def _boolean(_fact: Type, kind: str, name: str) -> JudgedColumn | None:
    return JudgedColumn(f"{name}::int", "true") if kind == "bool" else None


def _text(fact: Type, kind: str, name: str) -> JudgedColumn | None:
    if kind not in _TEXTS:
        return None
    if isinstance(fact, ChoiceType):
        return JudgedColumn(name, f"{name} IN ({', '.join(map(literal, fact.of))})")
    return JudgedColumn(name, f"char_length({name}) <= {MAX_TEXT}")


def _tags(fact: Type, kind: str, name: str) -> JudgedColumn | None:
    if not isinstance(fact, TagsType) or kind not in {*_TEXTS, *(f"{each}[]" for each in _TEXTS)}:
        return None
    words = f"string_to_array({name}, '{TAG_DELIMITER}')" if kind in _TEXTS else f"{name}::text[]"
    known = f"ARRAY[{', '.join(map(literal, fact.of))}]::text[]"
    separator = literal(TAG_SEPARATOR)
    parts = [f"CASE WHEN {literal(word)} = ANY({words}) THEN {literal(word + TAG_SEPARATOR)} END" for word in fact.of]
    return JudgedColumn(
        f"CASE WHEN {words} IS NOT NULL THEN concat({separator}, {', '.join(parts)}) END",
        f"{words} <@ {known} AND cardinality({words}) <= {MAX_TAGS} AND coalesce(array_ndims({words}), 1) = 1",
    )


def _never(_fact: Type, _kind: str, _name: str) -> None:
    return None


_JUDGES = {
    BooleanType: _boolean,
    NumberType: _number,
    DateType: _date,
    DurationType: _never,
    ChoiceType: _text,
    TextType: _text,
    TagsType: _tags,
}


def run_sql(connection: psycopg.Connection[Any], sql: str) -> Iterator[pa.Table]:
    """Yield the rows of a query, some at a time. Raises RunFailed if the database cannot compute one."""
    with computing(), connection.cursor(name="answers") as cursor:
        cursor.execute(sql.encode())
        while rows := cursor.fetchmany(PART_ROWS):
            yield to_table(cursor, rows)
