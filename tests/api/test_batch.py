"""`POST /v1/decisions/batch`: a line in, a line out, in order, each on record; one that is refused stops no other."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.api.client import CUSTOMER, RFM, ask, assert_problem

BATCH = "/v1/decisions/batch"
LINES = {"content-type": "application/x-ndjson"}


def line(subject: str, **changes: object) -> bytes:
    return json.dumps({"subject": subject, "facts": CUSTOMER, "policies": [RFM], **changes}).encode() + b"\n"


def send(content: Any, **headers: str) -> list[dict[str, Any]]:  # noqa: ANN401 - httpx's
    answer = ask("POST", BATCH, content=content, headers={**LINES, **headers})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert answer.headers["cache-control"] == "no-store"
    return [json.loads(each) for each in answer.text.splitlines()]


def test_every_line_is_answered_in_order_and_is_on_record() -> None:
    answers = send(b"".join(line(f"B{number}") for number in range(300)))
    assert [answer["subject"] for answer in answers] == [f"B{number}" for number in range(300)]
    assert {answer["outcomes"][RFM]["outcome"]["tier"] for answer in answers} == {"A"}
    record = ask("GET", f"/v1/decisions/{answers[7]['decision_id']}").json()
    assert record["subject"] == "B7"


def test_a_line_that_is_refused_says_which_and_stops_no_other() -> None:
    bad = [line("B1", facts={"x": 1}), b"{]\n", b"\n", line(""), line("B2", policies=["a/b"]), b"[" * 300_000 + b"\n"]
    first, *problems, last = send(b"".join([line("B0"), *bad, line("B3").rstrip()]))
    assert (first["subject"], last["subject"]) == ("B0", "B3")
    assert [(each["line"], each["problem"]["code"]) for each in problems] == [
        (2, "facts-refused"),
        (3, "malformed-json"),
        (5, "request-refused"),
        (6, "unknown-policy"),
        (7, "line-too-long"),
    ]
    assert problems[0]["problem"]["problems"][0]["fact"] == "x"


def test_lines_may_come_in_pieces() -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for byte in line("B4") + line("B5"):
            yield bytes([byte])

    assert [answer["subject"] for answer in send(pieces())] == ["B4", "B5"]


def test_nothing_is_answered_by_nothing() -> None:
    assert send(b"") == []
    assert send(b"\n \n") == []


def test_another_kind_of_body_is_refused() -> None:
    response = ask("POST", BATCH, content=line("B6"), headers={"content-type": "application/json"})
    problem = assert_problem(response, 415, "unsupported-media-type")
    assert problem["supported"] == ["application/x-ndjson", "application/jsonl"]


def test_a_fault_of_the_service_s_own_breaks_the_answer_off(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("policy_service.decisions.in_force.InForce.make", fail)
    with pytest.raises(AssertionError):  # httpx's: the answer has no end
        ask("POST", BATCH, content=line("B7"), headers=LINES)
