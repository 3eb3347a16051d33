"""`/requirements` is true: its example decides, and its schema takes what the service takes."""

import json
from decimal import Decimal
from typing import Any

import jsonschema_rs
import pytest

from policy_service import Policy
from policy_service.language.types import format_value
from tests.api.client import CUSTOMER, RFM, ask, decide
from tests.shipped import NEWEST

by_policy = pytest.mark.parametrize("policy", NEWEST, ids=lambda policy: str(policy.id))


def requirements(name: str) -> dict[str, Any]:
    """What a policy asks for; the schema's numbers in full."""
    answer: dict[str, Any] = json.loads(ask("GET", f"/v1/policies/{name}/requirements").text, parse_float=Decimal)
    return answer


@pytest.mark.one_in(3)
@by_policy
def test_the_example_decides_and_keeps_to_the_schema(policy: Policy) -> None:
    result = requirements(policy.id)
    assert jsonschema_rs.Draft202012Validator(result["schema"]).is_valid(result["example"]["facts"])
    example = next(example for example in policy.examples if example.status == "decided")
    entry = decide(result["example"]).json()["outcomes"][policy.id]
    assert (entry["status"], entry["rules"]) == ("decided", list(example.rules or ()))


@pytest.mark.one_in(3)
@by_policy
def test_the_schema_takes_every_example_that_misses_no_fact(policy: Policy) -> None:
    validator = jsonschema_rs.Draft202012Validator(requirements(policy.id)["schema"])
    for example in policy.examples:
        facts = {name: format_value(policy.facts[name].type, value) for name, value in example.facts.items()}
        assert validator.is_valid(facts) == (example.status != "missing_facts"), example.name


def test_facts_of_a_policy_it_needs_are_asked_for_or_what_it_takes_from_there() -> None:
    result = requirements("followup/contact_cadence")
    assert result["needs"] == [RFM]
    assert "tier" not in result["example"]["facts"]
    validator = jsonschema_rs.Draft202012Validator(result["schema"])
    facts = result["example"]["facts"]
    own = {name: value for name, value in facts.items() if name not in CUSTOMER}
    for given_value, is_enough in (
        (facts, True),
        (own, False),
        ({**own, "tier": "A"}, True),
        ({**own, "tier": None}, False),
    ):
        answer = decide({**result["example"], "facts": given_value}).json()["outcomes"][result["policy"]]
        assert (validator.is_valid(given_value), answer["status"] == "decided") == (is_enough, is_enough), given_value


def test_the_ends_of_a_range_are_told_digit_by_digit() -> None:
    text = ask("GET", f"/v1/policies/{RFM}/requirements").text
    assert '"multipleOf":0.01,"minimum":0.00,"maximum":90071992547409.92' in text
    assert '"type":"integer","minimum":0,"maximum":9007199254740992' in text


def test_a_fact_that_only_another_policy_reads_may_be_given() -> None:
    facts = {**CUSTOMER, "last_contact_on": "not read"}
    assert jsonschema_rs.Draft202012Validator(requirements(RFM)["schema"]).is_valid(facts)
    assert decide(facts=facts).status_code == 200


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("industry", "itt"),
        ("orders_12m", -1),
        ("orders_12m", 2.5),
        ("amount_12m", "1.001"),
        ("amount_12m", True),
        ("x", 1),
        ("orders_12m", 2**53 + 1),
        ("orders_12m", str(2**53 + 1)),
        ("orders_12m", "3\n"),
        ("amount_12m", "-0.01"),
    ],
)
def test_the_schema_refuses_what_the_service_refuses(name: str, value: object) -> None:
    facts = {**CUSTOMER, name: value}
    assert not jsonschema_rs.Draft202012Validator(requirements(RFM)["schema"]).is_valid(facts)
    assert decide(facts=facts).status_code == 422


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("orders_12m", "3"),
        ("orders_12m", 3.0),
        ("orders_12m", "3.0"),
        ("amount_12m", 5),
        ("amount_12m", 5.25),
        ("amount_12m", "5.2500"),
        ("recency_days", None),
        ("recency_days", 45.0),
    ],
)
def test_the_schema_takes_what_the_service_takes(name: str, value: object) -> None:
    facts = {**CUSTOMER, name: value}
    assert jsonschema_rs.Draft202012Validator(requirements(RFM)["schema"]).is_valid(facts)
    assert decide(facts=facts).status_code == 200
