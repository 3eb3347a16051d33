"""A fact that another policy decides is filled in the query, unless that policy does not decide."""

from __future__ import annotations

import datetime
from dataclasses import replace

import duckdb
import pyarrow as pa

from policy_service.compilers.columnar import door
from policy_service.compilers.columnar.chains import fill_fact
from policy_service.compilers.columnar.layout import AnswerColumns, Cell, to_cell
from policy_service.compilers.columnar.query import add_answers, fact_bounds
from policy_service.language.lower import lower
from policy_service.language.policy import Bilingual, Fact, Hit, Policy
from policy_service.language.types import ChoiceType, NumberType, TagsType, Type
from tests.compilers.columnar.test_query import policy_of
from tests.conformance.columnar import columns_of, table_of
from tests.conformance.facts import Facts
from tests.conformance.test_columnar import connection  # noqa: F401  # a fixture

MORE = """    - {id: other, when: count > 3, then: [B], because: {zh: 多, en: much}}
    - {id: again, when: count > 5, then: [A], because: {zh: 多, en: much}}
"""
WORDS = ChoiceType(("A", "B"))


def filled(
    opened: duckdb.DuckDBPyConnection, source: Policy, kind: Type, supplied: list[Cell]
) -> list[tuple[Cell, bool]]:
    """What a fact becomes for customers with 1 and with 6 orders, and for one about whom nothing is decided."""
    outcome = next(iter(source.outcomes))
    day = datetime.date(2026, 11, 21)
    facts: list[Facts] = [{"amount": 9, "count": 1, "name": ""}, {"amount": 9, "count": 6, "name": ""}, {}]
    pairs = [(each, day) for each in facts]
    cell_type = "int64" if isinstance(kind, NumberType) else "string"
    names = columns_of(source)
    table = door.table_of(
        "subjects", dict.fromkeys(names.values(), "int64") | {names["name"]: "string", "supplied": cell_type}
    )
    answered = add_answers(
        table,
        source,
        lower(source),
        columns=names,
        bounds=fact_bounds(source),
        prefix="a_",
        dialect=door.DUCKDB,
    )
    fact = Fact("fact", kind, Bilingual("", ""))
    query = fill_fact(answered, fact, "supplied", AnswerColumns(source, "a_"), outcome, "filled", "differs")
    cells = pa.array(supplied, {"int64": pa.int64(), "string": pa.string()}[cell_type])
    opened.register("subjects", table_of(source, pairs).append_column("supplied", cells))
    rows = opened.sql(door.DUCKDB.sql(query)).to_arrow_table().to_pylist()
    return [(row["filled"], row["differs"]) for row in rows]


def test_a_choice_is_taken_where_it_is_decided(connection: duckdb.DuckDBPyConnection) -> None:  # noqa: F811
    result = filled(connection, policy_of(), WORDS, [None, "B", "B"])
    assert result == [("A", False), ("A", True), ("B", False)]


def test_a_number_is_taken_as_it_is_kept(connection: duckdb.DuckDBPyConnection) -> None:  # noqa: F811
    policy = policy_of(outcome="n: {type: integer}", then='"min(amount * 2, 100)"')
    assert filled(connection, replace(policy), NumberType("integer"), [18, None, None]) == [
        (18, False),
        (18, False),
        (None, False),
    ]


def test_a_list_becomes_tags_with_each_word_once(connection: duckdb.DuckDBPyConnection) -> None:  # noqa: F811
    kind = TagsType(("B", "A", "C"))
    policy = replace(policy_of(more=MORE), hit=Hit.COLLECT)
    one, both = (to_cell(kind, frozenset(words)) for words in ("A", "AB"))
    assert filled(connection, policy, kind, [one, one, None]) == [(one, False), (both, True), (None, False)]


def test_a_subject_whose_facts_contradict_a_decision_is_not_evaluated(
    connection: duckdb.DuckDBPyConnection,  # noqa: F811
) -> None:
    policy = policy_of()
    names = columns_of(policy)
    columns = {**dict.fromkeys(names.values(), "int64"), names["name"]: "string", "differs": "boolean"}
    answered = add_answers(
        door.table_of("subjects", columns),
        policy,
        lower(policy),
        columns=names,
        bounds=fact_bounds(policy),
        prefix="a_",
        dialect=door.DUCKDB,
        refused="differs",
    )
    facts: Facts = {"amount": 9, "count": 1, "name": ""}
    pairs = [(facts, datetime.date(2026, 11, 21))] * 2
    connection.register("subjects", table_of(policy, pairs).append_column("differs", pa.array([True, False])))
    rows = connection.sql(door.DUCKDB.sql(answered)).to_arrow_table().to_pylist()
    assert [(row["a_status"], row["a_o0"]) for row in rows] == [("contradiction", None), ("decided", "A")]
