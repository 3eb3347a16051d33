"""Queries answer as the definition does: the written cases, generated policies, and the edges of the shipped ones."""

from __future__ import annotations

import datetime
import random
from collections.abc import Iterator, Sequence

import duckdb
import pytest

from policy_service.compilers.columnar import door
from policy_service.compilers.columnar.layout import AnswerColumns, NotColumnar
from policy_service.compilers.python_source import compile_python
from policy_service.language.diagnostics import PolicyError
from policy_service.language.evaluate import evaluate
from policy_service.language.load import load_bytes
from policy_service.language.policy import Policy
from policy_service.language.types import LIMIT, NumberType
from tests.conformance.columnar import answers
from tests.conformance.comparison import drafts_of, same
from tests.conformance.evaluators import Definition
from tests.conformance.facts import Pair, fact_sets, pools_of, render_facts
from tests.conformance.test_written_cases import ANY_DAY, POLICIES, expected, facts_of
from tests.effort import effort
from tests.shipped import NEWEST

SHIPPED = {policy.id: policy for policy in NEWEST}
TOO_WIDE = {"exactness"}
"""Written cases that need more than 126 bits."""


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(config={"threads": 1}) as opened:
        opened.execute(door.SETUP)
        yield opened


@pytest.mark.parametrize("name", sorted(POLICIES.keys() - TOO_WIDE))
def test_queries_answer_the_written_cases(name: str, connection: duckdb.DuckDBPyConnection) -> None:
    policy = POLICIES[name]
    pairs = [(facts_of(each), datetime.date.fromisoformat(each.as_of or ANY_DAY)) for each in policy.examples]
    result = answers(connection, policy, pairs)
    wrong = [
        f"{example.name}: expected {expected_values}, found {answer}"
        for example, answer in zip(policy.examples, result, strict=True)
        if not same(answer, expected_values := expected(policy, example))
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("name", sorted(TOO_WIDE))
def test_a_policy_that_is_too_wide_is_refused_by_name(name: str, connection: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(NotColumnar, match=rf"conformance/{name}: a number of it may need 1\d\d bits, and not 126"):
        answers(connection, POLICIES[name], [])


@pytest.mark.parametrize("seed", range(effort(3, 200)))
def test_queries_agree_with_the_definition_on_generated_policies(
    seed: int, connection: duckdb.DuckDBPyConnection
) -> None:
    carried = refused = 0
    for policy in generated(seed, effort(10, 25)):
        pairs = list(fact_sets(random.Random(seed), policy, 20))
        try:
            result = answers(connection, policy, pairs)
        except NotColumnar:
            refused += 1
            continue
        carried += 1
        definition = Definition(policy)
        for pair, answer in zip(pairs, result, strict=True):
            expected_values = definition.evaluate(*pair)
            assert same(answer, expected_values), (
                f"{answer}, not {expected_values}\n{policy.text}\n{render_facts(pair[0])}\n{pair[1]}"
            )
    assert carried > 2 * refused


def test_every_kind_of_answer_goes_through_a_row_and_back() -> None:
    """What generated Python answers stands in the same columns as what a query answers."""
    for seed in range(effort(4, 40)):
        for policy in generated(seed, 10):
            columns = AnswerColumns(policy, "a_")
            for facts, day in fact_sets(random.Random(seed), policy, 10):
                result = evaluate(policy, facts, day)
                row = columns.row(result)
                assert tuple(row) == columns.names == tuple(columns.types)
                assert columns.read(row, getattr(result, "names", ())) == result
            assert columns.row(None)["a_status"] == "contradiction"


def generated(seed: int, count: int) -> Iterator[Policy]:
    """The first policies of a seed that the loader takes."""
    for draft in drafts_of(seed):
        if count == 0:
            return
        try:
            policy = load_bytes(draft.text.encode())
        except PolicyError:
            continue
        count -= 1
        yield policy


@pytest.mark.one_in(3)
@pytest.mark.parametrize("name", SHIPPED)
def test_queries_are_exact_at_every_edge_of_the_shipped_policies(
    name: str, connection: duckdb.DuckDBPyConnection
) -> None:
    """Facts at every number that the policy names and at the end of what is exact, each one unit more and less."""
    policy = SHIPPED[name]
    pairs = edges(random.Random(name), policy, effort(200, 20_000))
    evaluator = compile_python(policy)
    wrong = [
        pair
        for pair, answer in zip(pairs, answers(connection, policy, pairs), strict=True)
        if not same(answer, evaluator.evaluate(*pair))
    ]
    assert not wrong, wrong[0]


def edges(rng: random.Random, policy: Policy, count: int) -> Sequence[Pair]:
    """Subjects whose facts stand at the edges."""
    pools = pools_of(policy)
    for name, fact in policy.facts.items():
        if isinstance(kind := fact.type, NumberType):
            far = [sign * (LIMIT - step) for step in range(4) for sign in (1, -1)]
            pools[name] += [value for value in far if kind.low <= value <= kind.high]
    absent = {name: 0.1 if fact.optional else 0.01 for name, fact in policy.facts.items()}
    day = datetime.date(2026, 11, 21)
    return [
        ({name: rng.choice(pool) for name, pool in pools.items() if rng.random() >= absent[name]}, day)
        for _ in range(count)
    ]
