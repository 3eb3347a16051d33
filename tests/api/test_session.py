"""Signing in over HTTP: the token or the cookie, from our own pages only, with no secret in any answer or log."""

import asyncio
import json
from collections.abc import Iterator
from typing import cast

import httpx
import pytest
from pydantic import SecretStr

from api.app import Application
from api.auth.confirmation import reauthenticate
from api.web.problems import ProblemError
from policy_service.actor import Role
from policy_service.identity import hashing
from policy_service.identity.authentication import sign_in
from policy_service.identity.throttle import ADDRESS_LIMIT
from tests.api.client import SECRET, apart, ask, assert_problem, credentials, one_policy, opened

SESSION = "/v1/session"
NAME = Role.AUTHOR.value
OURS = {"sec-fetch-site": "same-origin"}
COOKIE = "policy_service_session"


@pytest.fixture
def app() -> Iterator[Application]:
    """An application on a database of its own."""
    with apart(one_policy(), engine="python", log_level="info") as made:
        yield made


def enter(app: Application, name: str = NAME, password: str = SECRET, **more: object) -> httpx.Response:
    body = {"name": name, "password": password, **more}
    return ask("POST", SESSION, app=app, role=None, json=body, headers=OURS)


def test_a_program_gets_a_token(app: Application) -> None:
    answer = enter(app)
    assert answer.status_code == 201, answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert "set-cookie" not in answer.headers
    token = answer.json()["token"]
    me = ask("GET", SESSION, app=app, role=None, headers={"authorization": f"bearer {token}"}).json()
    assert me == {**answer.json(), "token": None}
    assert me["until"] == "2026-11-20T18:00:00Z"
    assert (me["name"], me["roles"], me["kind"], me["method"]) == (NAME, ["author"], "person", "password")


def test_a_machine_is_told_who_it_is(app: Application) -> None:
    me = ask("GET", SESSION, app=app, role=Role.INTEGRATION).json()
    assert (me["kind"], me["roles"], me["until"], me["method"]) == ("machine", ["integration"], None, None)


def test_a_browser_gets_a_cookie_that_no_page_can_read(app: Application) -> None:
    answer = enter(app, cookie=True)
    assert answer.json()["token"] is None
    cookie = answer.headers.get_list("set-cookie")[0].split("; ")
    assert cookie[0].startswith(f"{COOKIE}=")
    assert {"HttpOnly", "SameSite=lax", "Path=/"} <= set(cookie)
    assert "Secure" not in cookie
    mine = {"cookie": cookie[0]}
    assert ask("GET", SESSION, app=app, role=None, headers=mine).json()["name"] == NAME
    out = ask("DELETE", SESSION, app=app, role=None, headers=mine | OURS)
    assert out.status_code == 204
    assert "Max-Age=0" in out.headers["set-cookie"]
    assert_problem(ask("GET", SESSION, app=app, role=None, headers=mine), 401, "not-authenticated")


def test_over_tls_the_cookie_is_bound_to_the_host(app: Application) -> None:
    async def over_tls() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://service") as client:
            answer = await client.post(
                SESSION, json={"name": NAME, "password": SECRET, "cookie": True}, headers={"origin": "https://service"}
            )
            me = await client.get(SESSION)
            assert me.json()["name"] == NAME
            return answer

    cookie = asyncio.run(over_tls()).headers.get_list("set-cookie")[0].split("; ")
    assert cookie[0].startswith(f"__Host-{COOKIE}=")
    assert "Secure" in cookie


STRANGE = [
    {},
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site", "origin": "http://service"},
    {"sec-fetch-site": "none"},
    {"origin": "null"},
    {"origin": "http://service.example"},
    {"origin": "http://another"},
    {"origin": ""},
]


@pytest.mark.parametrize("headers", STRANGE, ids=str)
def test_what_another_site_made_a_browser_send_is_refused(app: Application, headers: dict[str, str]) -> None:
    mine = {"cookie": enter(app, cookie=True).headers["set-cookie"].partition(";")[0]}
    assert_problem(ask("DELETE", SESSION, app=app, role=None, headers=mine | headers), 403, "other-site")
    assert ask("GET", SESSION, app=app, role=None, headers=mine | headers).status_code == 200
    body = {"name": NAME, "password": SECRET, "cookie": True}
    assert_problem(ask("POST", SESSION, app=app, role=None, json=body, headers=headers), 403, "other-site")


@pytest.mark.parametrize("headers", [OURS, {"origin": "http://service"}], ids=str)
def test_what_our_own_page_sends_is_taken(app: Application, headers: dict[str, str]) -> None:
    mine = {"cookie": enter(app, cookie=True).headers["set-cookie"].partition(";")[0]}
    assert ask("DELETE", SESSION, app=app, role=None, headers=mine | headers).status_code == 204


