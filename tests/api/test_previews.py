"""A preview is answered as a decision would be, and nothing is recorded."""

from __future__ import annotations

import json

import httpx
import pytest

from tests.api import client
from tests.api.client import CUSTOMER, DECISIONS, RFM, assert_problem


def post(query: str, **changes: object) -> httpx.Response:
    request = {"subject": "P1", "facts": CUSTOMER, "policies": [RFM], "as_of": "2026-11-21", **changes}
    headers = {"content-type": "application/json"}
    return client.ask("POST", f"{DECISIONS}{query}", content=json.dumps(request).encode(), headers=headers)


def test_a_preview_says_what_would_be_decided_and_is_not_on_record() -> None:
    preview = post("?record=false", explain=True)
    assert preview.status_code == 200, preview.text
    assert client.ask("GET", "/v1/subjects/P1/decisions").json()["items"] == []
    assert client.ask("GET", "/v1/subjects/P1").json()["policies"] == []
    decided = post("?record=true", explain=True).json()
    said = preview.json()
    assert said["decision_id"] is None
    assert said["trace"]
    different = {"decision_id", "decided_at"}
    assert {name: value for name, value in said.items() if name not in different} == {
        name: value for name, value in decided.items() if name not in different
    }
    assert len(client.ask("GET", "/v1/subjects/P1/decisions").json()["items"]) == 1


def test_a_preview_is_refused_as_a_decision_is() -> None:
    assert_problem(post("?record=false", facts={"amount_12m": "x"}), 422, "facts-refused")


@pytest.mark.parametrize("query", ["?record=no", "?record=", "?record=false&record=true"])
def test_what_says_neither_is_refused(query: str) -> None:
    problem = assert_problem(post(query), 422, "invalid-parameter")
    assert problem["problems"][0]["expected"] == "`true` or `false`"
