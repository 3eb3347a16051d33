"""The OpenAPI document is true: its examples come out as it says, and generated requests get documented answers."""

import re
from functools import cache
from typing import Any

import numpy  # noqa: F401  # Hypothesis asks what of it is imported, when a thread may have half of it
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.generation.hypothesis.builder import HypothesisTestConfig, HypothesisTestMode, create_test
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from api.auth.permissions import PERMISSIONS
from api.features.decisions.endpoints import PATH
from policy_service.shipped import shipped_policies
from tests.api.client import application, ask, assert_next_decision_is_right, decide
from tests.effort import effort

OUTSIDE_V1 = {"/healthz", "/readyz", "/metrics", "/problems", "/problems/{name}"}
OPERATIONS = [
    (method, path.replace(":text", "")) for method, path in PERMISSIONS if path.startswith("/v1/") or path in OUTSIDE_V1
]
POLICIES = sorted({f"{file.parts[-3]}/{file.parts[-2]}" for file in shipped_policies().glob("*/*/*.yaml")})
CONFORMANCE = [status_code_conformance, content_type_conformance, response_schema_conformance]
MODES = effort([HypothesisTestMode.EXAMPLES, HypothesisTestMode.FUZZING], list(HypothesisTestMode))
"""The document's own examples, drawn requests, and in long runs the bounds of every part of one."""
Json = dict[str, Any]


def document() -> Json:
    return application().openapi()


def examples() -> tuple[Json, Json]:
    """The examples of the decision's requests, and of their answers, by policy."""
    operation = document()["paths"][PATH]["post"]
    request, answer = operation["requestBody"], operation["responses"]["200"]
    return tuple(part["content"]["application/json"]["examples"] for part in (request, answer))


@schemathesis.serializer("application/x-ndjson")
def as_lines(_: object, value: object) -> bytes:
    """The lines of a batch, as they are."""
    return str(value).encode(errors="replace")


@cache
def schema() -> BaseSchema:
    return schemathesis.openapi.from_dict(document())


def test_every_reference_leads_somewhere() -> None:
    whole = document()
    references: set[str] = set()

    def collect(part: object) -> None:
        if isinstance(part, dict):
            assert "$defs" not in part
            references.update(each for each in (part.get("$ref"),) if isinstance(each, str))
        for each in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
            collect(each)

    collect(whole)
    assert references >= {"#/components/schemas/EvidenceBody", "#/components/schemas/Role"}
    for reference in references:
        place: Json = whole
        for name in reference.removeprefix("#/").split("/"):
            place = place[name]


@pytest.mark.one_in(3)
@pytest.mark.parametrize("name", POLICIES)
def test_an_example_gets_the_documented_answer(name: str) -> None:
    requested, answered = examples()
    answer = decide(requested[name]["value"]).json()
    assert {**answer, "decision_id": ""} == {**answered[name]["value"], "decision_id": ""}
    assert answer["outcomes"][name]["status"] == "decided"


def test_every_policy_has_an_example() -> None:
    names = [item["policy"] for item in ask("GET", "/v1/policies").json()["items"]]
    requested, answered = examples()
    assert sorted(requested) == sorted(answered) == names == POLICIES


def test_every_operation_is_named_described_and_of_a_kind() -> None:
    paths = document()["paths"]
    operations = [operation for methods in paths.values() for operation in methods.values()]
    assert {(method.upper(), path) for path, methods in paths.items() for method in methods} == set(OPERATIONS)
    assert len({operation["operationId"] for operation in operations}) == len(operations)
    assert all(operation["summary"] and operation["tags"] for operation in operations)
    assert "HTTPValidationError" not in str(document())


@pytest.mark.one_in(3)
@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_whatever_the_document_allows_gets_a_documented_answer(method: str, path: str) -> None:
    config = HypothesisTestConfig(project=schema().config, modes=MODES)
    create_test(operation=schema()[path][method], test_func=check, config=config)()


@settings(
    max_examples=effort(3, 100),
    derandomize=effort(quick=True, long=False),
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
def check(case: schemathesis.Case[Any]) -> None:
    """Sends a request, and asks that the document describes the answer."""
    request = requests.Request(**case.as_transport_kwargs(base_url="http://service")).prepare()
    body = request.body.encode() if isinstance(request.body, str) else request.body
    response = ask(str(request.method), str(request.url), content=body, headers=dict(request.headers))
    # One job of a kind runs at a time: the one that was started just now may still run.
    is_busy = case.path.startswith("/v1/jobs/") and '"/problems/busy"' in response.text
    case.validate_response(response, checks=CONFORMANCE if is_busy else [not_a_server_error, *CONFORMANCE])


def test_afterwards_the_next_decision_is_right() -> None:
    assert_next_decision_is_right()


def test_the_page_for_people_tells_every_operation_and_fetches_nothing_from_elsewhere() -> None:
    page = ask("GET", "/docs")
    assert page.headers["content-type"].startswith("text/html")
    for path in document()["paths"]:
        assert f"<code>{path}</code>" in page.text
    assert not re.search(r"(?:src|href)=.(?:https?:)?//", page.text)
    assert "<script" not in page.text
    assert ask("GET", "/static/docs.css").headers["content-type"].startswith("text/css")
