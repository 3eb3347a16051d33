"""A policy that is stopped answers so, whatever its rules and exceptions say; what takes its outcome lacks a fact."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from policy_service import Decider, load_bytes
from policy_service.decisions.window import PolicyStop
from policy_service.errors import FactsRejected
from tests.approval.world import BONUS, TIER, bonus, tier

DAY = datetime.date(2026, 11, 29)
STOPPED = {TIER: PolicyStop("0197", "pays out wrongly")}
POLICIES = (load_bytes(tier("1.0.0")), load_bytes(bonus("1.0.0")))


@pytest.fixture(scope="module")
def decider() -> Any:  # noqa: ANN401  # a generator of one
    with Decider(POLICIES, engine="python") as made:
        yield made


def outcomes(decider: Decider, facts: dict[str, object], *policies: str, explain: bool = False) -> dict[str, Any]:
    decision = decider.decide(facts, as_of=DAY, policies=policies or None, stops=STOPPED, explain=explain)
    return decision.to_dict()


def test_it_answers_with_the_suspension_its_reason_and_the_version_out_of_force(decider: Decider) -> None:
    digest = POLICIES[0].digest
    expected = {"status": "suspended", "suspension": "0197", "reason": "pays out wrongly"}
    assert outcomes(decider, {"orders": 200})[TIER] == {**expected, "version": "1.0.0", "digest": digest}


def test_what_takes_its_outcome_lacks_a_fact_and_the_caller_is_told_why(decider: Decider) -> None:
    result = outcomes(decider, {"orders": 200}, BONUS)
    assert (result[BONUS]["status"], result[BONUS]["missing"]) == ("missing_facts", ["size"])
    assert result[TIER]["status"] == "suspended"


def test_the_caller_may_supply_the_fact(decider: Decider) -> None:
    result = outcomes(decider, {"size": "big"}, BONUS)[BONUS]
    assert (result["status"], result["outcome"], result["supplied"]) == ("decided", {"bonus": 10}, ["size"])


def test_its_facts_are_still_checked(decider: Decider) -> None:
    with pytest.raises(FactsRejected):
        outcomes(decider, {"orders": -1})


def test_there_is_nothing_to_explain(decider: Decider) -> None:
    decision = decider.decide({"orders": 200}, as_of=DAY, policies=[TIER], stops=STOPPED, explain=True)
    assert decision.trace == {TIER: []}


def test_the_others_decide_as_ever(decider: Decider) -> None:
    decision = decider.decide({"orders": 200}, as_of=DAY, stops={BONUS: PolicyStop("0198", "not now")})
    assert decision.to_dict()[TIER]["outcome"] == {"size": "big"}
