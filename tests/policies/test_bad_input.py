"""Input that cannot be is refused by one error that names everything wrong, or decided by a rule that says so."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from policy_service import Decider
from policy_service.errors import FactsRejected, WrongSubjectKind
from policy_service.language.policy import Policy
from policy_service.language.types import ChoiceType, NumberType, format_value
from tests.shipped import NEWEST

AS_OF = datetime.date(2026, 11, 21)
POLICIES = {policy.id: policy for policy in NEWEST}
SALES = {"period": "month", "net_sales": "100", "sales_target": "100", "on_trial": False}
PAYMENT = {
    "collected_on": "2026-11-20",
    "handed_in_on": "2026-11-20",
    "collected": "5000",
    "handed_in": "5000",
    "misused": False,
    "cheque_substituted": False,
}
WRONG: tuple[tuple[str, Mapping[str, object], str], ...] = (
    ("tiering/value_score", {"amount_12m": "-0.01"}, "out-of-range"),  # a refund
    ("tiering/value_score", {"amount_12m": "100.00 USD"}, "mistyped"),
    ("tiering/value_score", {"amount_12m": {"amount": "100.00", "currency": "USD"}}, "mistyped"),
    ("tiering/value_score", {"orders_12m": -1}, "out-of-range"),
    ("tiering/value_score", {"orders_12m": "2.5"}, "mistyped"),
    ("tiering/purchase_cycle", {"first_order_days": 100_001}, "out-of-range"),
    ("tiering/enterprise_scale", {"staff": -1}, "out-of-range"),
    ("tiering/sales_share", {"amount_1m": "0.001"}, "mistyped"),
    ("tiering/abc_class", {"channel": "supermarket"}, "mistyped"),
    ("tiering/region", {"province": "Beijing"}, "mistyped"),
    ("tiering/need_tags", {"discount_orders_percent": "100.01", "main_category_percent": "-0.01"}, "out-of-range"),
    ("tiering/decision_role", {"authority": ["signs", "pays"]}, "mistyped"),
    ("tiering/group_review", {"group_share_percent": "100.01"}, "out-of-range"),
    ("tiering/tier_review", {"customers_lost": -1}, "out-of-range"),
    ("tiering/record_review", {"fields_required": 0}, "out-of-range"),
    ("followup/customer_assignment", {"owners_on_record": "two"}, "mistyped"),
    ("followup/sales_team", {"region": "nowhere"}, "mistyped"),
    ("followup/survey", {"satisfaction_percent": "100.5"}, "out-of-range"),
    ("followup/visit_record", {"recorded": ["date", "weather"]}, "mistyped"),
    ("rewards/kpi_review", {"retention_percent": "100.01"}, "out-of-range"),
    ("rewards/kpi_review", {"satisfaction_percent": "-1", "market_share_percent": "101"}, "out-of-range"),
    ("rewards/kpi_review", {"period": "week"}, "mistyped"),
    ("rewards/incentives", {"net_sales": "USD 100"}, "mistyped"),
    ("rewards/incentives", {"net_sales": "0.001"}, "mistyped"),
    ("rewards/incentives", {"sales_target": "-0.01"}, "out-of-range"),
    ("rewards/cash_handling", {"handed_in": "-1", "collected": "0"}, "out-of-range"),
    ("rewards/period_targets", {"year_target": "-1", "month": 13}, "out-of-range"),
    ("rewards/penalties", {"times_12m": 0}, "out-of-range"),
    ("service_levels/complaint", {"stage": "lost"}, "mistyped"),
    ("service_levels/complaint", {"working_minutes_open": -1}, "out-of-range"),
    ("service_levels/delivery", {"due_on": "2026-02-30"}, "mistyped"),
)
"""A policy, facts that cannot be, and as what they are refused."""


@pytest.fixture(scope="module")
def decider() -> Iterator[Decider]:
    with Decider(NEWEST, engine="python") as made:
        yield made


def sound(policy: Policy) -> dict[str, object]:
    """The facts of the policy's first example, as JSON."""
    return {name: format_value(policy.facts[name].type, value) for name, value in policy.examples[0].facts.items()}


def refused_facts(decider: Decider, policy: Policy, wrong: Mapping[str, object]) -> dict[str, str]:
    """As what each fact is refused, where the others are sound."""
    with pytest.raises(FactsRejected) as refused:
        decider.decide({**sound(policy), **wrong}, as_of=AS_OF, policies=[policy.id])
    assert all(problem.expected for problem in refused.value.problems)
    return {problem.fact: problem.code for problem in refused.value.problems}


@pytest.mark.parametrize(("policy", "wrong", "code"), WRONG)
def test_facts_that_cannot_be_are_refused_by_name(
    decider: Decider, policy: str, wrong: Mapping[str, object], code: str
) -> None:
    assert refused_facts(decider, POLICIES[policy], wrong) == dict.fromkeys(wrong, code)


