"""Signing in at an identity provider: only what it says to this very question, about a linked person, opens."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from joserfc.jwk import ECKey
from pydantic import SecretStr

from api.app import Application
from api.service import Service
from policy_service.actor import SERVICE, Role
from policy_service.identity import service as identity
from policy_service.identity.account import ExternalIdentity
from tests.api.client import NOW, apart, ask, assert_problem, credentials, one_policy
from tests.api.provider import CLIENT, ISSUER, SECRET, Provider

START = "/v1/session/oidc"
BACK = f"{START}/callback"
CONFIRM = f"{START}/confirm"
SUBJECT = Provider().subject


@pytest.fixture(scope="module")
def app() -> Iterator[Application]:
    """An application whose sales director is linked to a person of the provider's."""
    with apart(
        one_policy(),
        engine="python",
        public_url="https://policies.example",
        oidc_issuer=ISSUER,
        oidc_client_id=CLIENT,
        oidc_client_secret=SecretStr(SECRET),
    ) as made:
        with made.service.database.write(made.service.clock) as transaction:
            director = identity.find_account_by_name(transaction.session, Role.SALES_DIRECTOR)
            assert director is not None
            identity.link(transaction, SERVICE, director.id, ExternalIdentity(ISSUER, SUBJECT))
            identity.attest(transaction, SERVICE, director.id)
        yield made


def ready(app: Application, provider: Provider) -> Service:
    """The service, whose provider is this one."""
    held = app.service.provider
    assert held is not None
    held.transport, held._metadata, held._keys = provider.transport(), {}, None
    return app.service


def leave(
    app: Application, method: str = "GET", path: str = START, headers: dict[str, str] | None = None
) -> tuple[str, dict[str, str]]:
    """Where a browser is sent, and the cookie it takes along."""
    answer = ask(method, path, app=app, role=None, headers=headers)
    assert answer.status_code == 303, answer.text
    cookie = answer.headers["set-cookie"]
    assert {"HttpOnly", "Secure", "SameSite=lax", f"Path={START}"} <= set(cookie.split("; "))
    return answer.headers["location"], {"cookie": cookie.partition(";")[0]}


def come_back(app: Application, location: str, cookie: dict[str, str], code: str, **changes: str) -> httpx.Response:
    """The answer to a browser that comes back with a code."""
    state = httpx.URL(location).params["state"]
    return ask("GET", BACK, app=app, role=None, params={"state": state, "code": code, **changes}, headers=cookie)


def sign_in(app: Application, provider: Provider) -> httpx.Response:
    ready(app, provider)
    location, cookie = leave(app)
    return come_back(app, location, cookie, provider.grant(location))


def session_of(answer: httpx.Response) -> dict[str, str]:
    cookie = answer.headers["set-cookie"]
    assert {"HttpOnly", "Secure", "SameSite=lax", "Path=/"} <= set(cookie.split("; "))
    return {"cookie": cookie.partition(";")[0], "sec-fetch-site": "same-origin"}


def test_a_linked_person_is_let_in(app: Application) -> None:
    answer = sign_in(app, Provider())
    assert answer.status_code == 201, answer.text
    assert answer.json()["roles"] == ["sales_director"]
    assert answer.json()["method"] == "oidc"
    assert answer.json()["token"] is None
    again = ask("GET", "/v1/session", app=app, role=None, headers=session_of(answer))
    assert again.json() == answer.json()


LIES: dict[str, dict[str, Any]] = {
    "another issuer": {"iss": "https://identities.example.org"},
    "no issuer": {"iss": None},
    "for another service": {"aud": "another"},
    "for nobody": {"aud": 7},
    "for several, without saying for whom": {"aud": [CLIENT, "another"]},
    "on behalf of another": {"azp": "another"},
    "another nonce": {"nonce": "x" * 43},
    "no nonce": {"nonce": None},
    "expired": {"exp": int(NOW.timestamp()) - 61},
    "without an end": {"exp": None},
    "of the future": {"iat": int(NOW.timestamp()) + 61},
    "without a beginning": {"iat": None},
    "about nobody": {"sub": None},
    "about no text": {"sub": 7},
    "about a text without end": {"sub": "x" * 256},
    "about somebody who is not linked": {"sub": "another"},
}


@pytest.mark.parametrize("what", LIES)
def test_what_is_said_to_another_question_opens_nothing(app: Application, what: str) -> None:
    assert_problem(sign_in(app, Provider(claims=LIES[what])), 401, "sign-in-refused")


def test_what_is_not_signed_by_the_provider_opens_nothing(app: Application) -> None:
    stranger = ECKey.generate_key("P-256", {"kid": "1"})
    assert_problem(sign_in(app, Provider(signed_by=stranger)), 401, "sign-in-refused")
    assert_problem(sign_in(app, Provider(algorithm="none")), 401, "sign-in-refused")


