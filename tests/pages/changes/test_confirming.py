"""Who signed in at an identity provider proves there who they are before they sign, and comes back to the page."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from api.auth.authentication import COOKIE
from policy_service.actor import REAUTHENTICATION_VALIDITY
from policy_service.identity import sessions
from policy_service.identity.sessions import OIDC, StartedSession
from tests.api.company import Company, Json, company, later
from tests.approval.world import tier
from tests.pages.visitor import Visitor


@pytest.fixture(scope="module")
def here() -> Iterator[Company]:
    with company() as made:
        yield made


@pytest.fixture
def started(here: Company) -> StartedSession:
    """A session that the identity provider opened."""
    with here.database.write(here.clock) as transaction:
        return sessions.start_session(transaction, here.people["sales"], OIDC)


def submitted(here: Company, number: int) -> Json:
    return here.moved("submit", here.create(tier(here.next_version(), 100 + number), effective=later(here, number)))


def test_they_are_led_to_the_provider_and_back_before_the_form(here: Company, started: StartedSession) -> None:
    change = submitted(here, 1)
    page = Visitor(here, cookies={COOKIE: started.token}).get(f"/changes/{change['id']}")
    form = page.one("form.confirm")
    assert form.attributes["action"] == f"/v1/session/oidc/confirm?next=%2Fchanges%2F{change['id']}%23sign-panel"
    assert page.has("#sign-panel")
    assert not page.has("form#sign, input[type=password]")


def test_the_proof_is_used_up_by_one_signature(here: Company, started: StartedSession) -> None:
    first, second = submitted(here, 2), submitted(here, 3)
    with here.database.write(here.clock) as transaction:
        sessions.confirm(transaction, started.user_session.id)
    visitor = Visitor(here, cookies={COOKIE: started.token})
    page = visitor.get(f"/changes/{first['id']}")
    other = visitor.get(f"/changes/{second['id']}")
    assert not page.has("input[type=password]")
    assert "valid until" in page.text("#sign-panel")
    page = visitor.send(page, "form#sign", reason="sound")
    assert "You signed the change." in page.text(".notice")
    other = visitor.send(other, "form#sign", reason="sound")
    assert other.status == 403
    assert other.has("#sign-panel form.confirm")
    assert "needs a fresh proof" in other.text("#refusal")
    assert "sound" in other.text("#sign-panel blockquote")
    assert here.read(second)["signatures"] == []


def test_an_old_proof_is_none(here: Company, started: StartedSession) -> None:
    change = submitted(here, 30)
    with here.database.write(here.clock) as transaction:
        sessions.confirm(transaction, started.user_session.id)
    here.clock.at += REAUTHENTICATION_VALIDITY + timedelta(seconds=1)
    page = Visitor(here, cookies={COOKIE: started.token}).get(f"/changes/{change['id']}")
    assert page.has("form.confirm")
    assert not page.has("form#sign")