def wrong_facts(policy: Policy) -> Mapping[str, object]:
    """A wrong value for each fact that is a number, an amount or a word."""
    kinds = {name: fact.type for name, fact in policy.facts.items()}
    words = dict.fromkeys((name for name, kind in kinds.items() if isinstance(kind, ChoiceType)), "no such word")
    return words | dict.fromkeys((name for name, kind in kinds.items() if isinstance(kind, NumberType)), "1.0000001")


@pytest.mark.parametrize("policy", [each for each in NEWEST if wrong_facts(each)], ids=lambda policy: policy.id)
def test_all_that_is_wrong_is_told_at_once(decider: Decider, policy: Policy) -> None:
    wrong = wrong_facts(policy)
    assert refused_facts(decider, policy, wrong).keys() == wrong.keys()


@pytest.mark.parametrize(
    ("policy", "facts", "rule", "outcome"),
    [
        ("rewards/incentives", {**SALES, "net_sales": "-250.00"}, "nothing-sold", {"reward": "0.00"}),
        ("rewards/cash_handling", {**PAYMENT, "handed_in": "5000.01"}, "too-much", {"status": "review"}),
        ("rewards/cash_handling", {**PAYMENT, "handed_in_on": "2026-11-19"}, "dates-contradict", {"measure": "none"}),
        (
            "rewards/negligence_fine",
            {"negligences": 1, "negligences_with_loss": 2},
            "figures-contradict",
            {"fine": "0.00"},
        ),
        (
            "followup/visit_success",
            {"visits_required": 3, "visits_successful": 4},
            "more-successful-than-required",
            {"result": "review"},
        ),
        ("followup/survey", {"surveyed_on": "2026-11-22"}, "date-in-the-future", {"action": "review"}),
        (
            "rewards/person_targets",
            {"month_target": "250", "team_kind": "key_accounts", "salespeople": 3},
            "key-accounts",
            {"person_target": "33.33"},
        ),
    ],
)
def test_facts_that_contradict_each_other_are_decided_by_a_rule_that_says_so(
    decider: Decider, policy: str, facts: Mapping[str, Any], rule: str, outcome: Mapping[str, Any]
) -> None:
    decision = decider.decide(facts, as_of=AS_OF, policies=[policy]).to_dict()[policy]
    assert decision["rules"] == [rule]
    assert {name: decision["outcome"][name] for name in outcome} == outcome


@pytest.mark.parametrize("policy", NEWEST, ids=lambda policy: policy.id)
def test_a_subject_of_another_kind_is_refused_with_the_kind_that_fits(decider: Decider, policy: Policy) -> None:
    other = "customer" if policy.subject != "customer" else "salesperson"
    with pytest.raises(WrongSubjectKind, match=f"`{policy.id}` is about `{policy.subject}`, not about `{other}`"):
        decider.decide(sound(policy), as_of=AS_OF, policies=[policy.id], kind=other)


def test_a_subject_of_another_kind_is_refused_with_the_kinds_of_all_policies(decider: Decider) -> None:
    with pytest.raises(WrongSubjectKind) as refused:
        decider.decide({}, as_of=AS_OF, policies=["rewards/incentives", "service_levels/complaint"], kind="customer")
    assert refused.value.kinds == {"rewards/incentives": "salesperson", "service_levels/complaint": "complaint"}


def test_targets_of_one_year_add_up_over_months_and_quarters(decider: Decider) -> None:
    """10,000,000 CNY, the year of R-TGT-1: twelve months and four quarters come to it again."""
    months, quarters = 0, {}
    for month in range(1, 13):
        facts = {"year_target": "10000000", "month": month}
        decision = decider.decide(facts, as_of=AS_OF, policies=["rewards/period_targets"]).to_dict()
        outcome = decision["rewards/period_targets"]["outcome"]
        months += int(outcome["month_target"].replace(".", ""))
        quarters[outcome["quarter"]] = int(outcome["quarter_target"].replace(".", ""))
    assert months == sum(quarters.values()) == 1_000_000_000
    assert len(quarters) == 4


def test_outcomes_of_one_policy_are_facts_of_another(decider: Decider) -> None:
    """A salesperson's year: trial to incentives, data quality and grouping to rewards, year to month to person."""
    facts = {
        "joined_on": "2026-08-21",
        "period": "month",
        "net_sales": "100000",
        "sales_target": "1",
        "records_correct": 98,
        "records_required": 100,
        "grouping": "sound",
        "effect_is_marked": True,
        "data_lost": False,
        **dict.fromkeys(("self_score", "superior_score", "conversion_score"), 90),
        **dict.fromkeys(("satisfaction_score", "performance_score"), 90),
        "year_target": "10000000",
        "month": 12,
        "team_kind": "key_accounts",
        "salespeople": 4,
    }
    decision = decider.decide(facts, as_of=AS_OF, kind="salesperson").to_dict()
    assert decision["rewards/incentives"]["outcome"]["reward"] == "2000.00"
    assert decision["rewards/staff_rewards"]["rules"] == ["all-rewards"]
    assert decision["rewards/person_targets"]["outcome"] == {"team_target": "480000.00", "person_target": "120000.00"}
    assert decision["rewards/penalties"]["status"] == "missing_facts"
