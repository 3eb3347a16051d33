"""Facts that cannot be are refused one by one, each with its name and what was expected, before any policy decides."""

from __future__ import annotations

import datetime
from collections.abc import Iterator

import pytest

from policy_service import Decider
from policy_service.errors import FactsRefused, OtherKind
from policy_service.language.policy import Policy
from policy_service.language.types import ChoiceType, NumberType, write
from tests.shipped import NEWEST

TODAY = datetime.date(2026, 11, 21)
POLICIES = {policy.id: policy for policy in NEWEST}


@pytest.fixture(scope="module")
def decider() -> Iterator[Decider]:
    with Decider(NEWEST, engine="python") as made:
        yield made


def sound(policy: Policy) -> dict[str, object]:
    """The facts of the policy's first example, as JSON."""
    return {name: write(policy.facts[name].type, value) for name, value in policy.examples[0].facts.items()}


@pytest.mark.parametrize(
    ("policy", "fact", "value", "code"),
    [
        ("tiering/value_score", "amount_12m", "-0.01", "out-of-range"),  # a refund
        ("tiering/value_score", "amount_12m", "100.00 USD", "mistyped"),
        ("tiering/value_score", "amount_12m", {"amount": "100.00", "currency": "USD"}, "mistyped"),
        ("tiering/value_score", "orders_12m", -1, "out-of-range"),
        ("tiering/value_score", "orders_12m", "2.5", "mistyped"),
        ("tiering/purchase_cycle", "first_order_days", 100_001, "out-of-range"),
        ("tiering/enterprise_scale", "staff", -1, "out-of-range"),
        ("tiering/sales_share", "amount_1m", "0.001", "mistyped"),
        ("tiering/abc_class", "channel", "supermarket", "mistyped"),
        ("tiering/region", "province", "Beijing", "mistyped"),
        ("tiering/need_tags", "discount_orders_percent", "100.01", "out-of-range"),
        ("tiering/need_tags", "main_category_percent", "-0.01", "out-of-range"),
        ("tiering/decision_role", "authority", ["signs", "pays"], "mistyped"),
        ("tiering/group_review", "group_share_percent", "100.01", "out-of-range"),
        ("tiering/tier_review", "customers_lost", -1, "out-of-range"),
        ("tiering/record_review", "fields_required", 0, "out-of-range"),
        ("followup/customer_assignment", "owners_on_record", "two", "mistyped"),
        ("followup/sales_team", "region", "nowhere", "mistyped"),
    ],
)
def test_a_fact_that_cannot_be_is_refused_by_name(
    decider: Decider, policy: str, fact: str, value: object, code: str
) -> None:
    facts = {**sound(POLICIES[policy]), fact: value}
    with pytest.raises(FactsRefused) as refused:
        decider.decide(facts, as_of=TODAY, policies=[policy])
    [problem] = refused.value.problems
    assert (problem.fact, problem.code) == (fact, code)
    assert problem.expected


def wrong_facts(policy: Policy) -> dict[str, str]:
    """A wrong value for each fact that is a number, an amount or a word."""
    kinds = {name: fact.type for name, fact in policy.facts.items()}
    words = dict.fromkeys((name for name, kind in kinds.items() if isinstance(kind, ChoiceType)), "no such word")
    return words | dict.fromkeys((name for name, kind in kinds.items() if isinstance(kind, NumberType)), "1.0000001")


@pytest.mark.parametrize("policy", [each for each in NEWEST if wrong_facts(each)], ids=lambda policy: policy.id)
def test_all_that_is_wrong_is_told_at_once(decider: Decider, policy: Policy) -> None:
    wrong = wrong_facts(policy)
    with pytest.raises(FactsRefused) as refused:
        decider.decide({**sound(policy), **wrong}, as_of=TODAY, policies=[policy.id])
    assert {problem.fact for problem in refused.value.problems} == set(wrong)


@pytest.mark.parametrize("policy", NEWEST, ids=lambda policy: policy.id)
def test_a_subject_of_another_kind_is_refused_with_the_kind_that_fits(decider: Decider, policy: Policy) -> None:
    other = "customer" if policy.subject != "customer" else "salesperson"
    with pytest.raises(OtherKind, match=f"`{policy.id}` is about `{policy.subject}`, not about `{other}`"):
        decider.decide(sound(policy), as_of=TODAY, policies=[policy.id], kind=other)
