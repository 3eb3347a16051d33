"""Policies as queries: what a query reads like, how wide its numbers are, and which policies none can carry."""

from __future__ import annotations

import datetime
import re
from dataclasses import replace

import duckdb
import pytest

from policy_service.compilers.columnar import door, query
from policy_service.compilers.columnar.layout import LIST_SEPARATOR, AnswerColumns, NotColumnar
from policy_service.compilers.columnar.widths import Bounds, Interval
from policy_service.language.document import MAX_RULES
from policy_service.language.evaluate import evaluate
from policy_service.language.load import load_bytes
from policy_service.language.outcome import Conflict, Decided
from policy_service.language.policy import Hit, Policy
from policy_service.language.types import ChoiceType
from tests.conformance.columnar import NO_BOUNDS, answers, sql_of
from tests.conformance.facts import Pair
from tests.conformance.test_columnar import connection  # noqa: F401  # a fixture
from tests.effort import effort, sample
from tests.shipped import NEWEST

RFM = next(policy for policy in NEWEST if policy.id == "tiering/rfm_value")
DAY = "2026-11-21"
POLICY = """
policy: tiering/amounts
version: 1.0.0
title: {{zh: 额, en: amounts}}
subject: customer
facts:
  amount: {{type: integer, min: 0}}
  count: {{type: integer, min: 1}}
  name: {{type: text}}
outcome:
  {outcome}
rules:
  hit: FIRST
  rows:
    - {{id: first, when: {when}, then: [{then}], because: {{zh: 多, en: much}}}}
"""


def policy_of(
    when: str = '"true"', then: str = "A", outcome: str = "tier: {type: choice, of: [A, B]}", more: str = ""
) -> Policy:
    return load_bytes((POLICY.format(when=when, then=then, outcome=outcome) + more).encode())


def sql(policy: Policy, bounds: Bounds = NO_BOUNDS, dialect: door.Dialect = door.DUCKDB) -> str:
    return sql_of(policy, dialect, bounds=bounds)


def pair(**facts: int | str) -> Pair:
    return dict(facts), datetime.date.fromisoformat(DAY)


def test_a_comparison_is_one_of_whole_numbers() -> None:
    text = re.sub(r'"t\d"\.', "", sql(policy_of(when="amount > 1.5 * count")))
    assert '(CAST(2 AS BIGINT) * "f0") > (CAST(3 AS BIGINT) * "f1")' in text


def test_a_number_that_may_need_more_than_64_bits_is_a_decimal_unless_the_population_shows_that_it_needs_less() -> None:
    assert "DECIMAL(38, 0)" in sql_of(RFM)
    policy = policy_of(when="amount * count > 1000")
    assert "DECIMAL(38, 0)" in sql(policy)
    assert "DECIMAL" not in sql(policy, {"amount": Interval(0, 10**12), "count": Interval(1, 1_000)})


def test_no_query_divides_by_a_sign_or_computes_with_doubles() -> None:
    for policy in sample(NEWEST, 3):
        text = sql_of(policy)
        assert not {"/", "//", "%", "DOUBLE", "FLOAT"} & set(text.replace("(", " ").replace(")", " ").split())


@pytest.mark.parametrize(
    ("policy", "reason"),
    [
        (policy_of(when="amount * count * count * count > 5"), r"may need 21\d bits, and not 126 at most"),
        (policy_of(when="'name = \"a\\u0000b\"'"), "holds the character NUL"),
    ],
)
def test_a_policy_that_no_query_can_carry_is_refused_by_name(policy: Policy, reason: str) -> None:
    with pytest.raises(NotColumnar, match=f"tiering/amounts: .*{reason}"):
        sql(policy)


def test_words_with_a_separator_are_refused() -> None:
    policy = policy_of()
    [outcome] = policy.outcomes.values()
    odd = replace(policy, outcomes={"tier": replace(outcome, type=ChoiceType((f"A{LIST_SEPARATOR}", "B")))})
    with pytest.raises(NotColumnar, match="separator"):
        sql(odd)


def test_a_table_of_too_many_rules_that_may_match_together_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(query, "MAX_SHARED", 0)
    with pytest.raises(NotColumnar, match="more than 0 rules"):
        sql(replace(policy_of(), hit=Hit.UNIQUE))


