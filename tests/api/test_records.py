"""A decision is on record when it is answered: it can be read, explained, made again, proved; and erased in part."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any, cast

import httpx
import pytest
from fastapi import FastAPI

from api.app import Application
from policy_service.actor import Role
from policy_service.audit.keys import public_keys
from policy_service.audit.proofs import verify_proof
from policy_service.decisions.sealer import Sealer
from tests.api import client
from tests.api.client import CUSTOMER, DECISIONS, RFM, SECRET, StandingClock, apart, assert_problem, credentials, keys
from tests.shipped import VERSIONS

CARD = "tiering/membership_card"
ANOTHER = "another one"
NOBODY = "01a1ff94-2390-7b0a-9ce3-d0d78dc00a10"

_APPLICATION: list[FastAPI] = []


@pytest.fixture(scope="module", autouse=True)
def _application() -> Iterator[None]:
    """An application for these tests alone."""
    with apart() as made:
        _APPLICATION[:] = [made]
        yield


def application() -> Application:
    return cast("Application", _APPLICATION[0])


def ask(method: str, path: str, **more: Any) -> httpx.Response:  # noqa: ANN401 - httpx's
    return client.ask(method, path, app=application(), **more)


def example(policy: str) -> dict[str, Any]:
    """A request that decides a policy."""
    answer: dict[str, Any] = ask("GET", f"/v1/policies/{policy}/requirements").json()["example"]
    return answer


def decided(subject: str, policy: str = RFM, **changes: object) -> dict[str, Any]:
    """The answer to a request about a subject of its own."""
    request = example(policy) if policy != RFM else {"facts": CUSTOMER, "policies": [RFM], "as_of": "2026-11-21"}
    answer = client.decide({**request, "subject": subject, **changes}, app=application())
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def record_of(answer: dict[str, Any], **params: str) -> dict[str, Any]:
    """What is on record of it."""
    result = ask("GET", f"{DECISIONS}/{answer['decision_id']}", params=params)
    assert result.status_code == 200, result.text
    record: dict[str, Any] = result.json()
    return record


def erase(subject: str, **changes: object) -> httpx.Response:
    body = json.dumps({"reason": "the customer asked for it", "password": SECRET, **changes}).encode()
    headers = {"content-type": "application/json"}
    return ask("DELETE", f"/v1/subjects/{subject}/key", role=Role.COMPLIANCE, content=body, headers=headers)


def test_a_decision_on_wrong_facts_is_corrected_by_one_that_names_it() -> None:
    wrong = decided("R-wrong")
    right = decided("R-wrong", corrects=wrong["decision_id"])
    assert (record_of(right)["corrects"], record_of(right)["corrected_by"]) == (wrong["decision_id"], [])
    assert (record_of(wrong)["corrects"], record_of(wrong)["corrected_by"]) == (None, [right["decision_id"]])
    request = {"facts": CUSTOMER, "policies": [RFM], "as_of": "2026-11-21", "corrects": wrong["decision_id"]}
    for changes in ({"subject": "R-other"}, {"subject": "R-wrong", "as_of": "2026-11-20"}):
        answer = client.decide({**request, **changes}, app=application())
        assert wrong["decision_id"] in assert_problem(answer, 409, "conflict")["detail"]


def test_what_was_answered_is_on_record() -> None:
    answer = decided("R1", facts={**CUSTOMER, "amount_12m": 800000.5})
    record = record_of(answer)
    for member in ("decision_id", "subject", "as_of", "outcomes"):
        assert record[member] == answer[member]
    assert record["decided_at"] == "2026-11-20T17:30:00Z"
    assert record["by"] == {"id": record["by"]["id"], "name": "integration", "kind": "machine"}
    assert record["asked"] == [RFM]
    assert record["policies"][RFM] == {"version": VERSIONS[RFM], "digest": answer["outcomes"][RFM]["digest"]}
    assert record["engine"] == {RFM: "durable_rules"}
    assert record["facts"] == {**CUSTOMER, "amount_12m": "800000.5"}
    assert (record["explain"], record["overrides"], record["trace"]) == (False, [], None)


def test_a_record_can_be_explained_afterwards() -> None:
    record = record_of(decided("R2"), explain="true")
    failed = {rule["rule"]: rule for rule in record["trace"][RFM] if not rule["matched"]}
    assert failed["S"]["saw"] == {"recency_days": 45}


def test_a_decision_comes_out_again() -> None:
    answer = decided("R3")
    verdict = ask("POST", f"{DECISIONS}/{answer['decision_id']}/replay").json()
    assert (verdict["verdict"], verdict["why"], verdict["differences"]) == ("same", None, [])
    assert verdict["policies"][RFM]["version"] == VERSIONS[RFM]


def test_a_decision_is_proved_to_whoever_has_the_public_key() -> None:
    answer = decided("R4")
    path = f"{DECISIONS}/{answer['decision_id']}/proof"
    early = ask("GET", path)
    assert_problem(early, 409, "conflict")
    assert early.headers["retry-after"] == "10"
    waiting = ask("GET", f"{path}/state").json()
    assert (waiting["state"], waiting["block"], waiting["key"]) == ("waiting", None, None)
    assert waiting["reason"]
    service = application().service
    Sealer(service.database, StandingClock(), keys()).seal_all()
    proof = ask("GET", path)
    assert proof.status_code == 200, proof.text
    verify_proof(proof.json(), list(public_keys(keys()).values()))
    assert json.loads(proof.json()["record"]["line"])["subject"] == "R4"
    proved = ask("GET", f"{path}/state").json()
    assert (proved["state"], proved["reason"]) == ("proved", None)
    assert proved["first"] <= proved["seq"] <= proved["last"]
    assert proved["entry"] <= proved["checkpoint"]


@pytest.mark.parametrize(
    ("method", "end"),
    [("GET", ""), ("GET", "?explain=true"), ("POST", "/replay"), ("GET", "/proof"), ("GET", "/proof/state")],
)
def test_a_decision_nobody_made_is_not_found(method: str, end: str) -> None:
    assert_problem(ask(method, f"{DECISIONS}/{NOBODY}{end}"), 404, "not-found")
    assert_problem(ask(method, f"{DECISIONS}/17{end}"), 422, "invalid-parameter")


# ------------------------------------------------------------------------------------------------- a subject


def test_a_subject_s_decisions_are_listed_from_the_newest_backwards() -> None:
    made = [decided("R5", explain=number == 1)["decision_id"] for number in range(5)]
    seen: list[str] = []
    params: dict[str, str] | None = {"limit": "2"}
    page: dict[str, Any] = {}
    while params is not None:
        page = ask("GET", "/v1/subjects/R5/decisions", params=params).json()
        assert len(page["items"]) <= 2
        seen += [item["decision_id"] for item in page["items"]]
        params = {"limit": "2", "cursor": page["next_cursor"]} if page["next_cursor"] else None
    assert seen == made[::-1]
    assert page["items"][0]["outcomes"][RFM]["outcome"] == {"tier": "A"}
    assert "facts" not in page["items"][0]


def test_of_a_subject_nobody_knows_there_are_no_decisions() -> None:
    assert ask("GET", "/v1/subjects/R6/decisions").json() == {"items": [], "next_cursor": None}


@pytest.mark.parametrize(("name", "value"), [("cursor", "?"), ("cursor", ""), ("cursor", "YQ=="), ("limit", "0")])
def test_a_wrong_page_is_refused(name: str, value: str) -> None:
    problem = assert_problem(ask("GET", "/v1/subjects/R6/decisions", params={name: value}), 422, "invalid-parameter")
    assert [fault["parameter"] for fault in problem["problems"]] == [name]


def test_a_sensitive_fact_is_masked_and_can_be_erased() -> None:
    answer = decided("R7", CARD, explain=True)
    record = record_of(answer, explain="true")
    masked = {name for name, value in record["facts"].items() if value == "•••"}
    assert masked
    assert all(rule.get("saw", {}).get(name, "•••") == "•••" for name in masked for rule in record["trace"][CARD])
    path = f"{DECISIONS}/{answer['decision_id']}"
    assert ask("POST", f"{path}/replay").json()["verdict"] == "same"

    erased = erase("R7")
    assert (erased.status_code, erased.json()["subject"]) == (200, "R7")
    record = record_of(answer)
    assert {name for name, value in record["facts"].items() if value == {"$erased": True}} == masked
    verdict = ask("POST", f"{path}/replay").json()
    assert (verdict["verdict"], verdict["policies"]) == ("not_replayable", None)
    assert "sensitive facts cannot be read" in verdict["why"]
    assert "cannot be read" in assert_problem(ask("GET", f"{path}?explain=true"), 409, "conflict")["detail"]
    assert "erased before" in assert_problem(erase("R7"), 409, "conflict")["detail"]


def test_erasing_takes_a_reason_and_the_password() -> None:
    decided("R8", CARD)
    assert_problem(erase("R8", password=ANOTHER), 403, "confirmation-needed")
    assert_problem(erase("R8", reason=""), 422, "request-refused")
    assert_problem(erase("R8", reason=" "), 409, "conflict")
    assert_problem(erase("R8", why="?"), 422, "request-refused")
    assert erase("R8").status_code == 200


# ------------------------------------------------------------------------------------------ one key, one effect


def keyed(key: str, **changes: object) -> httpx.Response:
    body = json.dumps({"subject": "R9", "facts": CUSTOMER, "policies": [RFM], **changes}).encode()
    return ask("POST", DECISIONS, content=body, headers={"content-type": "application/json", "idempotency-key": key})


def test_the_same_request_with_the_same_key_is_answered_once() -> None:
    first, again = keyed("k1", subject="R11"), keyed("k1", subject="R11")
    assert again.content == first.content
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert len(ask("GET", "/v1/subjects/R11/decisions").json()["items"]) == 1
    assert keyed("k2").json()["decision_id"] != first.json()["decision_id"]


def test_a_hundred_requests_at_once_with_one_key_have_one_effect() -> None:
    body = json.dumps({"subject": "R10", "facts": CUSTOMER, "policies": [RFM]}).encode()
    headers = {"content-type": "application/json", "idempotency-key": "k100"}
    headers["authorization"] = credentials(application())["integration"]

    async def all_at_once() -> set[bytes]:
        transport = httpx.ASGITransport(application())
        async with httpx.AsyncClient(transport=transport, base_url="http://service", headers=headers) as client:
            answers = await asyncio.gather(*(client.post(DECISIONS, content=body) for _ in range(100)))
            assert {answer.status_code for answer in answers} == {200}
            return {answer.content for answer in answers}

    assert len(asyncio.run(all_at_once())) == 1
    assert len(ask("GET", "/v1/subjects/R10/decisions").json()["items"]) == 1


def test_another_request_with_the_key_is_refused() -> None:
    keyed("k3")
    assert_problem(keyed("k3", explain=True), 422, "idempotency-key-reused")


def test_a_refusal_leaves_the_key_free() -> None:
    assert_problem(keyed("k4", facts={"x": 1}), 422, "facts-refused")
    assert keyed("k4").status_code == 200


@pytest.mark.parametrize("key", ["", "a b", "x" * 201, "ä"])
def test_what_is_no_key_is_refused(key: str) -> None:
    response = ask(
        "POST",
        DECISIONS,
        content=b'{"subject": "R9", "facts": {}}',
        headers=[
            ("content-type", "application/json"),
            (b"idempotency-key", key.encode()),
            ("authorization", credentials(application())["integration"]),
        ],
    )
    problem = assert_problem(response, 422, "invalid-parameter")
    assert problem["problems"][0]["parameter"] == "Idempotency-Key"
