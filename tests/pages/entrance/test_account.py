"""The own account: who I am, what waits and why, and another password."""

from collections.abc import Iterator
from typing import Any

import pytest

from api.auth.authentication import COOKIE
from policy_service.actor import SERVICE, Role
from policy_service.identity import passwords
from policy_service.identity import service as identity
from policy_service.identity.sessions import PASSWORD, start_session
from policy_service.settings import Settings
from tests.api.client import SECRET
from tests.api.company import Company, company
from tests.pages.visitor import Seen, Visitor

FORM = "form[action='/account/password']"
NEW = "another staple for it"


@pytest.fixture(scope="module")
def here() -> Iterator[Company]:
    with company() as here:
        yield here


def change(visitor: Visitor, **value: Any) -> Seen:  # noqa: ANN401  # what is filled in
    return visitor.send(visitor.get("/account"), FORM, **{"old": SECRET, "new": NEW, "again": NEW, **value})


def test_the_page_says_who_i_am_and_when_the_session_ends(here: Company) -> None:
    page = Visitor(here, "both").get("/account")
    assert page.text("#who") == "Both"
    text = page.text("dl.facts")
    assert "compliance" in text
    assert "sales director" in text
    assert "20 Nov 2026, 10:30" in text
    assert "20 Nov 2026, 22:00" in text


def test_roles_that_wait_are_told_with_the_reason(here: Company) -> None:
    with here.database.write(here.clock) as transaction:
        root = here.people["root"].actor()
        made = identity.create_account(
            transaction,
            root,
            name="newcomer",
            printed_name="New 😀 Comer<b>",
            roles=[Role.FINANCE_DIRECTOR],
            password_hash=passwords.hash_password(SECRET),
        )
        here.people["newcomer"] = made
    page = Visitor(here, "newcomer").get("/account")
    assert "finance director, awaiting attestation" in page.text("dl.facts")
    assert "change your password, which was set by another person" in page.text(".warning")
    assert not page.has("h2 b")
    assert page.text("#who") == "New 😀 Comer<b>"
    assert "finance director, awaiting attestation" not in Visitor(here, "finance").get("/account").text()


def test_another_password_ends_all_sessions_and_says_so(here: Company) -> None:
    visitor, other = Visitor(here), Visitor(here, "general")
    assert other.get("/account").status == 200
    visitor.post("/sign-in", {"name": "general", "password": SECRET}, follow=False)
    answer = change(visitor, follow=False)
    assert "Max-Age=0" in answer.headers["set-cookie"]
    page = visitor.get(answer.headers["location"])
    assert page.address == "/sign-in?done=password"
    assert "all your sessions have ended" in page.text(".notice")
    assert other.get("/account", follow=False).status == 303
    assert Visitor(here).post("/sign-in", {"name": "general", "password": SECRET}).status == 401
    assert Visitor(here).post("/sign-in", {"name": "general", "password": NEW}, follow=False).status == 303


@pytest.mark.parametrize(
    ("fields", "field", "text"),
    [
        ({"new": "short", "again": "short"}, "new", "Expected 12 to 256 characters."),
        ({"again": "another staple"}, "again", "This is not the same password."),
        ({"new": "sales sales sales", "again": "sales sales sales"}, "new", "without the name of the account"),
        ({"old": ""}, "old", "This field is required."),
    ],
)
def test_what_is_wrong_stands_beside_its_field(here: Company, fields: dict[str, str], field: str, text: str) -> None:
    page = change(Visitor(here, "sales"), **fields)
    assert page.status == 422
    assert text in page.text(f"#fault-{field}")
    assert not any("value" in node.attributes for node in page.all("input[type=password]"))


def test_no_password_holds_a_word_of_the_company(here: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Settings, "words", ("staple",))
    assert "a word of the company" in change(Visitor(here, "sales")).text("#fault-new")


def test_a_wrong_password_changes_nothing(here: Company) -> None:
    page = change(Visitor(here, "sales"), old="not the password")
    assert page.status == 403
    assert page.text(".refusal") == "The current password is wrong."
    assert Visitor(here, "sales").get("/account").status == 200


def test_five_wrong_passwords_block_the_account_here_too(here: Company) -> None:
    statuses = [change(Visitor(here, "ben"), old="not the password").status for _ in range(6)]
    assert statuses[-1] == 429


def test_who_has_no_password_here_is_told_so(here: Company) -> None:
    with here.database.write(here.clock) as transaction:
        here.people["linked"] = identity.create_account(
            transaction, SERVICE, name="linked", printed_name="Linked", roles=[]
        )
    page = Visitor(here, "linked").get("/account")
    assert not page.has(FORM)
    assert "You have no password here" in page.text()
    assert "none yet" in page.text("dl.facts")


def test_the_other_sessions_are_listed_and_ended(here: Company) -> None:
    with here.database.write(here.clock) as transaction:
        elsewhere = start_session(transaction, here.people["sally"], PASSWORD)
    visitor = Visitor(here, "sally")
    page = visitor.get("/account")
    assert len(page.all("#sessions li")) == 2
    assert page.text("#sessions").count("this session") == 1
    page = visitor.send(page, "form#end-sessions")
    assert "Your other sessions have ended." in page.text(".notice")
    assert len(page.all("#sessions li")) == 1
    assert not page.has("form#end-sessions")
    ended = Visitor(here, cookies={COOKIE: elsewhere.token})
    assert ended.get("/account", follow=False).headers["location"].startswith("/sign-in")
