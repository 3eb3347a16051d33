"""An administrator who made a director, or has their password, does not sign over HTTP before compliance attested."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.api.client import SECRET, assert_problem
from tests.api.company import Company, company, refused, submitted

ACCOUNTS = "/v1/accounts"
SESSION = "/v1/session"
UNVOUCHED = "Your signing roles have no effect until compliance has attested your account."
TAKEN = "a staple that only root knows"
OWN = "a staple that only ada knows"


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def here(request: pytest.FixtureRequest) -> Iterator[Company]:
    with company(request.param) as made:
        yield made


def account(here: Company, name: str) -> dict[str, Any]:
    items = here.did("GET", ACCOUNTS, "compliance")["items"]
    result: dict[str, Any] = next(item for item in items if item["name"] == name)
    assert here.did("GET", f"{ACCOUNTS}/{result['id']}", "root") == result
    return result


def enter(here: Company, name: str, password: str) -> dict[str, Any]:
    """The answer to somebody who signs in."""
    return here.did("POST", SESSION, body={"name": name, "password": password})


def as_signed_in(here: Company, token: str, method: str, path: str, body: object = None) -> httpx.Response:
    return here.ask(method, path, body=body, authorization=f"Bearer {token}")


def attest(here: Company, name: str, by: str = "compliance", password: str = SECRET, **headers: str) -> httpx.Response:
    result = account(here, name)
    tag = {"if_match": f'"{result["etag"]}"', **headers}
    return here.ask("POST", f"{ACCOUNTS}/{result['id']}/attest", by, {"password": password}, **tag)


def test_an_administrator_who_has_a_directors_password_signs_nothing(here: Company) -> None:
    here.clock.move(minutes=1)
    change, sally = submitted(here, 310), account(here, "sally")
    here.did("PATCH", f"{ACCOUNTS}/{sally['id']}", "root", {"password": TAKEN})
    taken = enter(here, "sally", TAKEN)
    assert taken["roles"] == []
    assert taken["waiting"].startswith("Your signing roles have no effect yet: change your password")
    path, body = f"/v1/changes/{change['id']}/sign-offs", here.signature(change, "sales_director", password=TAKEN)
    refused(as_signed_in(here, taken["token"], "POST", path, body), 403, "not-allowed", taken["waiting"])
    refused(attest(here, "sally"), 409, "conflict", "The password of sally was set by another person")
    passwords = {"old": TAKEN, "new": OWN}
    assert as_signed_in(here, taken["token"], "POST", f"{SESSION}/password", passwords).status_code == 204
    token = enter(here, "sally", OWN)["token"]
    body["password"] = OWN
    refused(as_signed_in(here, token, "POST", path, body), 403, "not-allowed", UNVOUCHED)
    refused(attest(here, "sally", by="root"), 403, "not-allowed", "You changed the account sally")
    assert attest(here, "sally").json()["waiting"] == []
    assert as_signed_in(here, token, "GET", SESSION).json()["roles"] == ["sales_director"]
    assert as_signed_in(here, token, "POST", path, body).status_code == 201
    here.moved("withdraw", here.read(change))


def test_a_director_whom_an_administrator_made_signs_nothing(here: Company) -> None:
    here.clock.move(minutes=1)
    change = submitted(here, 311)
    new = {"name": "ada", "printed_name": "Ada", "roles": ["author", "finance_director"], "password": TAKEN}
    made = here.did("POST", ACCOUNTS, "root", new)
    assert (made["waiting"], made["has_own_password"]) == (["finance_director"], False)
    ada = enter(here, "ada", TAKEN)
    assert ada["roles"] == ["author"]
    path = f"/v1/changes/{change['id']}/schedule"
    answer = here.ask("POST", path, authorization=f"Bearer {ada['token']}", if_match=f'"{change["etag"]}"')
    assert_problem(answer, 409, "conflict")
    suspend = {"policy": "tiering/test", "version": "1.0.0", "role": "finance_director", "reason": "why not"}
    answer = as_signed_in(here, ada["token"], "POST", "/v1/suspensions", suspend)
    refused(answer, 403, "not-allowed", ada["waiting"])
    here.moved("withdraw", change)


def test_an_attestation_is_a_signature_for_what_was_seen_and_has_one_effect(here: Company) -> None:
    here.clock.move(minutes=1)
    answer = here.did("POST", ACCOUNTS, "root", {"name": "bob", "printed_name": "Bob", "roles": ["sales_director"]})
    path = f"{ACCOUNTS}/{answer['id']}"
    assert_problem(here.ask("POST", f"{path}/attest", "compliance", {}), 428, "precondition-required")
    assert_problem(attest(here, "bob", password="wrong"), 403, "confirmation-needed")  # noqa: S106  # not the right one
    here.did("PATCH", path, "root", {"external": {"issuer": "https://identities.example", "subject": "1"}})
    stale = attest(here, "bob", if_match=f'"{answer["etag"]}"')
    refused(stale, 412, "precondition-failed", "has changed since you read it")
    read = here.ask("GET", path, "compliance")
    assert read.headers["etag"] == f'"{read.json()["etag"]}"'
    request, value = ("POST", f"{path}/attest", "compliance", {"password": SECRET}), read.headers["etag"]
    first, again = (here.ask(*request, if_match=value, idempotency_key="one") for _ in range(2))
    assert (first.status_code, first.headers["etag"]) == (200, f'"{first.json()["etag"]}"')
    assert (again.json(), again.headers["idempotency-replayed"]) == (first.json(), "true")


def test_a_director_attests_nobody(here: Company) -> None:
    here.clock.move(minutes=1)
    sally = account(here, "sally")
    path, tag = f"{ACCOUNTS}/{sally['id']}/attest", f'"{sally["etag"]}"'
    answer = here.ask("POST", path, "sales", {"password": SECRET}, if_match=tag)
    refused(answer, 403, "not-allowed", "This is for compliance or administrator; you are sales director.")
