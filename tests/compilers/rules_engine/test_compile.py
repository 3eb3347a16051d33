"""Policies for the engine: what reaches it is whole numbers, and what is worked out before is worked out once."""

import datetime

import pytest

from policy_service import load_bytes
from policy_service.compilers.rules_engine import SmokeTestFailed, compile_engine, run_smoke_tests, smoke_test
from policy_service.compilers.rules_engine.compile import compile_rules
from policy_service.compilers.rules_engine.program import Condition, Program, Term
from policy_service.language.evaluate import evaluate
from policy_service.language.lower import lower
from policy_service.language.policy import AS_OF, Policy
from policy_service.language.types import Value
from tests.decisions.policies import POINTS, TIER
from tests.shipped import SHIPPED

HEAD = """
policy: tiering/engine
version: 1.0.0
title: {zh: 引擎, en: engine}
subject: customer
facts:
  amount: {type: money, currency: CNY, min: 0}
  mean: {type: money, currency: CNY, min: 0}
  days: {type: integer, min: 0, optional: true}
  vip: {type: boolean}
  industry: {type: choice, of: [it, retail, finance]}
  id: {type: integer}
  sid: {type: integer}
outcome:
  tier: {type: choice, of: [S, A, C]}
rules:
  hit: COLLECT
  rows:
"""


def policy(*conditions: str) -> Policy:
    rows = [
        f"    - {{id: r{index}, when: '{condition}', then: [A], because: {{zh: 因, en: because}}}}"
        for index, condition in enumerate(conditions)
    ]
    return load_bytes((HEAD + "\n".join(rows)).encode())


def program(*conditions: str) -> tuple[Program, tuple[int, ...]]:
    made = policy(*conditions)
    core = lower(made)
    compiled, inputs = compile_rules(core.rules, (*made.facts, AS_OF), core.stand_ins)
    return compiled, inputs.vector((30000, 10000, None, True, "retail", 7, 8, 739000))


def test_facts_and_thresholds_are_conditions_and_the_quick_tests_of_a_rule_are_one_flag() -> None:
    result, vector = program(
        'amount >= 100.005 and industry = "retail" and vip and id != 3', 'industry != "it" and not(vip) and sid <= 9'
    )
    assert vector == (True, 30000, 7, False, 8)
    assert result == Program(
        5,
        (
            Term(0, (Condition(0, "=", 1), Condition(1, ">=", 10001), Condition(2, "!=", 3))),
            Term(1, (Condition(3, "=", 1), Condition(4, "<=", 9))),
        ),
        frozenset({0, 3}),
    )


def test_rules_with_the_same_quick_tests_share_their_flag() -> None:
    result, _ = program('vip and industry = "it" and id < 3', 'vip and industry = "it" and id > 5', "vip")
    assert [term.conditions[0].field for term in result.terms] == [0, 0, 2]
    assert result.flags == {0, 2}


def test_arithmetic_and_lists_are_worked_out_before_and_only_once() -> None:
    result, vector = program("amount > 1.5 * mean", "2 * amount > 3 * mean and vip", 'industry in ("it", "retail")')
    assert vector == (True, True, True)
    assert result.terms == (
        Term(0, (Condition(0, "=", 1),)),
        Term(1, (Condition(1, "=", 1), Condition(0, "=", 1))),
        Term(2, (Condition(2, "=", 1),)),
    )


def test_whether_a_fact_is_missing_is_a_flag_beside_a_stand_in() -> None:
    result, vector = program("days is missing", "days is not missing and days < 30")
    assert vector == (True, False, 0)
    assert result.terms == (Term(0, (Condition(0, "=", 1),)), Term(1, (Condition(1, "=", 1), Condition(2, "<", 30))))
    assert result.flags == {0, 1}


def test_or_becomes_terms_of_one_rule_but_tests_of_one_cell_do_not() -> None:
    result, vector = program("vip or id < 3 or sid < 3", "id in (< 3, > 5, [4..4])", "true", "false")
    assert [term.rule for term in result.terms] == [0, 0, 0, 1, 2]
    assert result.terms[4].conditions == ()
    assert vector[-1] is True


def test_a_number_that_the_engine_cannot_hold_is_worked_out_before() -> None:
    result, vector = program("id < 99999999999999999999", "id > -99999999999999999999")
    assert vector == (True, True)
    assert {condition.value for term in result.terms for condition in term.conditions} == {1}


def test_facts_named_like_the_engine_s_own_fields_are_facts_like_any_other() -> None:
    made = policy("id = 1", "sid = 1", "id + sid = 3")
    evaluator = compile_engine(made)
    day = datetime.date(2026, 1, 1)
    for id_, sid in ((1, 0), (0, 1), (1, 1), (1, 2), (2, 1)):
        facts: dict[str, Value] = {"amount": 0, "mean": 0, "vip": False, "industry": "it", "id": id_, "sid": sid}
        assert evaluator.evaluate(facts, day) == evaluate(made, facts, day)
    evaluator.close()


def test_a_policy_is_rehearsed_on_those_of_its_examples_that_can_be_decided() -> None:
    run_smoke_tests([TIER, POINTS, *SHIPPED], seconds=30)
    run_smoke_tests([], seconds=0)  # nothing is started for none


def test_a_policy_that_the_engine_answers_wrongly_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smoke_test, "holds", lambda _when, _scope: True)
    with pytest.raises(SmokeTestFailed, match="tiering/small: expected rules"):
        run_smoke_tests([TIER], seconds=30)
