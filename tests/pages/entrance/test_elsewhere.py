"""Signing in at an identity provider with a browser: there, back, and on to the page that was wanted."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from policy_service.actor import SERVICE
from policy_service.identity import service as identity
from policy_service.identity.account import ExternalIdentity
from tests.api.company import Company, company
from tests.api.provider import CLIENT, ISSUER, SECRET, Provider
from tests.pages.visitor import Seen, Visitor

BACK = "/v1/session/oidc/callback"
SESSION = "__Host-policy_service_session"


@pytest.fixture(scope="module")
def here() -> Iterator[Company]:
    """A company behind TLS whose sales director is linked to a person of the provider's."""
    fields: dict[str, Any] = {"oidc_issuer": ISSUER, "oidc_client_id": CLIENT, "oidc_client_secret": SecretStr(SECRET)}
    with company(public_url="https://policies.example", **fields) as here:
        with here.database.write(here.clock) as transaction:
            sales = here.people["sales"].id
            identity.link(transaction, SERVICE, sales, ExternalIdentity(ISSUER, Provider().subject))
        yield here


def ready(here: Company, provider: Provider) -> None:
    """The provider of the service is this one."""
    held = here.app.service.provider
    assert held is not None
    held.transport, held._metadata, held._keys = provider.transport(), {}, None


def there_and_back(here: Company, visitor: Visitor, provider: Provider, start: str) -> Seen:
    """Follows the link, proves there who one is, and comes back."""
    ready(here, provider)
    response = visitor.get(start, follow=False)
    assert response.status == 303
    location = response.headers["location"]
    state = httpx.URL(location).params["state"]
    return visitor.get(f"{BACK}?state={state}&code={provider.grant(location)}", follow=False)


def honest(here: Company, **claims: object) -> Provider:
    """A provider that says what time it is in the company."""
    now = int(here.clock.at.timestamp())
    return Provider(claims={"exp": now + 300, "iat": now, **claims})


def test_the_page_leads_there_and_back_to_what_was_wanted(here: Company) -> None:
    visitor = Visitor(here)
    page = visitor.get("/account")
    link = page.link("Sign in at your organisation")
    assert link == "/v1/session/oidc?next=%2Faccount"
    back = there_and_back(here, visitor, honest(here), link)
    assert (back.status, back.headers["location"]) == (303, "/account")
    assert "at your organisation" in visitor.get("/account").text("dl.facts")


@pytest.mark.parametrize("following", ["https://elsewhere.example", "//elsewhere.example", ""])
def test_the_way_back_never_leads_to_another_site(here: Company, following: str) -> None:
    back = there_and_back(here, Visitor(here), honest(here), f"/v1/session/oidc?next={following}")
    assert back.headers["location"] == "/"


def test_a_cookie_that_was_tampered_with_leads_nowhere_else(here: Company) -> None:
    visitor, provider = Visitor(here), honest(here)
    ready(here, provider)
    location = visitor.get("/v1/session/oidc", follow=False).headers["location"]
    visitor.cookies["policy_service_oidc_next"] = "https%3A%2F%2Felsewhere.example"
    state = httpx.URL(location).params["state"]
    back = visitor.get(f"{BACK}?state={state}&code={provider.grant(location)}", follow=False)
    assert back.headers["location"] == "/"


def test_who_is_not_let_in_is_told_on_a_page(here: Company) -> None:
    back = there_and_back(here, Visitor(here), honest(here, sub="another"), "/v1/session/oidc")
    assert back.status == 401
    assert "no account is linked to you" in back.text("main")


def test_a_provider_out_of_order_is_told_on_a_page(here: Company) -> None:
    ready(here, Provider(broken="/.well-known/openid-configuration"))
    page = Visitor(here).get("/v1/session/oidc", follow=False)
    assert page.status == 502
    assert page.has("h1")


def test_who_confirms_by_a_form_goes_on_by_a_page_and_comes_back(here: Company) -> None:
    now = int(here.clock.at.timestamp())
    visitor, provider = Visitor(here), honest(here, auth_time=now)
    there_and_back(here, visitor, provider, "/v1/session/oidc")
    response = visitor.post("/v1/session/oidc/confirm?next=/changes/1", follow=False)
    assert response.status == 200  # a redirect of a form to another site is what `form-action 'self'` forbids
    assert "Confirm" not in response.text()
    location = response.one("a").attributes["href"] or ""
    assert response.headers["refresh"] == f"0; url={location}"
    state = httpx.URL(location).params["state"]
    code = provider.grant(location, prompt="login", max_age="0")
    back = visitor.get(f"{BACK}?state={state}&code={code}", follow=False)
    assert (back.status, back.headers["location"]) == (303, "/changes/1")
