"""Accounts on the pages: who may do what, what is refused and why, and that nothing secret is shown."""

from collections.abc import Iterator
from typing import Any

import pytest

from policy_service.actor import SERVICE, Role
from policy_service.identity import passwords
from policy_service.identity import service as identity
from policy_service.identity.account import Account
from policy_service.settings import Settings
from tests.api.client import SECRET
from tests.api.company import Company, company
from tests.pages.visitor import Seen, Visitor

NEW = "another staple for it"


@pytest.fixture(scope="module")
def here() -> Iterator[Company]:
    with company() as here:
        yield here


def made(here: Company, name: str, *roles: Role, by: str = "root", own: bool = True) -> Account:
    """An account that somebody made; its person has a password of their own unless told."""
    with here.database.write(here.clock) as transaction:
        password_hash = passwords.hash_password(SECRET)
        account = identity.create_account(
            transaction,
            here.people[by].actor(),
            name=name,
            printed_name=name.title(),
            roles=roles,
            password_hash=password_hash,
        )
        if own:
            identity.set_password(transaction, account.actor(), account.id, password_hash)
        here.people[name] = identity.read_account(transaction.session, account.id)
    return here.people[name]


def now(here: Company, account: Account) -> Account:
    with here.database.read() as session:
        return identity.read_account(session, account.id)


def act(here: Company, account: Account, what: str, by: str = "root", **fields: Any) -> Seen:  # noqa: ANN401  # what is filled in
    visitor = Visitor(here, by)
    page = visitor.get(f"/accounts/{account.id}")
    return visitor.send(page, f"form[action$='/{what}']", **fields)


@pytest.mark.parametrize("name", ["ann", "sales", "both"])
def test_accounts_are_for_administrators_and_compliance(here: Company, name: str) -> None:
    allowed = name == "both"
    assert (Visitor(here, name).get("/accounts").status == 200) is allowed
    assert Visitor(here, name).get("/accounts/new").status == 403
    assert Visitor(here, name).post("/accounts", {"name": "x"}).status == 403
    assert Visitor(here, name).get("/api-keys").status == 403


def test_the_list_is_filtered_sorted_and_says_when_nothing_fits(here: Company) -> None:
    visitor = Visitor(here, "root")
    names = [node.text() for node in visitor.get("/accounts?role=sales_director&sort=-name").all("tbody th a")]
    assert names == sorted(names, reverse=True)
    assert {"sales", "sally", "both", "writing"} <= set(names)
    assert "ann" not in names
    assert [node.text() for node in visitor.get("/accounts?q=SALL").all("tbody th a")] == ["sally"]
    assert "No matching accounts." in visitor.get("/accounts?q=%3Cscript%3E&state=disabled").text()
    assert visitor.get("/accounts?sort=nonsense").status == 200
    assert visitor.get("/accounts?role=nonsense").status == 422
    assert "sales" in visitor.get("/accounts?on=2026-11-20").text("tbody"), "who held which role on a day"
    assert "No matching accounts." in visitor.get("/accounts?on=2026-11-19").text()
    assert visitor.get("/accounts?cursor=nonsense").status == 422


