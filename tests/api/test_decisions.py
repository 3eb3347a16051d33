"""`POST /v1/decisions` answers in the documented shape, exactly, for today and for another day."""

import json
from uuid import UUID

import pytest

from policy_service.language.policy import Example, Policy
from policy_service.language.types import format_value
from tests.api.client import CUSTOMER, REQUEST, RFM, StandingClock, decide
from tests.shipped import NEWEST, VERSIONS

CUSTOMERS = [
    (policy, example)
    for policy in NEWEST
    if policy.id == RFM
    for example in policy.examples
    if "R-RFM-6" in example.source
]


def test_the_answer_has_the_documented_shape() -> None:
    answer = decide().json()
    assert list(answer) == ["decision_id", "subject", "kind", "as_of", "decided_at", "outcomes", "benchmark_set"]
    assert UUID(answer["decision_id"]).version == 7
    assert answer["subject"] == "C202405001"
    assert answer["as_of"] == "2026-11-21"
    assert answer["decided_at"] == "2026-11-20T17:30:00.000000Z"
    assert answer["benchmark_set"] is None
    entry = answer["outcomes"][RFM]
    assert entry["status"] == "decided"
    assert entry["rules"] == ["A"]
    assert entry["because"][0].keys() == {"zh", "en"}
    assert entry["version"] == VERSIONS[RFM]
    assert entry["digest"].startswith("sha256:")
    assert entry["supplied"] == ["industry_mean_amount", "industry_mean_orders"]


@pytest.mark.parametrize(("policy", "example"), CUSTOMERS, ids=[example.name for _, example in CUSTOMERS])
def test_the_regulation_s_own_customers_come_out_right(policy: Policy, example: Example) -> None:
    facts = {name: format_value(policy.facts[name].type, value) for name, value in example.facts.items()}
    entry = decide(facts=facts, subject=example.name).json()["outcomes"][RFM]
    assert (entry["outcome"], entry["rules"]) == (example.outcome, list(example.rules or ()))


def test_there_are_four_such_customers() -> None:
    assert [example.outcome for _, example in CUSTOMERS] == [{"tier": tier} for tier in ("A", "S", "B", "C")]


def test_an_answer_may_not_be_kept() -> None:
    response = decide()
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["x-content-type-options"] == "nosniff"


def test_the_trace_says_why_a_rule_did_not_match() -> None:
    trace = decide(explain=True).json()["trace"][RFM]
    failed = {rule["rule"]: rule for rule in trace if not rule["matched"]}
    assert failed["S"]["saw"] == {"recency_days": 45}
    assert "recency_days" in failed["S"]["failed"]


def test_nobody_is_told_a_trace_who_did_not_ask() -> None:
    assert "trace" not in decide(explain=False).json()


def test_today_begins_where_the_service_is() -> None:
    request = {key: value for key, value in REQUEST.items() if key != "as_of"}
    assert decide(request).json()["as_of"] == "2026-11-21"
    assert StandingClock().now().date().isoformat() == "2026-11-20"


@pytest.mark.parametrize("days", ["45", "45.0", "4.5e1", '"45"', '"45.0"'])
@pytest.mark.parametrize("amount", ["800000", "800000.000", "80000000e-2", '"800000.00"', '"800000.000"'])
def test_a_number_is_its_value_however_it_is_written(days: str, amount: str) -> None:
    facts = f'{{"amount_12m": {amount}, "recency_days": {days}}}'
    request = f'{{"subject": "C1", "policies": ["tiering/absolute_value"], "facts": {facts}, "as_of": "2026-11-21"}}'
    assert decide(request.encode()).json()["outcomes"]["tiering/absolute_value"]["outcome"] == {"tier": "A"}


def test_a_byte_order_mark_before_a_request_is_passed_over() -> None:
    body = b"\xef\xbb\xbf" + json.dumps(REQUEST).encode()
    assert decide(body).json()["outcomes"] == decide().json()["outcomes"]


def test_null_means_not_given() -> None:
    nulls = {"policies": None, "as_of": None, "explain": None}
    assert decide(**nulls).json()["as_of"] == "2026-11-21"
    entry = decide(facts={**CUSTOMER, "industry": None}).json()["outcomes"][RFM]
    assert entry["status"] == "missing_facts"
    assert entry["missing"] == ["industry"]


def test_without_names_all_policies_answer() -> None:
    assert len(decide(policies=None).json()["outcomes"]) > 5


def test_a_policy_that_another_needs_is_decided_and_told() -> None:
    facts = {**CUSTOMER, "last_contact_on": "2026-11-01"}
    outcomes = decide(facts=facts, policies=["followup/contact_cadence"]).json()["outcomes"]
    assert outcomes[RFM]["outcome"] == {"tier": "A"}
    assert outcomes["followup/contact_cadence"]["status"] == "decided"


@pytest.mark.parametrize("amount", ["1125000.01", '"1125000.01"', "1.12500001e6", "1125000.010", "1125000.001"])
def test_a_decimal_is_read_from_its_text(amount: str) -> None:
    """1,125,000.00 is exactly one and a half times the mean: a fen more is tier S."""
    facts = {**CUSTOMER, "recency_days": 5, "orders_12m": 9}
    body = json.dumps({**REQUEST, "facts": facts}).replace('"800000.00"', amount)
    response = decide(body.encode())
    if amount.endswith("001"):
        assert response.json()["problems"][0]["expected"].startswith("an amount in CNY with at most 2 decimals")
    else:
        assert response.json()["outcomes"][RFM]["outcome"] == {"tier": "S"}


def test_the_largest_fact_keeps_its_last_digit() -> None:
    entry = decide(facts={**CUSTOMER, "amount_12m": "90071992547409.92"}).json()["outcomes"][RFM]
    assert entry["status"] == "decided"
    refused = decide(facts={**CUSTOMER, "amount_12m": "90071992547409.93"})
    assert refused.json()["problems"][0]["code"] == "out-of-range"
