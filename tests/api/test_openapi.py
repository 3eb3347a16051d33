"""The OpenAPI document is true: its examples come out as it says, and generated requests get documented answers."""

import re
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from api.rest.decisions import PATH
from tests.api.client import application, ask, assert_next_decision_is_right, decide

DOCUMENT = application().openapi()
OPERATION = DOCUMENT["paths"][PATH]["post"]
REQUESTS = OPERATION["requestBody"]["content"]["application/json"]["examples"]
ANSWERS = OPERATION["responses"]["200"]["content"]["application/json"]["examples"]
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


@schemathesis.serializer("application/x-ndjson")
def as_lines(_: object, value: object) -> bytes:
    """The lines of a batch, as they are."""
    return str(value).encode(errors="replace")


schema = schemathesis.openapi.from_dict(DOCUMENT)


@pytest.mark.parametrize("name", REQUESTS)
def test_an_example_gets_the_documented_answer(name: str) -> None:
    answer = decide(REQUESTS[name]["value"]).json()
    assert {**answer, "decision_id": ""} == {**ANSWERS[name]["value"], "decision_id": ""}
    assert answer["outcomes"][name]["status"] == "decided"


def test_every_policy_has_an_example() -> None:
    names = [item["policy"] for item in ask("GET", "/v1/policies").json()["items"]]
    assert sorted(REQUESTS) == sorted(ANSWERS) == names


def test_every_operation_is_named_described_and_of_a_kind() -> None:
    operations = [operation for methods in DOCUMENT["paths"].values() for operation in methods.values()]
    assert len({operation["operationId"] for operation in operations}) == len(operations)
    assert all(operation["summary"] and operation["tags"] for operation in operations)
    assert "HTTPValidationError" not in str(DOCUMENT)


@schema.parametrize()
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
def test_whatever_the_document_allows_gets_a_documented_answer(case: schemathesis.Case[Any]) -> None:
    request = requests.Request(**case.as_transport_kwargs(base_url="http://service")).prepare()
    body = request.body.encode() if isinstance(request.body, str) else request.body
    response = ask(str(request.method), str(request.url), content=body, headers=dict(request.headers))
    case.validate_response(response, checks=CHECKS)


def test_afterwards_the_next_decision_is_right() -> None:
    assert_next_decision_is_right()


def test_the_page_for_people_tells_every_operation_and_fetches_nothing_from_elsewhere() -> None:
    page = ask("GET", "/docs")
    assert page.headers["content-type"].startswith("text/html")
    for path in DOCUMENT["paths"]:
        assert f"<code>{path}</code>" in page.text
    assert not re.search(r"(?:src|href)=.(?:https?:)?//", page.text)
    assert "<script" not in page.text
    assert ask("GET", "/static/docs.css").headers["content-type"].startswith("text/css")
