"""API keys on the pages: a secret is shown once, on no other page, in no address and in nothing that is kept."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import select

from policy_service.actor import Role
from policy_service.idempotency import IdempotencyRow
from policy_service.identity.api_keys import api_keys, issue_key, record_key_use
from tests.api.client import ask
from tests.api.company import Company, company
from tests.pages.visitor import Seen, Visitor

HOSTILE = "=cmd()|' /C calc'!A0 <script>alert(1)</script>"


@pytest.fixture(scope="module")
def here() -> Iterator[Company]:
    with company() as here:
        yield here


def issue(here: Company, **fields: Any) -> Seen:  # noqa: ANN401  # what is filled in
    visitor = Visitor(here, "root")
    values: dict[str, Any] = {"name": "orders", "scopes": ["integration"], **fields}
    return visitor.send(visitor.get("/api-keys/new"), "form.panel", **values)


def test_a_key_is_issued_shown_once_and_opens(here: Company) -> None:
    page = issue(here, name="order system")
    assert page.status == 201
    assert page.headers["cache-control"] == "no-store"
    text = page.one("#secret").attributes["value"] or ""
    assert text.startswith("psk_")
    head = {"authorization": f"Bearer {text}"}
    assert ask("GET", "/v1/session", app=here.app, role=None, headers=head).json()["roles"] == ["integration"]
    secret = text.split("_", 2)[2]
    assert secret not in Visitor(here, "root").get("/api-keys").html
    with here.database.read() as session:
        assert not any(secret.encode() in row.body for row in session.exec(select(IdempotencyRow)))


def test_the_same_form_again_issues_nothing_and_shows_nothing(here: Company) -> None:
    visitor = Visitor(here, "root")
    fields = {"_key": "one", "name": "twice", "scopes": "integration", "expires_at": "2027-01-01T00:00"}
    assert visitor.post("/api-keys", fields, follow=False).status == 201
    again = visitor.post("/api-keys", fields)
    assert again.address == "/api-keys?done=issued"
    assert "was shown once" in again.text(".notice")
    assert "psk_" not in again.html
    with here.database.read() as session:
        assert [key.name for key in api_keys(session).values()].count("twice") == 1


def test_the_end_is_read_in_the_time_zone_of_the_service(here: Company) -> None:
    issue(here, name="zoned", expires_at="2027-01-01T00:00")
    with here.database.read() as session:
        key = next(key for key in api_keys(session).values() if key.name == "zoned")
    assert key.expires_at.isoformat() == "2026-12-31T16:00:00+00:00"


@pytest.mark.parametrize(
    ("fields", "field", "text"),
    [
        ({"name": ""}, "name", "This field is required."),
        ({"name": "x" * 101}, "name", "At most 100 characters."),
        ({"scopes": None}, "scopes", "a machine neither writes, nor signs"),
        ({"scopes": ["administrator"]}, "scopes", "a machine neither writes, nor signs"),
        ({"expires_at": "tomorrow"}, "expires_at", "Not a valid date or time."),
        ({"expires_at": "2020-01-01T00:00"}, "expires_at", "an instant in the future"),
        ({"expires_at": "2099-01-01T00:00"}, "expires_at", "at most 400 days away"),
    ],
)
def test_what_is_wrong_stands_beside_its_field(here: Company, fields: dict[str, object], field: str, text: str) -> None:
    page = issue(here, **fields)
    assert page.status == 422
    assert text in page.text(f"#fault-{field}")


def test_the_list_tells_states_uses_and_hostile_names(here: Company) -> None:
    root = here.people["root"].actor()
    with here.database.write(here.clock) as transaction:
        soon = issue_key(
            transaction, root, name=HOSTILE, scopes=[Role.COMPLIANCE], expires_at=here.clock.at + timedelta(days=9)
        )
        record_key_use(transaction, soon.key.id, here.clock.at)
    visitor = Visitor(here, "root")
    page = visitor.get("/api-keys?state=expiring")
    assert page.text("tbody th") == HOSTILE
    assert "ends within 30 days" in page.text("tbody")
    assert "20 Nov 2026, 10:00" in page.text("tbody")
    assert not page.has("main script")
    assert visitor.get("/api-keys?sort=-used").all("tbody th")[0].text(strip=True) == HOSTILE
    assert "No matching API keys." in visitor.get("/api-keys?q=no-such-key").text()
    assert visitor.get("/api-keys?sort=nonsense&scope=compliance").text("tbody th") == HOSTILE


def test_a_key_is_revoked_after_it_was_asked_again(here: Company) -> None:
    text = issue(here, name="to be revoked").one("#secret").attributes["value"] or ""
    visitor = Visitor(here, "root")
    page = visitor.get("/api-keys?q=to+be+revoked")
    request = visitor.get(page.link("Revoke …").partition("#")[0])
    assert "Revoke this key?" in request.text(".alarm")
    assert "never used" in request.text(".alarm")
    done = visitor.send(request, ".alarm form")
    assert "The API key was revoked" in done.text(".notice")
    assert "revoked" in done.text("tbody")
    assert not done.has("tbody a")
    head = {"authorization": f"Bearer {text}"}
    assert ask("GET", "/v1/session", app=here.app, role=None, headers=head).status_code == 401


def test_a_key_that_is_not_there_cannot_be_revoked(here: Company) -> None:
    assert Visitor(here, "root").get("/api-keys?revoke=none").status == 200
    page = Visitor(here, "root").post("/api-keys/none/revoke", {"_key": "none"})
    assert page.status == 404
    assert "no API key" in page.text(".refusal")


@pytest.mark.parametrize("name", ["ann", "compliance", "sales"])
def test_keys_are_for_administrators(here: Company, name: str) -> None:
    visitor = Visitor(here, name)
    assert visitor.get("/api-keys").status == visitor.get("/api-keys/new").status == 403
    assert visitor.post("/api-keys", {"name": "x"}).status == visitor.post("/api-keys/x/revoke").status == 403


def test_the_first_list_says_what_a_key_is_for() -> None:
    with company() as there:
        page = Visitor(there, "root", "zh").get("/api-keys")
        assert "还没有接口密钥。" in page.text(".empty")
