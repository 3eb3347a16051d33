"""Input that cannot be is refused by one error that names everything wrong, or decided by a rule that says so."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from policy_service import Decider
from policy_service.errors import FactsRefused, OtherKind
from tests.shipped import NEWEST

AS_OF = datetime.date(2026, 11, 21)
FIGURES = {
    "period": "month",
    "sales_attainment_percent": "90",
    "new_customers": 50,
    "retention_percent": "85",
    "repurchase_percent": "70",
    "sales_cycle_days": "30",
    "order_value_change_percent": "10",
    "satisfaction_percent": "90",
    "online_roi_percent": "12",
    "offline_roi_percent": "11",
    "market_share_percent": "15",
}
SALES = {"period": "month", "net_sales": "100", "sales_target": "100", "on_trial": False}
PAYMENT = {
    "collected_on": "2026-11-20",
    "handed_in_on": "2026-11-20",
    "collected": "5000",
    "handed_in": "5000",
    "misused": False,
    "cheque_substituted": False,
}


@pytest.fixture(scope="module")
def decider() -> Iterator[Decider]:
    with Decider(NEWEST, engine="python") as made:
        yield made


@pytest.mark.parametrize(
    ("policy", "facts", "wrong"),
    [
        ("rewards/kpi_review", {**FIGURES, "retention_percent": "100.01"}, {"retention_percent": "out-of-range"}),
        (
            "rewards/kpi_review",
            {**FIGURES, "satisfaction_percent": "-1", "market_share_percent": "101", "period": "week"},
            {"satisfaction_percent": "out-of-range", "market_share_percent": "out-of-range", "period": "mistyped"},
        ),
        ("rewards/incentives", {**SALES, "net_sales": "USD 100"}, {"net_sales": "mistyped"}),
        ("rewards/incentives", {**SALES, "sales_target": "-0.01"}, {"sales_target": "out-of-range"}),
        ("rewards/incentives", {**SALES, "net_sales": "0.001"}, {"net_sales": "mistyped"}),
        ("rewards/cash_handling", {**PAYMENT, "handed_in": "-1"}, {"handed_in": "out-of-range"}),
        ("rewards/cash_handling", {**PAYMENT, "collected": "0"}, {"collected": "out-of-range"}),
        (
            "rewards/period_targets",
            {"year_target": "-1", "month": 13},
            {"year_target": "out-of-range", "month": "out-of-range"},
        ),
        ("rewards/penalties", {"fault": "data_lost", "times_12m": 0}, {"times_12m": "out-of-range"}),
        ("followup/survey", {"satisfaction_percent": "100.5"}, {"satisfaction_percent": "out-of-range"}),
        ("followup/visit_record", {"recorded": ["date", "weather"]}, {"recorded": "mistyped"}),
        (
            "service_levels/complaint",
            {"stage": "lost", "working_minutes_open": -1},
            {"stage": "mistyped", "working_minutes_open": "out-of-range"},
        ),
        ("service_levels/delivery", {"due_on": "2026-02-30", "formalities": []}, {"due_on": "mistyped"}),
    ],
)
def test_facts_that_cannot_be_are_refused_by_one_error_that_names_them_all(
    decider: Decider, policy: str, facts: Mapping[str, Any], wrong: Mapping[str, str]
) -> None:
    with pytest.raises(FactsRefused) as refused:
        decider.decide(facts, as_of=AS_OF, policies=[policy])
    assert {problem.fact: problem.code for problem in refused.value.problems} == wrong
    assert all(problem.expected for problem in refused.value.problems)


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
    told = decider.decide(facts, as_of=AS_OF, policies=[policy]).to_dict()[policy]
    assert told["rules"] == [rule]
    assert {name: told["outcome"][name] for name in outcome} == outcome


def test_a_subject_of_another_kind_is_refused_with_the_kinds_of_all_policies(decider: Decider) -> None:
    with pytest.raises(OtherKind) as refused:
        decider.decide({}, as_of=AS_OF, policies=["rewards/incentives", "service_levels/complaint"], kind="customer")
    assert refused.value.kinds == {"rewards/incentives": "salesperson", "service_levels/complaint": "complaint"}


def test_targets_of_one_year_add_up_over_months_and_quarters(decider: Decider) -> None:
    """10,000,000 CNY, the year of R-TGT-1: twelve months and four quarters come to it again."""
    months, quarters = 0, {}
    for month in range(1, 13):
        facts = {"year_target": "10000000", "month": month}
        told = decider.decide(facts, as_of=AS_OF, policies=["rewards/period_targets"]).to_dict()
        outcome = told["rewards/period_targets"]["outcome"]
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
    told = decider.decide(facts, as_of=AS_OF, kind="salesperson").to_dict()
    assert told["rewards/incentives"]["outcome"]["reward"] == "2000.00"
    assert told["rewards/staff_rewards"]["rules"] == ["all-rewards"]
    assert told["rewards/person_targets"]["outcome"] == {"team_target": "480000.00", "person_target": "120000.00"}
    assert told["rewards/penalties"]["status"] == "missing_facts"