def test_a_key_that_was_rotated_is_asked_for_again(app: Application) -> None:
    provider = Provider()
    assert sign_in(app, provider).status_code == 201
    held = app.service.provider
    assert held is not None
    location, cookie = leave(app)
    provider.key = ECKey.generate_key("P-256", {"kid": "2"})
    provider.signed_by = provider.key
    assert come_back(app, location, cookie, provider.grant(location)).status_code == 401
    provider.key = provider.signed_by = ECKey.generate_key("P-256", {"kid": "1"})
    location, cookie = leave(app)
    assert come_back(app, location, cookie, provider.grant(location)).status_code == 201


def test_a_way_is_gone_once_by_the_browser_that_began_it(app: Application) -> None:
    provider = Provider()
    ready(app, provider)
    location, cookie = leave(app)
    assert_problem(come_back(app, location, {}, provider.grant(location)), 401, "sign-in-refused")
    assert_problem(come_back(app, location, cookie, provider.grant(location)), 401, "sign-in-refused")
    location, cookie = leave(app)
    code = provider.grant(location)
    assert_problem(come_back(app, location, cookie, code, state="x"), 401, "sign-in-refused")
    assert come_back(app, location, cookie, code).status_code == 201
    assert_problem(come_back(app, location, cookie, code), 401, "sign-in-refused")


def test_a_code_for_another_way_is_refused(app: Application) -> None:
    provider = Provider()
    ready(app, provider)
    stolen, _ = leave(app)
    location, cookie = leave(app)
    problem = assert_problem(come_back(app, location, cookie, provider.grant(stolen)), 401, "sign-in-refused")
    assert problem["detail"] == "the identity provider refused this sign-in: begin again"


def test_whoever_was_not_let_in_there_is_not_let_in_here(app: Application) -> None:
    ready(app, Provider())
    location, cookie = leave(app)
    problem = assert_problem(come_back(app, location, cookie, "", error="access_denied"), 401, "sign-in-refused")
    assert problem["detail"] == "the identity provider did not let you in"


@pytest.mark.parametrize("path", ["/.well-known/openid-configuration", "/token", "/keys"])
def test_a_provider_out_of_order_is_told_as_such(app: Application, path: str) -> None:
    provider = Provider()
    service = ready(app, provider)
    if "known" in path:
        provider.broken = path
        assert_problem(ask("GET", START, app=app, role=None), 502, "provider-unavailable")
        return
    location, cookie = leave(app)
    provider.broken = path
    assert_problem(come_back(app, location, cookie, provider.grant(location)), 502, "provider-unavailable")
    assert service.provider is not None


@pytest.mark.parametrize(
    "discovery",
    [{"issuer": "https://another.example"}, {"authorization_endpoint": "http://identities.example/a"}],
    ids=str,
)
def test_a_provider_that_is_not_what_was_set_is_not_believed(app: Application, discovery: dict[str, str]) -> None:
    ready(app, Provider(discovery=discovery))
    assert_problem(ask("GET", START, app=app, role=None), 502, "provider-unavailable")


def test_a_person_confirms_there_who_they_are(app: Application) -> None:
    provider = Provider()
    mine = session_of(sign_in(app, provider))
    for at, status in ((NOW, 204), (None, 401), (NOW.replace(hour=1), 401)):
        provider.claims = {"auth_time": at and int(at.timestamp())}
        location, cookie = leave(app, "POST", CONFIRM, headers=mine)
        code = provider.grant(location, prompt="login", max_age="0")
        assert come_back(app, location, cookie, code).status_code == status


def test_somebody_else_confirms_nothing(app: Application) -> None:
    provider = Provider(claims={"auth_time": int(NOW.timestamp())})
    ready(app, provider)
    other = {"authorization": credentials(app)[Role.COMPLIANCE]}
    location, cookie = leave(app, "POST", CONFIRM, headers=other)
    problem = assert_problem(come_back(app, location, cookie, provider.grant(location)), 401, "sign-in-refused")
    assert "another person" in problem["detail"]


def test_a_disabled_account_is_not_let_in(app: Application) -> None:
    service = app.service
    with service.database.write(service.clock) as transaction:
        director = identity.find_account_by_name(transaction.session, Role.SALES_DIRECTOR)
        assert director is not None
        identity.disable(transaction, SERVICE, director.id)
    assert_problem(sign_in(app, Provider()), 401, "sign-in-refused")
    with service.database.write(service.clock) as transaction:
        identity.enable(transaction, SERVICE, director.id)
        identity.attest(transaction, SERVICE, director.id)


def test_without_a_provider_there_is_nothing_there() -> None:
    assert_problem(ask("GET", START), 404, "not-found")
    assert_problem(ask("GET", BACK), 404, "not-found")
    assert_problem(ask("POST", CONFIRM), 404, "not-found")
