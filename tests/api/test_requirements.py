"""`/requirements` is true: its example decides, and its schema takes what the service takes."""

from typing import Any

import jsonschema_rs
import pytest

from policy_service import Policy, load_folder, shipped_policies
from policy_service.language.types import write
from tests.api.client import CUSTOMER, RFM, ask, decide

POLICIES = load_folder(shipped_policies())
by_policy = pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: str(policy.id))


def requirements(name: str) -> dict[str, Any]:
    """What a policy asks for."""
    answer: dict[str, Any] = ask("GET", f"/v1/policies/{name}/requirements").json()
    return answer


@by_policy
def test_the_example_decides_and_keeps_to_the_schema(policy: Policy) -> None:
    told = requirements(policy.id)
    assert jsonschema_rs.Draft202012Validator(told["schema"]).is_valid(told["example"]["facts"])
    example = next(example for example in policy.examples if example.status == "decided")
    entry = decide(told["example"]).json()["outcomes"][policy.id]
    assert (entry["status"], entry["rules"]) == ("decided", list(example.rules or ()))


@by_policy
def test_the_schema_takes_every_example_that_is_whole(policy: Policy) -> None:
    schema = requirements(policy.id)["schema"]
    schema["required"] = []  # an example may leave out what its own policy does not ask for
    validator = jsonschema_rs.Draft202012Validator(schema)
    for example in policy.examples:
        facts = {name: write(policy.facts[name].type, value) for name, value in example.facts.items()}
        assert validator.is_valid(facts), example.name


def test_facts_of_a_policy_it_needs_are_asked_for_too() -> None:
    told = requirements("followup/contact_cadence")
    assert told["needs"] == [RFM]
    assert "amount_12m" in told["schema"]["required"]
    assert "tier" in told["schema"]["properties"]
    assert "tier" not in told["schema"]["required"]
    assert "tier" not in told["example"]["facts"]


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
    ],
)
def test_the_schema_refuses_what_the_service_refuses(name: str, value: object) -> None:
    facts = {**CUSTOMER, name: value}
    assert not jsonschema_rs.Draft202012Validator(requirements(RFM)["schema"]).is_valid(facts)
    assert decide(facts=facts).status_code == 422


@pytest.mark.parametrize(
    ("name", "value"), [("orders_12m", "3"), ("amount_12m", 5), ("amount_12m", 5.25), ("recency_days", None)]
)
def test_the_schema_takes_what_the_service_takes(name: str, value: object) -> None:
    facts = {**CUSTOMER, name: value}
    assert jsonschema_rs.Draft202012Validator(requirements(RFM)["schema"]).is_valid(facts)
    assert decide(facts=facts).status_code == 200