def test_a_long_list_has_pages(here: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.kit.table.PAGE_SIZE", 4)
    visitor = Visitor(here, "root")
    results, address = [], "/accounts?sort=name"
    while address:
        page = visitor.get(address)
        results += [node.text() for node in page.all("tbody th a")]
        address = page.link("Next page") if "Next page" in page.text() else ""
    assert results == sorted(results)
    assert {"ann", "writing"} <= set(results)


def test_an_account_is_made_and_its_password_shown_nowhere(here: Company) -> None:
    visitor = Visitor(here, "root")
    page = visitor.get("/accounts/new")
    form: dict[str, Any] = {
        "name": "made.here",
        "printed_name": "李 <b>明</b>",
        "roles": ["author", "finance_director"],
    }
    page = visitor.send(page, "form.panel", **form, password=NEW, again=NEW)
    assert page.text(".notice") == "The account was created."
    assert page.text("h1") == "李 <b>明</b>"
    assert "finance director, awaiting attestation" in page.text()
    assert "created the account, with: author, finance director" in page.text("tbody")
    assert NEW not in page.html
    assert Visitor(here).post("/sign-in", {"name": "made.here", "password": NEW}, follow=False).status == 303


def test_a_form_that_is_sent_twice_makes_one_account(here: Company) -> None:
    visitor = Visitor(here, "root")
    fields = {"_key": "twice", "name": "twice", "printed_name": "Twice"}
    first, second = (visitor.post("/accounts", fields, follow=False) for _ in range(2))
    assert first.headers["location"] == second.headers["location"]


@pytest.mark.parametrize(
    ("fields", "field", "text"),
    [
        ({"name": "X"}, "name", "3 to 64 small letters"),
        ({"name": ""}, "name", "This field is required."),
        ({"printed_name": "two\nlines"}, "printed_name", "on one line"),
        ({"roles": ["administrator", "author"]}, "roles", "no other role beside administrator"),
        ({"roles": ["emperor"]}, "roles", "Choose one of the options."),
        ({"password": NEW, "again": "x"}, "again", "This is not the same password."),
        ({"password": "short", "again": "short"}, "password", "12 to 256 characters"),
    ],
)
def test_what_is_wrong_stands_beside_its_field(
    here: Company, fields: dict[str, str | list[str]], field: str, text: str
) -> None:
    page = Visitor(here, "root").post("/accounts", {"name": "fine", "printed_name": "Fine", **fields})
    assert page.status == 422
    assert text in page.text(f"#fault-{field}")


def test_no_password_holds_a_word_of_the_company(here: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Settings, "words", ("staple",))
    fields = {"name": "fine", "printed_name": "Fine", "password": NEW, "again": NEW}
    page = Visitor(here, "root").post("/accounts", fields)
    assert "a word of the company" in page.text("#fault-password")
    page = act(here, here.people["ann"], "password", new=NEW, again=NEW)
    assert "a word of the company" in page.text("#fault-new")


def test_a_name_is_not_given_twice(here: Company) -> None:
    page = Visitor(here, "root").post("/accounts", {"_key": "a", "name": "ann", "printed_name": "Another"})
    assert page.status == 409
    assert "taken" in page.text(".refusal")
    assert page.one("input[name=printed_name]").attributes["value"] == "Another"


def test_roles_are_changed_and_the_history_tells_it(here: Company) -> None:
    account = made(here, "changing", Role.AUTHOR)
    token = here.token("changing")
    page = act(here, account, "roles", roles=["author", "compliance"])
    assert page.text(".notice").startswith("The roles were changed.")
    assert "changed the roles from author to author, compliance" in page.text("tbody")
    assert now(here, account).roles == {Role.AUTHOR, Role.COMPLIANCE}
    assert Visitor(here, cookies={"policy_service_session": token}).get("/account", follow=False).status == 303
    refused = act(here, account, "roles", roles=["administrator", "author"])
    assert refused.status == 422
    assert "no other role beside administrator" in refused.text("#fault-roles")


def test_what_was_changed_meanwhile_is_not_overwritten(here: Company) -> None:
    account = made(here, "moving", Role.AUTHOR)
    visitor = Visitor(here, "root")
    page = visitor.get(f"/accounts/{account.id}")
    act(here, account, "disable")
    late = visitor.send(page, "form[action$='/roles']", roles=["compliance"])
    assert late.status == 412
    assert "has changed since you read it" in late.text(".refusal")
    assert now(here, account).roles == {Role.AUTHOR}


def test_an_account_is_disabled_and_let_in_again(here: Company) -> None:
    account = made(here, "leaving", Role.AUTHOR)
    assert act(here, account, "disable").text(".notice").startswith("The account was disabled.")
    assert Visitor(here).post("/sign-in", {"name": "leaving", "password": SECRET}).status == 401
    page = act(here, account, "enable")
    assert page.text(".notice") == "The person may sign in again."
    assert Visitor(here).post("/sign-in", {"name": "leaving", "password": SECRET}, follow=False).status == 303


def test_a_password_that_was_lost_is_set_anew(here: Company) -> None:
    account = made(here, "forgetful", Role.COMPLIANCE)
    page = act(here, account, "password", new=NEW, again="not the same at all")
    assert page.status == 422
    assert page.text("#fault-again") == "This is not the same password."
    page = act(here, account, "password", new=NEW, again=NEW)
    assert "gave it another password" in page.text("tbody")
    assert NEW not in page.html
    assert "set by another person, not changed yet" in page.text()
    assert Visitor(here).post("/sign-in", {"name": "forgetful", "password": NEW}, follow=False).status == 303


def test_an_account_is_linked_and_nobody_else_to_the_same_person(here: Company) -> None:
    one, other = made(here, "linked.one"), made(here, "linked.two")
    fields = {"issuer": "https://identities.example/", "subject": "248"}
    assert "linked it to 248 of https://identities.example" in act(here, one, "link", **fields).text("tbody")
    refused = act(here, other, "link", **fields)
    assert refused.status == 409
    assert "is linked to" in refused.text(".refusal")


def test_nobody_administers_themselves_and_is_told_why(here: Company) -> None:
    page = Visitor(here, "root").get(f"/accounts/{here.people['root'].id}")
    text = page.text()
    assert "You cannot change your own roles: another administrator must." in text
    assert "You cannot link your own account: another administrator must." in text
    assert "is the last enabled administrator: make another one first." in text
    assert "Change your own password under “My account”." in text
    assert not page.has("form[action^='/accounts']")
    for what in ("roles", "disable", "link"):
        fields = {"_key": what, "_etag": here.people["root"].etag, "issuer": "https://a.example", "subject": "1"}
        fields = fields if what == "link" else {"_key": what, "_etag": fields["_etag"]}
        assert Visitor(here, "root").post(f"/accounts/{here.people['root'].id}/{what}", fields).status == 403


def test_compliance_attests_with_the_password_again(here: Company) -> None:
    account = made(here, "director.new", Role.SALES_DIRECTOR)
    assert "You changed the account" in Visitor(here, "root").get(f"/accounts/{account.id}").text(".because")
    page = Visitor(here, "compliance").get(f"/accounts/{account.id}")
    assert "Only an administrator manages accounts and API keys." in page.text(".because")
    refused = act(here, account, "attest", "compliance", password=NEW)
    assert refused.status == 403
    assert refused.text(".refusal") == "The password is wrong."
    done = act(here, account, "attest", "compliance", password=SECRET)
    assert "You attested the account" in done.text(".notice")
    assert "attested the account" in done.text("tbody")
    assert now(here, account).attested


def test_what_stands_against_attestation_is_said_instead_of_a_button(here: Company) -> None:
    value = made(here, "director.given", Role.SALES_DIRECTOR, own=False)
    page = Visitor(here, "compliance").get(f"/accounts/{value.id}")
    assert "its owner must change it first" in page.text(".because")
    assert not page.has("form[action$='/attest']")
    with here.database.write(here.clock) as transaction:
        writer = identity.create_account(transaction, SERVICE, name="plain", printed_name="Plain", roles=[])
    text = Visitor(here, "compliance").get(f"/accounts/{writer.id}").text()
    assert "No attestation needed" in text


def test_attestation_is_for_the_account_as_it_was_seen(here: Company) -> None:
    account = made(here, "director.moving", Role.SALES_DIRECTOR)
    visitor = Visitor(here, "compliance")
    page = visitor.get(f"/accounts/{account.id}")
    act(here, account, "roles", roles=["sales_director", "compliance"])
    late = visitor.send(page, "form[action$='/attest']", password=SECRET)
    assert late.status == 412
    assert not now(here, account).attested


@pytest.mark.parametrize("what", ["roles", "disable", "enable", "password", "link"])
def test_compliance_changes_no_account(here: Company, what: str) -> None:
    assert Visitor(here, "compliance").post(f"/accounts/{here.people['ann'].id}/{what}", {"_key": "x"}).status == 403


def test_an_account_that_is_not_there_is_told_as_a_page(here: Company) -> None:
    page = Visitor(here, "root").get("/accounts/nobody")
    assert page.status == 404
    assert Visitor(here, "root").post("/accounts/nobody/roles", {"_key": "x", "roles": "author"}).status == 404


def test_the_pages_are_told_in_chinese(here: Company) -> None:
    page = Visitor(here, "root", "zh").get(f"/accounts/{here.people['sales'].id}")
    assert "建立账户，角色：销售总监" in page.text("tbody")
    assert Visitor(here, "root", "zh").get("/accounts").one("h1").text() == "账户"