def test_a_quotient_of_more_than_64_bits_is_refused_where_the_database_has_none() -> None:
    policy = policy_of(when="floor(amount * count / 7) > 0")
    assert "DIV(" in sql(policy, dialect=door.POSTGRESQL)
    with pytest.raises(NotColumnar, match="more than 64 bits, which pyspark lacks"):
        sql(policy, dialect=door.SPARK)
    narrow = policy_of(when="floor(amount * count / (count * count)) > 0")
    assert " DIV " in sql(narrow, {"amount": Interval(0, 9)}, dialect=door.SPARK)


@pytest.mark.parametrize(("when", "rule"), [("count < {}", True), ("count >= {}", False), ("count > -{}", True)])
def test_a_number_that_no_fact_can_be_decides_at_once(
    when: str,
    rule: bool,
    connection: duckdb.DuckDBPyConnection,  # noqa: F811
) -> None:
    policy = policy_of(when=when.format(10**25))
    [answer] = answers(connection, policy, [pair(amount=0, count=1, name="")])
    assert isinstance(answer, Decided) is rule


def test_an_outcome_that_needs_128_bits_on_its_way_is_exact(
    connection: duckdb.DuckDBPyConnection,  # noqa: F811
) -> None:
    policy = policy_of(outcome="n: {type: integer}", then='"min(floor(amount * count / 3), 9007199254740991)"')
    answer = answers(connection, policy, [pair(amount=100, count=5, name=""), pair(amount=2**53, count=2**53, name="")])
    assert answer == [Decided(((166,),), ("first",)), Decided(((2**53 - 1,),), ("first",))]


def test_an_overflow_raises_and_is_never_missing(connection: duckdb.DuckDBPyConnection) -> None:  # noqa: F811
    """A fact beyond the bounds that its width was proved with."""
    policy = policy_of(when="amount * count > 1000")
    query = sql(policy, {"amount": Interval(0, 10), "count": Interval(1, 10)})
    rows = "(SELECT 9007199254740992::BIGINT f0, 9007199254740992::BIGINT f1, '' f2, 1::BIGINT f3)"
    with pytest.raises(duckdb.OutOfRangeException, match="Overflow in multiplication of INT64"):
        connection.execute(query.replace('"subjects"', rows)).fetchall()


def test_postgresql_computes_the_columns_of_each_subquery_once() -> None:
    """Its planner writes them out wherever they are used, unless an offset keeps a subquery as it is."""
    text = sql_of(RFM, door.POSTGRESQL)
    assert text.count("(SELECT") == text.count("OFFSET 0") > 0
    assert "OFFSET" not in sql_of(RFM)


def test_any_compares_only_the_outcomes_that_can_differ(connection: duckdb.DuckDBPyConnection) -> None:  # noqa: F811
    rules = """    - {id: other, when: count > 3, then: [A, min(amount)], because: {zh: 多, en: much}}"""
    outcome = "tier: {type: choice, of: [A, B]}\n  n: {type: integer}"
    policy = replace(policy_of(then="A, 7", outcome=outcome, more=rules), hit=Hit.ANY)
    pairs = [pair(amount=amount, count=count, name="") for amount, count in ((7, 4), (8, 4), (8, 3))]
    decided, conflict, one = answers(connection, policy, pairs)
    assert decided == Decided((("A", 7),), ("first", "other"))
    assert conflict == Conflict(("first", "other"))
    assert one == Decided((("A", 7),), ("first",))


def test_the_columns_of_an_answer_are_those_the_policy_has_a_use_for() -> None:
    assert AnswerColumns(RFM, "a_").names == ("a_status", "a_rule", "a_o0")


def test_as_many_rules_as_there_may_be_are_collected(connection: duckdb.DuckDBPyConnection) -> None:  # noqa: F811
    rules = effort(MAX_RULES // 4, MAX_RULES)
    row = "    - {{id: r{0}, when: count > {0}, then: [{0}], because: {{zh: 多, en: much}}}}"
    head, _ = POLICY.format(outcome="said: {type: integer}", when="", then="").split("    - {id: first")
    rows = "\n".join(map(row.format, range(rules)))
    policy = load_bytes((head.replace("FIRST", "COLLECT") + rows).encode())
    pairs = [pair(amount=0, count=count, name="n") for count in (1, rules - 1, rules)]
    assert answers(connection, policy, pairs) == [evaluate(policy, *each) for each in pairs]
