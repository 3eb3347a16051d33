"""Accounts in the database: made, changed, disabled, always with an entry in the log, and never deleted."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlmodel import select

from policy_service.actor import SERVICE, Actor, Role
from policy_service.database import Database, Transaction
from policy_service.identity import service
from policy_service.identity.account import ExternalIdentity
from policy_service.identity.errors import (
    IdentityConflict,
    IdentityPermissionDenied,
    IdentityValidationFailed,
    UnknownAccount,
)
from policy_service.identity.queries import AccountFilter, list_accounts
from policy_service.identity.tables import CredentialRow
from tests.databases import BACKENDS, TestClock, fresh_database
from tests.identity.people import event_names, made, make

ISSUER = "https://identities.example"


@pytest.fixture(params=BACKENDS)
def database(request: pytest.FixtureRequest) -> Iterator[Database]:
    with fresh_database(request.param) as database:
        yield database


def test_an_account_is_made_and_found(database: Database) -> None:
    clock = TestClock()
    ada = made(database, clock, "ada", Role.AUTHOR, Role.COMPLIANCE)
    clock.move(seconds=1)
    bob = made(database, clock, "bob", password=None)
    with database.read() as session:
        assert service.find_account_by_name(session, "ada") == service.read_account(session, ada.id) == ada
        assert list(service.accounts(session).values()) == [ada, bob]
        assert service.find_account_by_name(session, "carol") is service.find_account_by_name(session, "\ud800") is None
        assert service.stored_hash(session, ada.id) is not None
        assert service.stored_hash(session, bob.id) is None
        with pytest.raises(UnknownAccount, match="no account has the identifier nobody"):
            service.read_account(session, "nobody")
    assert ada.roles == {Role.AUTHOR, Role.COMPLIANCE}
    assert event_names(database) == ["account_created"] * 2


def test_all_that_is_wrong_with_an_account_is_told_at_once(database: Database) -> None:
    with pytest.raises(IdentityValidationFailed) as refused, database.write(TestClock()) as transaction:
        service.create_account(
            transaction, SERVICE, name="A", printed_name="", roles=[Role.ADMINISTRATOR, Role.COMPLIANCE]
        )
    assert [fault.member for fault in refused.value.errors] == ["name", "printed_name", "roles"]
    assert event_names(database) == []


def test_a_name_is_never_given_twice(database: Database) -> None:
    clock = TestClock()
    made(database, clock, "ada")
    with pytest.raises(IdentityConflict, match="The name ada is taken"):
        made(database, clock, "ada")


@pytest.mark.parametrize(
    "other",
    ["Li Ming", "LI MING", "li  ming", "Ｌｉ Ming", "Lі Mіng", "LiMing"],
    ids=["the same", "capitals", "blanks", "full width", "Cyrillic", "no blank"],
)
def test_two_accounts_never_have_printed_names_that_look_alike(database: Database, other: str) -> None:
    clock = TestClock()

    def create(name: str, printed_name: str) -> None:
        with database.write(clock) as transaction:
            service.create_account(transaction, SERVICE, name=name, printed_name=printed_name, roles=[])

    create("first", "Li Ming")
    with pytest.raises(IdentityConflict, match="looks like that of first, and signatures are distinguished by it"):
        create("second", other)
    create("third", "Li Ming (Shanghai)")


def test_who_is_no_administrator_changes_nothing(database: Database) -> None:
    clock = TestClock()
    ada, bob = made(database, clock, "ada", Role.AUTHOR), made(database, clock, "bob")
    by = ada.actor()
    acts: list[Callable[[Transaction], object]] = [
        lambda t: service.create_account(t, by, name="carol", printed_name="Carol", roles=[]),
        lambda t: service.change_roles(t, by, bob.id, [Role.AUTHOR]),
        lambda t: service.disable(t, by, bob.id),
        lambda t: service.enable(t, by, bob.id),
        lambda t: service.link(t, by, bob.id, ExternalIdentity(ISSUER, "b")),
        lambda t: service.set_password(t, by, bob.id, "hash"),
    ]
    for act in acts:
        with (
            pytest.raises(IdentityPermissionDenied, match="Only an administrator"),
            database.write(clock) as transaction,
        ):
            act(transaction)
    assert event_names(database) == ["account_created"] * 2


def test_changes_are_told_once_and_in_order(database: Database) -> None:
    clock = TestClock()
    ada = made(database, clock, "ada", Role.AUTHOR)
    with database.write(clock) as transaction:
        for _ in range(2):
            service.change_roles(transaction, SERVICE, ada.id, [Role.COMPLIANCE])
            service.link(transaction, SERVICE, ada.id, ExternalIdentity(ISSUER, "a"))
            service.disable(transaction, SERVICE, ada.id)
        assert not service.read_account(transaction.session, ada.id).enabled
        service.enable(transaction, SERVICE, ada.id)
        after = service.enable(transaction, SERVICE, ada.id)
        service.set_password(transaction, ada.actor(), ada.id, "another hash")
    assert after.roles == {Role.COMPLIANCE}
    assert after.enabled
    assert event_names(database)[1:] == [
        *("roles_changed", "account_linked", "account_disabled", "account_enabled", "password_changed")
    ]


def test_roles_that_do_not_go_together_are_refused(database: Database) -> None:
    clock = TestClock()
    ada = made(database, clock, "ada")
    with pytest.raises(IdentityValidationFailed, match="no other role"), database.write(clock) as transaction:
        service.change_roles(transaction, SERVICE, ada.id, [Role.ADMINISTRATOR, Role.SALES_DIRECTOR])


def administrators(database: Database, clock: TestClock) -> list[Actor]:
    with database.write(clock) as transaction:
        return [make(transaction, name, Role.ADMINISTRATOR).actor() for name in ("ada", "bob")]


def test_an_administrator_gives_themself_nothing(database: Database) -> None:
    clock = TestClock()
    ada, bob = administrators(database, clock)
    with pytest.raises(IdentityPermissionDenied, match="your own roles"), database.write(clock) as transaction:
        service.change_roles(transaction, ada, ada.id, [Role.SALES_DIRECTOR])
    with pytest.raises(IdentityPermissionDenied, match="your own account"), database.write(clock) as transaction:
        service.link(transaction, ada, ada.id, ExternalIdentity(ISSUER, "director"))
    with database.write(clock) as transaction:
        service.disable(transaction, ada, bob.id)
        with pytest.raises(IdentityPermissionDenied, match="last enabled administrator"):
            service.disable(transaction, ada, ada.id)


def test_a_person_of_a_provider_has_one_account(database: Database) -> None:
    clock = TestClock()
    ada, bob = made(database, clock, "ada"), made(database, clock, "bob")
    first, second = ExternalIdentity(ISSUER, "1"), ExternalIdentity(ISSUER, "2")
    with database.write(clock) as transaction:
        service.link(transaction, SERVICE, ada.id, first)
        with pytest.raises(IdentityConflict, match="is linked to ada already"):
            service.link(transaction, SERVICE, bob.id, first)
        service.link(transaction, SERVICE, ada.id, second)
    with database.read() as session:
        assert service.find_account_by_external(session, first) is None
        account_by_external = service.find_account_by_external(session, second)
    assert account_by_external is not None
    assert account_by_external.id == ada.id


def test_only_the_present_hash_is_kept(database: Database) -> None:
    clock = TestClock()
    ada = made(database, clock, "ada")
    with database.write(clock) as transaction:
        service.set_password(transaction, ada.actor(), ada.id, "second")
    with database.read() as session:
        assert [row.password_hash for row in session.exec(select(CredentialRow))] == ["second"]


@pytest.mark.parametrize("table", ["account", "account_change"])
def test_the_database_itself_refuses_to_rewrite_who_somebody_was(database: Database, table: str) -> None:
    clock = TestClock()
    made(database, clock, "ada")
    with pytest.raises(IntegrityError), database.write(clock) as transaction:
        transaction.session.exec(text(f"DELETE FROM {table}"))  # type: ignore[call-overload]  # noqa: S608


def test_who_held_which_role_on_a_day(database: Database) -> None:
    clock = TestClock()
    ada = made(database, clock, "ada", Role.AUTHOR, password=None)
    before = clock.at
    clock.move(days=2)
    with database.write(clock) as transaction:
        service.change_roles(transaction, SERVICE, ada.id, [Role.COMPLIANCE])
    clock.move(days=2)
    with database.read() as session:
        roles = [
            {each.name: set(each.roles) for each in list_accounts(session, AccountFilter(until=instant)).items}
            for instant in (before, before + timedelta(days=1), None)
        ]
    assert roles == [{}, {"ada": {Role.AUTHOR}}, {"ada": {Role.COMPLIANCE}}]
