"""No operation takes a query parameter that it does not declare: a misspelt filter would answer with every row."""

import re

import pytest

from api.auth.permissions import PERMISSIONS
from policy_service.actor import Role
from tests.api.client import RFM, ask, assert_problem

OPERATIONS = [row for row in PERMISSIONS if row[1].startswith("/v1/") and not row[1].startswith("/v1/session/oidc")]


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_no_operation_takes_a_parameter_that_it_does_not_declare(method: str, path: str) -> None:
    address = re.sub(r"\{\w+(:text)?\}", "a", path)
    address += "?surprise=1&surprise=2&limitt=x"
    # the session that fits may have been ended by the test of ending it
    answer = ask(method, address, role=Role.AUTHOR) if path == "/v1/session" else ask(method, address)
    problem = assert_problem(answer, 422, "invalid-parameter")
    unknown = [each for each in problem["problems"] if each["code"] == "unknown"]
    assert [each["parameter"] for each in unknown] == ["surprise", "limitt"]


def test_every_wrong_parameter_is_told_at_once_with_the_name_that_was_meant() -> None:
    answer = ask("GET", "/v1/changes?stat=draft&limit=none&state=asleep")
    problem = assert_problem(answer, 422, "invalid-parameter")
    assert {each["parameter"]: each["code"] for each in problem["problems"]} == {
        "stat": "unknown",
        "limit": "mistyped",
        "state": "mistyped",
    }
    assert problem["problems"][0]["hint"] == "did you mean `state`?"
    assert problem["problems"][0]["expected"].startswith("one of state, kind, ")


def test_a_required_parameter_that_was_not_sent_is_named() -> None:
    problem = assert_problem(ask("GET", "/v1/search"), 422, "invalid-parameter")
    assert problem["problems"] == [{"parameter": "q", "code": "missing", "value": "", "expected": "a value"}]


def test_a_thousand_unknown_parameters_are_refused_by_the_first_twenty() -> None:
    query = "&".join(f"p{number}=" for number in range(1_000))
    problem = assert_problem(ask("GET", f"/v1/audit?{query}"), 422, "invalid-parameter")
    assert len(problem["problems"]) == 20


def test_a_parameter_that_is_sent_twice_is_refused_since_one_value_would_be_ignored() -> None:
    answer = ask("GET", "/v1/changes?state=draft&state=rejected&limit=none")
    problem = assert_problem(answer, 422, "invalid-parameter")
    repeated, limit = problem["problems"]
    assert repeated == {"parameter": "state", "code": "repeated", "value": '"draft, rejected"', "expected": "one value"}
    assert limit["parameter"] == "limit"


@pytest.mark.parametrize(
    "address",
    [
        "/v1/audit?from=",
        "/v1/decisions?until=",
        f"/v1/policies/{RFM}/active?valid_at=",
        "/v1/groups?day=",
        "POST /v1/populations?name=a&as_of=",
    ],
)
def test_digits_are_no_day_and_no_seconds_since_1970(address: str) -> None:
    method, _, path = address.rpartition(" ")
    for digits in ("20261130", "1782777600", "-86400"):
        problem = assert_problem(ask(method or "GET", path + digits), 422, "invalid-parameter")
        assert [each["code"] for each in problem["problems"]] == ["mistyped"]


@pytest.mark.parametrize(
    ("path", "member"),
    [
        ("/v1/jobs/run", "as_of"),
        ("/v1/jobs/pack", "since"),
        ("/v1/jobs/renewal", "start"),
        ("/v1/api-keys", "expires_at"),
    ],
)
@pytest.mark.parametrize("value", ["86400", 86400, "20261130", True])
def test_nor_are_they_in_a_body(path: str, member: str, value: object) -> None:
    problem = assert_problem(ask("POST", path, json={member: value}), 422, "request-refused")
    assert {"pointer": f"/{member}", "code": "mistyped"}.items() <= next(
        each for each in problem["problems"] if each["pointer"] == f"/{member}"
    ).items()


def test_a_page_ignores_what_it_does_not_know() -> None:
    assert ask("GET", "/changes?utm_source=mail", role=Role.AUTHOR).status_code == 200
