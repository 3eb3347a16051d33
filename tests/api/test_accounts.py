"""Accounts and keys over HTTP: by administrators, with the reason when it is refused, effective at once."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from api.app import Application
from api.workers.background import background_tasks, flush_last_used
from policy_service.actor import Role
from policy_service.database import DatabaseUnavailable
from policy_service.identity.api_keys import api_keys
from policy_service.identity.last_used import LastUsed
from policy_service.settings import Settings
from tests.api.client import NOW, SECRET, apart, ask, assert_problem, credentials, decide, one_policy

ACCOUNTS = "/v1/accounts"
KEYS = "/v1/api-keys"
NEW = {"name": "ada", "printed_name": "Ada Example", "roles": ["author"], "password": SECRET}
NEW_KEY = {"name": "crm", "scopes": ["integration"], "expires_at": "2027-01-01T00:00:00Z"}


@pytest.fixture
def app() -> Iterator[Application]:
    """An application on a database of its own."""
    with apart(one_policy(), engine="python") as made:
        yield made


def find_account(app: Application, name: str) -> dict[str, Any]:
    items = ask("GET", ACCOUNTS, app=app).json()["items"]
    return next(item for item in items if item["name"] == name)


def test_an_account_is_made_listed_and_read(app: Application) -> None:
    made = ask("POST", ACCOUNTS, app=app, json=NEW)
    assert made.status_code == 201, made.text
    ada = made.json()
    assert (ada["roles"], ada["enabled"], ada["external"]) == (["author"], True, None)
    assert not any(secret in made.text for secret in (SECRET, "argon2"))
    assert ask("GET", f"{ACCOUNTS}/{ada['id']}", app=app).json() == ada == find_account(app, "ada")
    assert_problem(ask("GET", f"{ACCOUNTS}/nobody", app=app), 404, "not-found")


def test_accounts_and_keys_are_read_page_by_page(app: Application) -> None:
    for path, count in ((ACCOUNTS, len(Role)), (KEYS, 2)):
        seen: list[str] = []
        cursor: str | None = ""
        while cursor is not None:
            page = ask("GET", path, app=app, params={"limit": 2} | ({"cursor": cursor} if cursor else {})).json()
            seen += [item["id"] for item in page["items"]]
            cursor = page["next_cursor"]
        assert len(seen) == len(set(seen)) == count
        assert_problem(ask("GET", path, app=app, params={"cursor": "?"}), 422, "invalid-parameter")


def test_what_an_account_cannot_be_made_from_is_told_at_once(app: Application) -> None:
    wrong = {**NEW, "name": "A", "printed_name": "\n", "roles": ["administrator", "compliance"]}
    problem = assert_problem(ask("POST", ACCOUNTS, app=app, json=wrong), 422, "request-refused")
    assert [fault["pointer"] for fault in problem["problems"]] == ["/name", "/printed_name", "/roles"]
    weak = assert_problem(ask("POST", ACCOUNTS, app=app, json={**NEW, "password": "short"}), 422, "request-refused")
    assert weak["problems"][0]["expected"] == "12 to 256 characters"
    unknown = ask("POST", ACCOUNTS, app=app, json={**NEW, "roles": ["king"]})
    assert assert_problem(unknown, 422, "request-refused")["problems"][0]["pointer"] == "/roles/0"
    assert ask("POST", ACCOUNTS, app=app, json=NEW).status_code == 201
    assert_problem(ask("POST", ACCOUNTS, app=app, json=NEW), 409, "conflict")


def test_no_password_holds_a_word_of_the_company(app: Application, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Settings, "words", ("acme",))
    author = find_account(app, "author")
    weak = "we sell A.C.M.E. things"
    own = {"old": SECRET, "new": weak}
    for method, path, role, body in (
        ("POST", ACCOUNTS, Role.ADMINISTRATOR, {**NEW, "password": weak}),
        ("PATCH", f"{ACCOUNTS}/{author['id']}", Role.ADMINISTRATOR, {"password": weak}),
        ("POST", "/v1/session/password", Role.AUTHOR, own),
    ):
        problem = assert_problem(ask(method, path, app=app, role=role, json=body), 422, "request-refused")
        assert "a word of the company" in problem["problems"][0]["expected"]


def test_an_account_is_changed_and_its_sessions_end(app: Application) -> None:
    author = find_account(app, "author")
    external = {"issuer": "https://identities.example/", "subject": "1"}
    changes = {"roles": ["compliance"], "password": "another staple for it", "external": external}
    changed = ask("PATCH", f"{ACCOUNTS}/{author['id']}", app=app, json=changes)
    assert changed.status_code == 200, changed.text
    assert changed.json()["roles"] == ["compliance"]
    assert changed.json()["external"]["issuer"] == "https://identities.example"
    assert_problem(ask("GET", "/v1/policies", app=app, role=Role.AUTHOR), 401, "not-authenticated")
    for enabled in (False, True):
        answer = ask("PATCH", f"{ACCOUNTS}/{author['id']}", app=app, json={"enabled": enabled})
        assert answer.json()["enabled"] == enabled
    assert_problem(ask("PATCH", f"{ACCOUNTS}/x", app=app, json={}), 404, "not-found")


def test_all_changes_of_a_request_are_made_or_none(app: Application) -> None:
    director, author = find_account(app, "sales_director"), find_account(app, "author")
    external = {"issuer": "https://identities.example", "subject": "1"}
    assert ask("PATCH", f"{ACCOUNTS}/{director['id']}", app=app, json={"external": external}).status_code == 200
    both = {"roles": ["compliance"], "external": external}
    assert_problem(ask("PATCH", f"{ACCOUNTS}/{author['id']}", app=app, json=both), 409, "conflict")
    assert find_account(app, "author") == author


def test_no_administrator_changes_their_own_roles_or_leaves_nobody_to_do_it(app: Application) -> None:
    own = f"{ACCOUNTS}/{find_account(app, 'administrator')['id']}"
    roles = assert_problem(ask("PATCH", own, app=app, json={"roles": ["sales_director"]}), 403, "not-allowed")
    assert roles["detail"].startswith("You cannot change your own roles")
    state = assert_problem(ask("PATCH", own, app=app, json={"enabled": False}), 403, "not-allowed")
    assert "last enabled administrator" in state["detail"]


def by(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}", "content-type": "application/json"}


def test_a_key_is_shown_once_opens_at_once_and_is_closed_at_once(app: Application) -> None:
    issued = ask("POST", KEYS, app=app, json=NEW_KEY)
    assert issued.status_code == 201, issued.text
    text, id_ = issued.json()["key"], issued.json()["id"]
    assert ask("POST", "/v1/decisions", app=app, content=b"{}", headers=by(text)).status_code == 422
    assert text.split("_", 2)[2] not in ask("GET", KEYS, app=app).text
    revoked = ask("DELETE", f"{KEYS}/{id_}", app=app).json()
    assert revoked["revoked_at"] == "2026-11-20T17:30:00Z"
    closed = ask("POST", "/v1/decisions", app=app, content=b"{}", headers=by(text))
    assert assert_problem(closed, 401, "not-authenticated")["detail"] == "the API key was revoked"
    assert_problem(ask("DELETE", f"{KEYS}/x", app=app), 404, "not-found")


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"scopes": ["author"]}, "/scopes"),
        ({"scopes": []}, "/scopes"),
        ({"name": " "}, "/name"),
        ({"expires_at": "2026-11-20T17:30:00Z"}, "/expires_at"),
        ({"expires_at": "2028-11-20T17:30:00Z"}, "/expires_at"),
        ({"expires_at": "2027-01-01T00:00:00"}, "/expires_at"),
        ({"expires_at": None}, "/expires_at"),
    ],
    ids=str,
)
def test_a_key_for_too_much_or_too_long_is_refused(app: Application, change: dict[str, Any], pointer: str) -> None:
    problem = assert_problem(ask("POST", KEYS, app=app, json=NEW_KEY | change), 422, "request-refused")
    assert [fault["pointer"] for fault in problem["problems"]] == [pointer]


def test_a_hundred_requests_by_key_look_once(app: Application, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = 0
    real = app.service.key_ring.refresh

    def counted() -> None:
        nonlocal looks
        looks += 1
        real()

    monkeypatch.setattr(app.service.key_ring, "refresh", counted)
    monkeypatch.setattr(app.service.key_ring, "_ticks", lambda: 0.0)  # however long a hundred requests take here
    app.service.key_ring.invalidate()

    async def rush() -> list[httpx.Response]:
        headers = {"authorization": credentials(app)["key:compliance"]}
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://service") as client:
            return await asyncio.gather(*(client.get("/v1/session", headers=headers) for _ in range(100)))

    assert {answer.status_code for answer in asyncio.run(rush())} == {200}
    assert looks == 1


def test_when_the_database_is_gone_nobody_is_let_in_by_what_was_true(
    app: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone() -> None:
        raise DatabaseUnavailable("gone")

    assert decide(app=app).status_code == 200
    app.service.key_ring.invalidate()
    with monkeypatch.context() as patch:
        patch.setattr(app.service.key_ring, "refresh", gone)
        answer = decide(app=app)
        assert assert_problem(answer, 503, "database-unavailable")["detail"] == "the database is gone"
        assert answer.headers["retry-after"] == "5"
    assert decide(app=app).status_code == 200


def test_the_last_use_is_written_down_while_the_service_runs_and_at_its_end(
    app: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = app.service

    async def run() -> None:
        async with background_tasks(service):
            await asyncio.sleep(0.1)
            service.last_used.record_key_use(key, NOW + timedelta(minutes=5))

    with service.database.read() as session:
        key = next(iter(api_keys(session)))
    monkeypatch.setattr("api.workers.background.FLUSH_AFTER", timedelta(seconds=0.01))
    asyncio.run(run())
    with service.database.read() as session:
        assert api_keys(session)[key].used_at == NOW + timedelta(minutes=5)

    def gone(*_: object) -> None:
        raise DatabaseUnavailable("busy")

    monkeypatch.setattr(LastUsed, "flush", gone)
    asyncio.run(flush_last_used(service))
