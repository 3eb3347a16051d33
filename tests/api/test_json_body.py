"""Bodies of requests: every member that is wrong is told at once, in the words used everywhere."""

from policy_service.actor import Role
from tests.api.client import ask, assert_problem

ACCOUNTS = "/v1/accounts"


def test_every_member_that_is_wrong_is_told_with_what_was_expected() -> None:
    body = {"titel": "A title", "reason": "Because.", "effective": {"from": "tomorrow", "to": "never"}, "texts": []}
    problem = assert_problem(ask("POST", "/v1/changes", role=Role.AUTHOR, json=body), 422, "request-refused")
    results = {fault["pointer"]: fault for fault in problem["problems"]}
    assert results["/title"]["code"] == "missing-member"
    assert results["/title"]["expected"] == "a value"
    assert results["/titel"]["code"] == "unknown-member"
    assert "title" in results["/titel"]["expected"]
    assert results["/titel"]["hint"] == "did you mean `title`?"
    assert results["/effective/to"]["expected"] == "no such member"
    assert results["/effective/from"]["code"] == "mistyped"


def test_where_a_secret_may_be_no_value_is_shown() -> None:
    body = {"name": "somebody", "pasword": "very secret words"}
    response = ask("POST", ACCOUNTS, role=Role.ADMINISTRATOR, json=body)
    problem = assert_problem(response, 422, "request-refused")
    assert "very secret words" not in response.text
    assert {"/pasword", "/printed_name"} <= {fault["pointer"] for fault in problem["problems"]}
