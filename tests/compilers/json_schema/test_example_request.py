"""A policy's own examples make a request that decides it, with the facts of the policies that it needs."""

from datetime import date

from policy_service import Policy
from policy_service.compilers.json_schema import facts_schema
from policy_service.compilers.json_schema.example_request import example_request
from policy_service.language.load import load_bytes
from policy_service.language.requirements import with_required_policies

DAY = date(2026, 11, 21)
TIER = """\
policy: tiering/size
version: 1.0.0
title: {zh: 规模, en: size}
source: []
subject: customer
facts: {orders: {type: integer, min: 0, title: {zh: 订单数, en: orders}}}
outcome: {size: {type: choice, of: [large, small], title: {zh: 规模, en: size}}}
rules:
  hit: UNIQUE
  rows:
    - {id: large, when: orders >= 10, then: {size: large}, because: {zh: 多, en: many}}
    - {id: small, when: orders < 10, then: {size: small}, because: {zh: 少, en: few}}
examples:
  - {name: ten orders, facts: {orders: 10}, outcome: {size: large}, rule: large}
"""
CADENCE = """\
policy: followup/cadence
version: 1.0.0
title: {zh: 频次, en: cadence}
source: []
subject: customer
facts:
  size: {type: choice, of: [large, small], from: tiering/size.size, title: {zh: 规模, en: size}}
  orders: {type: integer, min: 0, max: 100, optional: true, title: {zh: 订单数, en: orders}}
outcome: {days: {type: integer, min: 0, title: {zh: 天数, en: days}}}
rules:
  hit: UNIQUE
  rows:
    - {id: often, when: size = "large", then: {days: 7}, because: {zh: 大, en: large}}
    - {id: seldom, when: size = "small", then: {days: 30}, because: {zh: 小, en: small}}
examples:
"""
LARGE = "  - {name: C1, facts: {size: large}, outcome: {days: 7}, rule: often}\n"
SMALL = "  - {name: C2, facts: {size: small}, outcome: {days: 30}, rule: seldom}\n"
TWENTY = "  - {name: C3, facts: {size: large, orders: 20}, outcome: {days: 7}, rule: often}\n"
MISSING = "  - {name: C4, facts: {}, missing: [size]}\n"
SIZE = load_bytes(TIER.encode())


def facts_of(examples: str) -> object:
    policy = load_bytes((CADENCE + examples).encode())
    request = example_request(policy, {SIZE.id: SIZE, policy.id: policy}, DAY)
    return None if request is None else request["facts"]


def test_an_outcome_of_another_policy_is_replaced_by_facts_that_make_it() -> None:
    assert facts_of(LARGE) == {"orders": 10}


def test_it_stays_where_no_example_of_the_other_policy_makes_it() -> None:
    assert facts_of(SMALL) == {"size": "small"}
    assert facts_of(TWENTY) == {"size": "large", "orders": 20}


def test_a_policy_without_an_example_that_is_decided_has_no_request() -> None:
    assert facts_of(MISSING) is None
    assert facts_of(MISSING + LARGE) == {"orders": 10}


def test_the_request_names_its_subject_and_day() -> None:
    assert example_request(SIZE, {}, DAY) == {
        "subject": "ten orders",
        "kind": "customer",
        "facts": {"orders": 10},
        "policies": ["tiering/size"],
        "as_of": "2026-11-21",
    }


def test_a_fact_of_two_policies_is_valid_for_both() -> None:
    cadence = load_bytes((CADENCE + LARGE).encode())
    policies: dict[str, Policy] = {SIZE.id: SIZE, cadence.id: cadence}
    assert with_required_policies(cadence, policies) == [cadence, SIZE]
    schema = facts_schema(cadence, policies, 5)
    assert [part["title"] for part in schema["properties"]["orders"]["allOf"]] == ["orders", "orders"]
    assert schema["maxProperties"] == 5