def test_behind_a_proxy_the_public_address_counts() -> None:
    body = {"name": "nobody", "password": SECRET, "cookie": True}
    with opened(engine="python", public_url="https://policies.example") as app:
        ours = ask("POST", SESSION, app=app, role=None, json=body, headers={"origin": "https://policies.example"})
        assert_problem(ours, 401, "sign-in-refused")
        theirs = ask("POST", SESSION, app=app, role=None, json=body, headers={"origin": "http://service"})
        assert_problem(theirs, 403, "other-site")


def test_wrong_passwords_are_refused_alike_then_blocked(app: Application) -> None:
    refused = [enter(app, name, "wrong password").json() for name in (NAME, "nobody")]
    assert refused[0]["detail"] == refused[1]["detail"]
    answers = [enter(app, NAME, "wrong password") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [401, 401, 401, 429]
    last = answers[-1]
    assert_problem(last, 429, "too-many-attempts")
    assert last.headers["retry-after"] == "60"
    assert_problem(enter(app), 429, "too-many-attempts")
    assert enter(app, "compliance").status_code == 201


def test_an_address_that_tries_too_often_has_to_wait(app: Application) -> None:
    answers = [enter(app, f"name-{n}", "wrong password").status_code for n in range(ADDRESS_LIMIT + 1)]
    assert answers == [401] * (ADDRESS_LIMIT - 1) + [429] * 2


def test_an_office_behind_one_address_signs_in(app: Application) -> None:
    assert {enter(app).status_code for _ in range(62)} == {201}


def test_a_browser_that_is_known_is_let_in_whatever_strangers_type(app: Application) -> None:
    cookies = enter(app, cookie=True).headers.get_list("set-cookie")
    device = next(each for each in cookies if each.startswith("policy_service_device="))
    assert {"HttpOnly", "SameSite=strict", "Path=/", "Max-Age=31536000"} <= set(device.split("; "))
    assert [enter(app, NAME, "wrong password").status_code for _ in range(6)][-1] == 429
    body = {"name": NAME, "password": SECRET, "cookie": True}
    known = {**OURS, "cookie": device.partition(";")[0]}
    assert ask("POST", SESSION, app=app, role=None, json=body, headers=known).status_code == 201
    assert enter(app).status_code == 429
    other = {**body, "name": "compliance"}
    assert ask("POST", SESSION, app=app, role=None, json=other, headers=known).status_code == 201


def test_behind_a_trusted_proxy_the_address_is_that_of_its_client(app: Application) -> None:
    def typed(there: Application, address: str) -> int:
        body, headers = {"name": NAME, "password": "wrong"}, {**OURS, "x-forwarded-for": address}
        return ask("POST", SESSION, app=there, role=None, json=body, headers=headers).status_code

    url = app.service.settings.database_url
    with opened(database_url=url, policies=one_policy(), engine="python", trusted_proxies="127.0.0.0/8") as behind:
        assert [typed(behind, "203.0.113.1") for _ in range(6)] == [401] * 4 + [429] * 2
        assert typed(behind, "203.0.113.2") == 401
    assert [typed(app, f"203.0.113.{number}") for number in range(6)] == [401] * 4 + [429] * 2


def test_strangers_of_one_network_leave_room_for_others(app: Application, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(hashing._sign_ins_by_network, "127.0.0.1", 18)
    assert_problem(enter(app), 503, "busy")
    monkeypatch.setitem(hashing._sign_ins_by_network, "127.0.0.1", 17)
    assert enter(app).status_code == 201
    assert hashing._sign_ins_by_network["127.0.0.1"] == 17


def test_a_failed_sign_in_is_logged_with_account_and_address(capsys: pytest.CaptureFixture[str]) -> None:
    with apart(one_policy(), engine="python", log_level="info") as app:
        capsys.readouterr()
        enter(app, NAME, "wrong password")
        enter(app, "hunter2 typed as a name", "wrong password")
    log = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    failed = [line for line in log if line["event"] == "sign_in_failed"]
    assert [(line["account"], line["address"], line["blocked"]) for line in failed] == [
        (NAME, "127.0.0.1", False),
        (None, "127.0.0.1", False),
    ]
    assert "hunter2" not in str(log)


def test_when_too_many_wait_the_next_is_put_off(app: Application, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashing, "MAX_WAITING", 0)
    answer = enter(app)
    assert_problem(answer, 503, "busy")
    assert answer.headers["retry-after"] == "5"


BODIES = [
    ({}, ["/name", "/password"]),
    ({"name": 7, "password": 12345678}, ["/name", "/password"]),
    ({"name": "a", "password": ["hunter2hunter2"]}, ["/password"]),
    ({"name": "a", "password": "x" * 257}, ["/password"]),
    ({"name": "a", "password": "hunter2hunter2", "cookie": "yes"}, ["/cookie"]),
    ({"name": "a", "pasword": "hunter2hunter2"}, ["/password", "/pasword"]),
    (["hunter2hunter2"], [""]),
    ("hunter2hunter2", [""]),
]


@pytest.mark.parametrize(("body", "pointers"), BODIES, ids=str)
def test_no_answer_and_no_log_tells_a_password(
    app: Application, capsys: pytest.CaptureFixture[str], body: object, pointers: list[str]
) -> None:
    answer = ask("POST", SESSION, app=app, role=None, json=body, headers=OURS)
    problem = assert_problem(answer, 422, "request-refused")
    assert [fault["pointer"] for fault in problem["problems"]] == pointers
    result = answer.text + capsys.readouterr().err
    assert "hunter2" not in result
    assert "12345678" not in result
    assert "xxx" not in result


def test_what_is_no_json_is_refused_without_repeating_it(app: Application, capsys: pytest.CaptureFixture[str]) -> None:
    answer = ask(
        "POST",
        SESSION,
        app=app,
        role=None,
        content=b'{"password": hunter2',
        headers={"content-type": "application/json"},
    )
    assert_problem(answer, 400, "malformed-json")
    assert "hunter2" not in answer.text + capsys.readouterr().err


def test_no_log_tells_a_credential(app: Application, capsys: pytest.CaptureFixture[str]) -> None:
    token = enter(app).json()["token"]
    enter(app, password="wrong secret password")  # noqa: S106  # nobody's
    for result in (token, "psk_1_secret-of-a-key", credentials(app)["key:integration"].removeprefix("Bearer ")):
        ask("GET", "/v1/accounts", app=app, role=None, headers={"authorization": f"Bearer {result}"})
        assert result not in capsys.readouterr().err


def test_a_person_changes_their_password(app: Application) -> None:
    token = {"authorization": f"Bearer {enter(app).json()['token']}"}
    path = f"{SESSION}/password"
    new = "another staple for it"
    weak = ask("POST", path, app=app, json={"old": SECRET, "new": "short"}, headers=token)
    assert assert_problem(weak, 422, "request-refused")["problems"][0]["value"] == '"…"'
    wrong = ask("POST", path, app=app, json={"old": "wrong", "new": new}, headers=token)
    assert_problem(wrong, 401, "sign-in-refused")
    assert ask("POST", path, app=app, json={"old": SECRET, "new": new}, headers=token).status_code == 204
    assert_problem(ask("GET", SESSION, app=app, headers=token), 401, "not-authenticated")
    assert_problem(enter(app), 401, "sign-in-refused")
    assert enter(app, password=new).status_code == 201


def confirming(app: Application, headers: dict[str, str], password: str | None) -> object:
    """The actor, or the name of the problem, as a route that takes a signature finds it."""
    from starlette.requests import Request  # noqa: PLC0415

    from api.auth.authentication import AuthenticationMiddleware  # noqa: PLC0415
    from policy_service.access import ANY_PRINCIPAL  # noqa: PLC0415

    results: list[object] = []

    async def route(scope: object, receive: object, send: object) -> None:
        del receive, send
        secret = None if password is None else SecretStr(password)
        try:
            results.append(await reauthenticate(app.service, Request(cast("dict[str, object]", scope)), secret))
        except ProblemError as error:
            results.append(error.problem.kind.name)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "scheme": "http",
        "client": ("127.0.0.1", 1),
    }
    asyncio.run(AuthenticationMiddleware(route, app.service, lambda _: ANY_PRINCIPAL)(scope, None, None))  # type: ignore[arg-type]
    return results[0]


def test_a_signature_takes_the_password_again(app: Application) -> None:
    mine = {"authorization": credentials(app)[Role.SALES_DIRECTOR]}
    confirmed = confirming(app, mine, SECRET)
    assert getattr(confirmed, "confirmed_at", None) == app.service.clock.now()
    assert confirming(app, mine, "wrong") == "confirmation-needed"
    assert confirming(app, mine, None) == "confirmation-needed"
    assert confirming(app, {"authorization": credentials(app)["key:compliance"]}, SECRET) == "not-allowed"
    assert sign_in(app.service.database, app.service.clock, NAME, SECRET).actor.confirmed_at is None
