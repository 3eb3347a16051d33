"""`POST /v1/decisions/batch`: a line in, a line out, in order, each on record; one that is refused stops no other."""

import json
from collections.abc import AsyncIterator
from typing import Any

import jsonschema_rs
import pytest

from tests.api.client import CUSTOMER, RFM, ask, assert_problem, decide

BATCH = "/v1/decisions/batch"
LINES = {"content-type": "application/x-ndjson"}
LIMIT = 256 * 1024


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


BAD = [
    line("B1", facts={"x": 1}),
    b"{]\n",
    b"\n",
    line(""),
    line("B2", policies=["a/b", RFM], facts={"x": 1}, explain="no"),
    b"[" * (LIMIT + 1) + b"\n",
    b'{"subject": "\xff"}\n',
    b"3\n",
]


def test_a_line_that_is_refused_says_which_and_whom_it_is_about_and_stops_no_other() -> None:
    first, *refused, last = send(b"".join([line("B0"), *BAD, line("B3").rstrip()]))
    assert (first["subject"], last["subject"]) == ("B0", "B3")
    assert [(each["line"], each["subject"], each["problem"]["type"]) for each in refused] == [
        (2, "B1", "/problems/facts-refused"),
        (3, None, "/problems/malformed-json"),
        (5, None, "/problems/request-refused"),
        (6, "B2", "/problems/request-refused"),
        (7, None, "/problems/body-too-large"),
        (8, None, "/problems/malformed-json"),
        (9, None, "/problems/request-refused"),
    ]
    assert refused[4]["problem"]["detail"] == f"a line has at most {LIMIT:,} bytes"
    assert refused[4]["problem"]["limit"] == LIMIT


@pytest.mark.parametrize("bad", [each for each in BAD if each.strip() and len(each) < LIMIT])
def test_a_line_that_is_refused_carries_what_a_single_request_is_told(bad: bytes) -> None:
    [refused] = send(bad)
    alone = decide(bad.strip()).json()
    assert {**refused["problem"], "instance": ""} == {**alone, "instance": ""}
    assert refused["problem"]["instance"].startswith("urn:uuid:")


def test_what_is_answered_is_as_the_description_says() -> None:
    document = ask("GET", "/openapi.json").json()
    result = document["paths"][BATCH]["post"]["responses"]["200"]["content"]["application/x-ndjson"]["schema"]["x-line"]
    schema = jsonschema_rs.Draft202012Validator({**result, "components": document["components"]})
    for answer in send(b"".join([line("B0"), *BAD])):
        assert schema.is_valid(answer), answer


def test_lines_may_come_in_pieces() -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for byte in b"\xef\xbb\xbf" + line("B4") + line("B5"):
            yield bytes([byte])

    assert [answer["subject"] for answer in send(pieces())] == ["B4", "B5"]


def test_nothing_is_answered_by_nothing() -> None:
    assert send(b"") == []
    assert send(b"\n \n") == []
    assert send(b"", **{"idempotency-key": "nothing"}) == []


def test_another_kind_of_body_is_refused() -> None:
    response = ask("POST", BATCH, content=line("B6"), headers={"content-type": "application/json"})
    problem = assert_problem(response, 415, "unsupported-media-type")
    assert problem["supported"] == ["application/x-ndjson", "application/jsonl"]


def test_a_fault_of_the_service_s_own_is_that_of_its_line_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    from policy_service.decisions.evaluation import Evaluation, Question  # noqa: PLC0415  # what is broken below
    from policy_service.decisions.in_force import InForce  # noqa: PLC0415  # what is broken below

    evaluate = InForce.evaluate

    def fail(self: InForce, question: Question) -> Evaluation:
        if question.subject.id == "B7":
            raise RuntimeError
        return evaluate(self, question)

    monkeypatch.setattr(InForce, "evaluate", fail)
    first, failed, last = send(line("B6") + line("B7") + line("B8"))
    assert (first["subject"], last["subject"]) == ("B6", "B8")
    assert (failed["line"], failed["subject"], failed["problem"]["status"]) == (2, "B7", 500)
    assert failed["problem"]["type"] == "/problems/internal-error"


# ------------------------------------------------------------------------------------------------- with a key


def records_of(subject: str) -> int:
    return len(ask("GET", f"/v1/subjects/{subject}/decisions").json()["items"])


def test_a_batch_sent_again_is_not_recorded_twice() -> None:
    content = line("K1") + line("K2", facts={"x": 1}) + line("K3")
    first = send(content, **{"idempotency-key": "k1"})
    again = send(content, **{"idempotency-key": "k1"})
    assert [each.get("decision_id") for each in first] == [each.get("decision_id") for each in again]
    assert first[0] == again[0]
    assert (records_of("K1"), records_of("K2"), records_of("K3")) == (1, 0, 1)
    more = send(content.replace(b'"x": 1', b'"orders_12m": 1') + line("K4"), **{"idempotency-key": "k1"})
    assert [each["subject"] for each in more] == ["K1", "K2", "K3", "K4"]
    assert all("decision_id" in each for each in more)
    assert (more[0], more[2]) == (first[0], first[2])


def test_a_key_of_another_batch_is_refused() -> None:
    send(line("K5") + line("K6"), **{"idempotency-key": "k2"})
    response = ask("POST", BATCH, content=line("K7"), headers={**LINES, "idempotency-key": "k2"})
    assert_problem(response, 422, "idempotency-key-reused")
    same, other = send(line("K5") + line("K8") + line("K9"), **{"idempotency-key": "k2"})
    assert same["subject"] == "K5"
    assert (other["line"], other["subject"]) == (2, "K8")
    assert other["problem"]["type"] == "/problems/idempotency-key-reused"
    assert [records_of(subject) for subject in ("K5", "K6", "K7", "K8", "K9")] == [1, 1, 0, 0, 0]


def test_the_key_of_a_batch_is_not_that_of_a_single_decision() -> None:
    key = {"idempotency-key": "k3"}
    [in_batch] = send(line("K10"), **key)
    alone = ask("POST", "/v1/decisions", content=line("K10"), headers={"content-type": "application/json", **key})
    assert alone.json()["decision_id"] != in_batch["decision_id"]


def test_what_is_no_key_is_refused() -> None:
    response = ask("POST", BATCH, content=line("K11"), headers={**LINES, "idempotency-key": "two words"})
    assert_problem(response, 422, "invalid-parameter")
    assert records_of("K11") == 0
