"""Benchmark facts are filled from the set in force; what the caller says otherwise is refused, or recorded."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest

from policy_service import Decider, FactsRejected
from policy_service.decisions.decision import Decision
from policy_service.language.benchmark_set import BenchmarkSet, load_benchmark_set_bytes
from tests.decisions.policies import policy

AS_OF = date(2026, 11, 21)
POLICY = policy("""
policy: tiering/mean
version: 1.0.0
title: {zh: 等级, en: tier}
subject: customer
facts:
  amount: {type: money, currency: CNY, min: 0}
  industry: {type: choice, of: [it, retail, internet], optional: true}
  mean: {type: money, currency: CNY, min: 1, from: benchmark, measure: mean(amount) by industry}
  own: {type: money, currency: CNY, from: benchmark, measure: max(amount), replaceable: true}
outcome:
  tier: {type: choice, of: [A, C]}
rules:
  hit: FIRST
  rows:
    - {id: A, when: amount >= mean and amount <= own, then: [A], because: {zh: 达到, en: reached}}
    - {id: C, when: "true", then: [C], because: {zh: 其余, en: others}}
""")
SET = load_benchmark_set_bytes(
    f"""
benchmark_set: benchmarks/customers
version: 1.0.0
title: {{zh: 甲, en: a}}
subject: customer
as_of: 2026-06-30
population: {{name: p.csv, digest: "sha256:{"0" * 64}", subjects: 9}}
method: {{rounding: half_even, quantiles: linear, smallest_group: 2}}
figures:
  - measure: mean(amount) by industry
    type: money
    currency: CNY
    groups:
      - {{of: [it], subjects: 5, value: "100.00"}}
      - {{of: [retail], subjects: 1}}
      - {{of: [internet], subjects: 5, value: "0.50"}}
  - {{measure: max(amount), type: money, currency: CNY, groups: [{{subjects: 9, value: "900.00"}}]}}
""".encode()
)


@pytest.fixture(scope="module")
def decider() -> Iterator[Decider]:
    with Decider([POLICY], engine="definition") as decider:
        yield decider


def decide(decider: Decider, benchmark_set: BenchmarkSet | None = SET, **facts: object) -> Decision:
    return decider.decide({"amount": 200, **facts}, as_of=AS_OF, benchmark_set=benchmark_set)


def test_a_figure_decides_and_the_set_is_named(decider: Decider) -> None:
    decision = decide(decider, industry="it")
    assert decision.to_dict()["tiering/mean"]["outcome"] == {"tier": "A"}
    assert "supplied" not in decision.to_dict()["tiering/mean"]
    assert decision.benchmark_set == SET.digest
    assert decide(decider, industry="it", mean="100.00") == decision


def test_another_value_is_refused_unless_the_policy_lets_the_caller_give_it(decider: Decider) -> None:
    with pytest.raises(FactsRejected) as refused:
        decide(decider, industry="it", mean="99.00")
    assert [(each.fact, each.code, each.value, each.expected) for each in refused.value.problems] == [
        ("mean", "contradiction", '"99.00"', '"100.00", which the benchmark set in force says')
    ]
    decision = decide(decider, industry="it", own=150)
    assert decision.to_dict()["tiering/mean"]["outcome"] == {"tier": "C"}
    assert decision.to_dict()["tiering/mean"]["supplied"] == ["own"]
    assert decision.benchmark_set == SET.digest


@pytest.mark.parametrize("industry", ["retail", "internet", None])
def test_where_there_is_no_figure_the_fact_is_missing_or_supplied(decider: Decider, industry: str | None) -> None:
    """A group that is too small, a figure out of the fact's range, and no group."""
    entry = decide(decider, industry=industry).to_dict()["tiering/mean"]
    assert (entry["status"], entry["missing"]) == ("missing_facts", ["mean"])
    entry = decide(decider, industry=industry, mean=300).to_dict()["tiering/mean"]
    assert (entry["outcome"], entry["supplied"]) == ({"tier": "C"}, ["mean"])


def test_before_there_is_a_set_the_callers_values_are_used_and_recorded(decider: Decider) -> None:
    decision = decide(decider, None, industry="it", mean=99, own=150)
    assert decision.to_dict()["tiering/mean"]["supplied"] == ["mean", "own"]
    assert decision.benchmark_set is None
    assert decide(decider, None).to_dict()["tiering/mean"]["missing"] == ["mean", "own"]
