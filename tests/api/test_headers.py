"""Every answer keeps browsers from storing, framing and guessing, errors too; hosts and HSTS are as they are set."""

import json
import re
from itertools import product

import pytest

from api.auth.permissions import PERMISSIONS
from api.web.security import HEADERS
from policy_service.actor import Role
from tests.api.client import RFM, SECRET, ask, assert_problem, credentials, decide, one_policy, opened

STORED = {
    ("GET", "/docs"): "no-cache",
    ("GET", "/openapi.json"): "no-cache",
    ("GET", "/static/{name}"): "no-cache",
    ("GET", "/v1/policies/{domain}/{policy}/versions/{version}"): "no-cache",
}
"""What is the same for everybody; browsers ask each time whether it still is."""
PLACES = {"{name}": "pages.css", "{domain}/{policy}": RFM, "{version}": "1.0.0"}


def address(path: str) -> str:
    """An address of a template: of something that is there, where that is simple."""
    for place, value in PLACES.items():
        path = path.replace(place, value)
    return re.sub(r"\{[^}]*\}", "0", path)


@pytest.mark.one_in(6)
@pytest.mark.parametrize(("method", "path"), [row for row in PERMISSIONS if row[0] == "GET"])
def test_every_answer_has_the_headers(method: str, path: str) -> None:
    for role in ("fitting", None):
        answer = ask(method, address(path), role=role)
        results = [(name.encode(), value.encode()) for name, value in answer.headers.items()]
        assert set(HEADERS) <= set(results)
        stored = answer.headers.get_list("cache-control")
        assert stored == [STORED.get((method, path), "no-store") if answer.status_code == 200 else "no-store"]


@pytest.mark.parametrize(("method", "path"), [("POST", "/v1/decisions"), ("PUT", "/nowhere"), ("GET", "/%00")])
def test_every_refusal_has_the_headers(method: str, path: str) -> None:
    answer = ask(method, path)
    assert answer.is_error
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["cross-origin-opener-policy"] == "same-origin"


def test_what_is_decided_and_who_signed_in_is_not_stored() -> None:
    for answer in (decide(), ask("POST", "/v1/session", role=None, json={"name": "author", "password": SECRET})):
        assert answer.is_success
        assert answer.headers.get_list("cache-control") == ["no-store"]


def test_hsts_is_sent_when_it_is_set() -> None:
    assert "strict-transport-security" not in ask("GET", "/healthz").headers
    value = "max-age=31536000; includeSubDomains"
    with opened(policies=one_policy(), engine="python", strict_transport_security=value) as app:
        for path in ("/healthz", "/nowhere", "/v1/decisions"):
            assert ask("GET", path, app=app).headers["strict-transport-security"] == value


HOSTS = [
    ("policies.example", True),
    ("Policies.Example:443", True),
    ("[::1]:8000", True),
    ("10.0.0.7", True),
    ("other.example", False),
    ("policies.example.other", False),
    ("policies.example@other", False),
    ("", False),
]


def test_only_hosts_that_are_set_are_served() -> None:
    with opened(policies=one_policy(), engine="python", allowed_hosts="policies.example, [::1], 10.0.0.7") as app:
        for (host, allowed), (method, path) in product(HOSTS, (("GET", "/healthz"), ("POST", "/v1/decisions"))):
            answer = ask(method, path, app=app, headers={"host": host})
            if allowed:
                assert answer.status_code in {200, 415}, host
            else:
                assert_problem(answer, 400, "other-host")


def test_the_log_holds_routes_and_never_what_was_asked_about(capsys: pytest.CaptureFixture[str]) -> None:
    with opened(policies=one_policy(), engine="python", log_level="info") as app:
        capsys.readouterr()
        ask("GET", "/v1/subjects/SECRET-7/decisions?kind=SECRET-8&limit=nine", app=app)
        ask("GET", "/v1/groups/tiering/size?subject=SECRET-14&limit=nine", app=app)
        ask("GET", "/v1/subjects/SECRET-15?kind=!", app=app)
        ask("GET", "/v1/search?SECRET-16=1", app=app)
        ask("GET", "/SECRET-9?SECRET-10", app=app)
        ask("GET", "/v1/decisions/SECRET-11", app=app)
        ask("DELETE", "/v1/accounts/SECRET-12", app=app)
        ask("GET", "/%00SECRET-13", app=app)
        log = capsys.readouterr().err
    assert "SECRET" not in log
    assert [json.loads(line)["route"] for line in log.splitlines()] == [
        "GET /v1/subjects/{subject:text}/decisions",
        "GET /v1/groups/{domain}/{policy}",
        "GET /v1/subjects/{subject:text}",
        "GET /v1/search",
        "no such address",
        "GET /v1/decisions/{decision}",
        "no such address",
        "no such address",
    ]


def test_the_log_tells_who_asked_for_what_they_may_not_do(capsys: pytest.CaptureFixture[str]) -> None:
    with opened(policies=one_policy(), engine="python", log_level="info") as app:
        capsys.readouterr()
        assert_problem(ask("GET", "/v1/accounts", app=app, role=Role.AUTHOR), 403, "not-allowed")
        key = {"authorization": credentials(app)["key:integration"]}
        assert_problem(ask("POST", "/v1/changes", app=app, headers=key, role=None), 403, "not-allowed")
        lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [{name: line[name] for name in ("route", "means", "roles", "needs")} for line in lines] == [
        {"route": "GET /v1/accounts", "means": "token", "roles": ["author"], "needs": ["administrator", "compliance"]},
        {"route": "POST /v1/changes", "means": "key", "roles": ["integration"], "needs": ["author"]},
    ]
    assert lines[0]["actor"] == "author"
    assert lines[1]["actor"]


@pytest.mark.parametrize("path", ["/healthz", "/sign-in", "/docs", "/v1/decisions"])
def test_head_is_answered_as_get_is(path: str) -> None:
    got, asked = (ask(method, path, role=Role.COMPLIANCE) for method in ("GET", "HEAD"))
    assert (asked.status_code, asked.headers["content-type"]) == (got.status_code, got.headers["content-type"])
    assert asked.status_code == 200
    assert ask("HEAD", "/v1/session/password").status_code == 405
