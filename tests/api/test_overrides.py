"""Exceptions over HTTP: a director makes one, the answer says so, and a director or compliance ends it."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from policy_service.actor import Role
from tests.api import client
from tests.api.client import CUSTOMER, RFM, SECRET, apart, assert_problem
from tests.shipped import VERSIONS

OVERRIDES = "/v1/overrides"
ANOTHER = "another one"
NOBODY = "01a1ff94-2390-7b0a-9ce3-d0d78dc00a10"
JSON = {"content-type": "application/json"}
UNTIL = "2027-03-01T00:00:00+08:00"

_APPLICATION: list[FastAPI] = []


@pytest.fixture(scope="module", autouse=True)
def _application() -> Iterator[None]:
    """An application for these tests alone."""
    with apart() as made:
        _APPLICATION[:] = [made]
        yield


def ask(method: str, path: str, **more: Any) -> httpx.Response:  # noqa: ANN401 - httpx's
    return client.ask(method, path, app=_APPLICATION[0], **more)


def decide(**changes: object) -> httpx.Response:
    return client.decide(app=_APPLICATION[0], **changes)


def make(subject: str, *, by: Role = Role.SALES_DIRECTOR, key: str | None = None, **changes: object) -> httpx.Response:
    body = {
        "subject": subject,
        "policy": RFM,
        "outcome": {"tier": "S"},
        "role": by.value,
        "reason": "a partner of ten years",
        "until": UNTIL,
        "password": SECRET,
        **changes,
    }
    headers = {**JSON, **({"idempotency-key": key} if key else {})}
    return ask("POST", OVERRIDES, role=by, content=json.dumps(body).encode(), headers=headers)


def end(override: str, *, by: Role = Role.COMPLIANCE, **changes: object) -> httpx.Response:
    body = {"role": by.value, "reason": "not justified", "password": SECRET, **changes}
    return ask("POST", f"{OVERRIDES}/{override}/end", role=by, content=json.dumps(body).encode(), headers=JSON)


def entry(subject: str, policy: str = RFM, **more: object) -> dict[str, Any]:
    """What a policy answers about a subject."""
    answer = decide(subject=subject, policies=[policy], facts={**CUSTOMER, **more})
    result: dict[str, Any] = answer.json()["outcomes"][policy]
    return result


def test_an_exception_is_answered_until_it_is_ended() -> None:
    made = make("O1")
    assert made.status_code == 201, made.text
    body = made.json()
    assert made.headers["location"] == f"{OVERRIDES}/{body['override']}"
    assert (body["policy"], body["version"], body["by"]) == (RFM, VERSIONS[RFM], "The sales director")
    assert body["until"] == "2027-02-28T16:00:00Z"
    excepted = entry("O1")
    assert (excepted["outcome"], excepted["rules"]) == ({"tier": "S"}, [])
    assert excepted["overridden"]["override"] == body["override"]
    assert excepted["overridden"]["rules_said"]["outcome"] == {"tier": "A"}
    assert entry("O1", "followup/contact_cadence", last_contact_on="2026-11-01")["status"] == "decided"
    assert entry("O2")["outcome"] == {"tier": "A"}

    ended = end(body["override"])
    assert (ended.status_code, ended.json()["ended_at"]) == (200, "2026-11-20T17:30:00Z")
    assert entry("O1")["outcome"] == {"tier": "A"}
    problem = assert_problem(end(body["override"]), 422, "override-unfit")
    assert problem["reasons"] == ["The override has already ended."]


def test_exceptions_are_listed_and_read() -> None:
    made = [make(subject).json()["override"] for subject in ("O3", "O4", "O5")]
    end(made[1])
    assert ask("GET", OVERRIDES, params={"subject": "O4"}).json()["items"][0]["ended_at"]
    assert ask("GET", OVERRIDES, params={"subject": "O4", "state": "running"}).json()["items"] == []
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = ask(
            "GET", OVERRIDES, params={"limit": "2", "sort": "recorded"} | ({"cursor": cursor} if cursor else {})
        ).json()
        assert len(page["items"]) <= 2
        seen += [item["override"] for item in page["items"]]
        cursor = page["next_cursor"]
    assert [override for override in seen if override in made] == made
    assert ask("GET", f"{OVERRIDES}/{made[0]}").json()["subject"] == "O3"


def test_an_exception_nobody_made_is_not_found() -> None:
    assert_problem(ask("GET", f"{OVERRIDES}/{NOBODY}"), 404, "not-found")
    assert_problem(end(NOBODY), 404, "not-found")
    assert_problem(ask("GET", f"{OVERRIDES}/17"), 422, "invalid-parameter")


def test_all_that_stands_against_an_exception_is_told_at_once() -> None:
    problem = assert_problem(
        make("", outcome={"tear": "X"}, until="2020-01-01T00:00:00Z", reason=" "), 422, "override-unfit"
    )
    assert len(problem["reasons"]) == 5
    assert "did you mean `tier`?" in " ".join(problem["reasons"])


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"policy": "governance/sign_off"}, "Policies of governance cannot be overridden."),
        ({"policy": "tiering/none"}, "tiering/none is not in force."),
        ({"outcome": {"tier": "X"}}, "`tier`: expected one of S, A, B, C"),
        ({"outcome": []}, "expected an object with tier"),
        ({"until": "2028-01-01T00:00:00Z"}, "An override lasts at most 366 days."),
    ],
)
def test_an_exception_that_cannot_be_is_refused(changes: dict[str, Any], sentence: str) -> None:
    assert sentence in assert_problem(make("O6", **changes), 422, "override-unfit")["detail"]


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"until": "2027-01-01T00:00:00"}, "/until"),
        ({"until": 7}, "/until"),
        ({"outcome": "S"}, "/outcome/dict[str,any]"),
        ({"role": "king"}, "/role"),
        ({"subjekt": "O6"}, "/subjekt"),
    ],
)
def test_a_body_that_is_wrong_is_refused_by_name(changes: dict[str, Any], pointer: str) -> None:
    faults = assert_problem(make("O6", **changes), 422, "request-refused")["problems"]
    assert faults[0]["pointer"] == pointer


def test_a_subject_has_one_exception_from_a_policy_at_a_time() -> None:
    assert make("O7").status_code == 201
    assert "already has an override of" in assert_problem(make("O7"), 422, "override-unfit")["detail"]


def test_an_exception_is_signed_in_a_role_one_holds_with_the_password() -> None:
    assert_problem(make("O8", role="finance_director"), 403, "not-allowed")
    assert_problem(make("O8", password=ANOTHER), 403, "confirmation-needed")
    body = {"subject": "O8"}
    assert_problem(ask("POST", OVERRIDES, role=Role.COMPLIANCE, json=body), 403, "not-allowed")


def test_the_same_exception_with_the_same_key_is_made_once() -> None:
    first, again = make("O9", key="o9"), make("O9", key="o9")
    assert again.content == first.content
    assert again.headers["idempotency-replayed"] == "true"
    assert_problem(make("O10", key="o9"), 422, "idempotency-key-reused")


# --------------------------------------------------------------------------------------- the others' signatures

REWARD = "rewards/customer_rewards"
WRONG: dict[str, Any] = {"password": "wrong"}


def sign(override: dict[str, Any], *, by: Role = Role.COMPLIANCE, **changes: object) -> httpx.Response:
    body = {"role": by.value, "digest": override["digest"], "reason": "as agreed", "password": SECRET, **changes}
    path = f"{OVERRIDES}/{override['override']}/sign-offs"
    return ask("POST", path, role=by, content=json.dumps(body).encode(), headers=JSON)


def test_one_director_does_not_pay_80000_yuan_for_a_year() -> None:
    problem = assert_problem(
        make("FRIEND", policy=REWARD, outcome={"reward": "80000.00"}, reason="a friend"), 422, "override-unfit"
    )
    assert "governance/overrides 1.0.0 rejects this override by its rule `money-large`" in problem["detail"]


def test_money_is_decided_once_all_who_must_have_signed_and_the_answer_says_who_owes() -> None:
    until = "2026-12-31T00:00:00+08:00"
    made = make("M1", policy=REWARD, outcome={"reward": "500.00"}, until=until).json()
    assert (made["state"], made["verdict"]) == ("waiting", "needs_signers")
    assert made["owed"] == ["finance_director", "general_manager", "compliance"]
    waiting = ask("GET", f"{OVERRIDES}?state=waiting&subject=M1", role=Role.COMPLIANCE).json()["items"]
    assert [each["override"] for each in waiting] == [made["override"]]
    signed = made
    for by in (Role.FINANCE_DIRECTOR, Role.GENERAL_MANAGER, Role.COMPLIANCE):
        answer = sign(made, by=by)
        assert answer.status_code == 201, answer.text
        signed = answer.json()
    assert (signed["state"], signed["owed"], signed["ratified_at"]) == (
        "runs",
        [],
        signed["signatures"][2]["signed_at"],
    )
    assert [each["role"] for each in signed["signatures"]] == ["finance_director", "general_manager", "compliance"]
    assert ask("GET", f"{OVERRIDES}?state=waiting&subject=M1", role=Role.COMPLIANCE).json()["items"] == []
    assert_problem(sign(made), 422, "override-unfit")


def test_a_tier_says_until_when_it_is_provisional_and_no_longer_once_it_is_signed() -> None:
    made = make("P1").json()
    assert (made["state"], made["owed"]) == ("provisional", ["compliance"])
    assert entry("P1")["overridden"]["provisional_until"][:19] == made["lapses_at"][:19]
    assert_problem(sign(made, digest=f"sha256:{'0' * 64}"), 422, "override-unfit")
    assert_problem(sign(made, by=Role.GENERAL_MANAGER), 403, "not-allowed")
    assert_problem(sign(made, **WRONG), 403, "confirmation-needed")
    assert sign(made).status_code == 201
    assert "provisional_until" not in entry("P1")["overridden"]
