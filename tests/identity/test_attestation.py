"""Signing needs two: one who gives the role, and one who attests. Nobody can be both, nor sign as somebody else."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from policy_service.account_detail import read_account_detail
from policy_service.actor import SERVICE, SIGNING_ROLES, Actor, Role
from policy_service.database import Database, Transaction
from policy_service.identity import passwords, service
from policy_service.identity.account import PASSWORD_SET_BY_OTHER, UNATTESTED, Account, ExternalIdentity
from policy_service.identity.attestation import COMPLIANCE_ATTESTS
from policy_service.identity.authentication import authenticate_session, change_password, reauthenticate, sign_in
from policy_service.identity.errors import IdentityConflict, IdentityPermissionDenied, StaleAccount, UnknownAccount
from policy_service.identity.sessions import SessionLimits
from tests.databases import BACKENDS, TestClock, fresh_database
from tests.identity.people import SECRET, event_names, make

DIRECTOR = Role.SALES_DIRECTOR
OWN = "known to nobody else"
OTHER = "an administrator's choice"
LINKED = ExternalIdentity("https://identities.example", "1")


@dataclass
class House:
    """A database with an administrator, somebody of compliance and a director, both of whom can sign."""

    database: Database
    clock: TestClock
    people: dict[str, Account]

    def actor(self, name: str) -> Actor:
        return self.account(name).actor()

    def account(self, name: str) -> Account:
        with self.database.read() as session:
            account_by_name = service.find_account_by_name(session, name)
        assert account_by_name is not None
        return account_by_name

    def create(self, by: str, name: str, *roles: Role, password: str | None = SECRET) -> Account:
        password_hash = None if password is None else passwords.hash_password(password)
        with self.database.write(self.clock) as transaction:
            return service.create_account(
                transaction,
                self.actor(by),
                name=name,
                printed_name=f"The {name}",
                roles=roles,
                password_hash=password_hash,
            )

    def act(self, act: Callable[[Transaction], object]) -> None:
        with self.database.write(self.clock) as transaction:
            act(transaction)

    def attest(self, by: str, name: str, expected: str | None = None) -> Account:
        with self.database.write(self.clock) as transaction:
            return service.attest(transaction, self.actor(by), self.account(name).id, expected=expected)

    def enter(self, name: str, password: str) -> Actor:
        """The person who signs in with a password, as one who acts and as one who confirms."""
        started = sign_in(self.database, self.clock, name, password)
        actor, _ = authenticate_session(self.database, started.token, self.clock.now(), SessionLimits(), lambda _: None)
        confirmed = reauthenticate(self.database, self.clock, actor, password)
        assert started.actor.roles == actor.roles == confirmed.roles
        return confirmed

    def take_over(self, name: str, password: str = SECRET) -> None:
        """The person gives their account a password that nobody else knows."""
        change_password(self.database, self.clock, self.actor(name), password, OWN)


@pytest.fixture(params=BACKENDS)
def house(request: pytest.FixtureRequest) -> Iterator[House]:
    with fresh_database(request.param) as database:
        yield house_in(database)


def house_in(database: Database) -> House:
    clock = TestClock()
    with database.write(clock) as transaction:
        people = {
            "root": make(transaction, "root", Role.ADMINISTRATOR),
            "second": make(transaction, "second", Role.ADMINISTRATOR),
            "controller": make(transaction, "controller", Role.COMPLIANCE),
            "director": make(transaction, "director", DIRECTOR, Role.AUTHOR),
        }
        for name in ("controller", "director"):
            actor, own = people[name].actor(), passwords.hash_password(OWN)
            service.set_password(transaction, actor, actor.id, own)
            people[name] = service.attest(transaction, SERVICE, actor.id)
    return House(database, clock, people)


def test_a_director_whom_an_administrator_made_signs_nothing_before_compliance_attested(house: House) -> None:
    made = house.create("root", "ada", DIRECTOR, Role.AUTHOR)
    ada = house.enter("ada", SECRET)
    assert ada.roles == {Role.AUTHOR}
    assert ada.pending_roles == made.pending_roles
    assert ada.pending_reason(SIGNING_ROLES) == PASSWORD_SET_BY_OTHER
    assert ada.pending_reason([Role.COMPLIANCE]) is ada.pending_reason([Role.AUTHOR]) is None
    with pytest.raises(IdentityConflict, match="The password of ada was set by another person"):
        house.attest("controller", "ada")
    house.take_over("ada")
    assert house.enter("ada", OWN).pending_reason([DIRECTOR]) == UNATTESTED
    assert house.attest("controller", "ada").attested
    ada = house.enter("ada", OWN)
    assert ada.roles == {Role.AUTHOR, DIRECTOR}
    assert ada.pending_roles is None
    assert event_names(house.database)[-2:] == ["account_vouched", "signed_in"]


ATTACKS: dict[str, Callable[[Transaction, Actor, str], object]] = {
    "another password": lambda t, by, id_: service.set_password(t, by, id_, passwords.hash_password(OTHER)),
    "a link": lambda t, by, id_: service.link(t, by, id_, LINKED),
    "another signing role": lambda t, by, id_: service.change_roles(t, by, id_, [DIRECTOR, Role.FINANCE_DIRECTOR]),
    "let in again": lambda t, by, id_: (service.disable(t, by, id_), service.enable(t, by, id_)),
}


@pytest.mark.parametrize("what", ATTACKS)
def test_what_would_let_an_administrator_sign_as_a_director_takes_the_attestation_away(house: House, what: str) -> None:
    assert DIRECTOR in house.enter("director", OWN).roles
    director = house.account("director").id
    house.act(lambda t: ATTACKS[what](t, house.actor("root"), director))
    password = OTHER if what == "another password" else OWN
    assert not house.enter("director", password).roles.intersection(SIGNING_ROLES)
    for by, why in (
        ("root", "changed (the|your) account"),
        ("second", COMPLIANCE_ATTESTS),
        ("director", "your own account"),
    ):
        with pytest.raises(IdentityPermissionDenied, match=why):
            house.attest(by, "director")
    if password == OTHER:
        change_password(house.database, house.clock, house.actor("director"), OTHER, OWN)
        assert not house.enter("director", OWN).roles.intersection(SIGNING_ROLES)
    house.attest("controller", "director")
    assert DIRECTOR in house.enter("director", OWN).roles


def test_what_gives_nobody_else_anything_keeps_the_attestation(house: House) -> None:
    director, root = house.account("director").id, house.actor("root")
    change_password(house.database, house.clock, house.actor("director"), OWN, OTHER)
    house.act(lambda t: service.change_roles(t, root, director, [DIRECTOR]))
    house.act(lambda t: service.enable(t, root, director))
    assert house.enter("director", OTHER).roles == {DIRECTOR}
    house.act(lambda t: service.change_roles(t, root, director, [Role.AUTHOR]))
    house.act(lambda t: service.change_roles(t, root, director, [DIRECTOR]))
    assert house.enter("director", OTHER).roles == set()


def test_an_attestation_is_told_once_and_for_what_was_seen(house: House) -> None:
    house.create("root", "ada", DIRECTOR, password=None)
    seen = house.account("ada").etag
    house.act(lambda t: service.link(t, house.actor("root"), house.account("ada").id, LINKED))
    with pytest.raises(StaleAccount, match="The account ada has changed since you read it"):
        house.attest("controller", "ada", seen)
    before = house.account("ada")
    after = house.attest("controller", "ada", before.etag)
    assert after.etag != before.etag
    assert house.attest("controller", "ada") == after
    assert event_names(house.database)[-2:] == ["account_linked", "account_vouched"]
    with pytest.raises(UnknownAccount), house.database.write(house.clock) as transaction:
        service.attest(transaction, SERVICE, "nobody")


def test_nobody_attests_what_cannot_sign(house: House) -> None:
    house.create("root", "ada", Role.AUTHOR, password=None)
    with pytest.raises(IdentityConflict, match="The account ada has no signing role"):
        house.attest("controller", "ada")
    house.act(lambda t: service.disable(t, house.actor("root"), house.account("ada").id))
    with pytest.raises(IdentityConflict, match="The account ada is disabled"):
        house.attest("controller", "ada")


def test_an_account_in_full_says_what_its_reader_may_do(house: House) -> None:
    account = house.create("root", "ada", DIRECTOR, password=None)
    with house.database.read() as session:
        own, other = (read_account_detail(session, account.id, house.actor(by)) for by in ("root", "controller"))
    assert own.account == other.account == account
    assert (own.may_reset_password, own.may_link, own.may_disable, own.may_change_roles) == (True,) * 4
    assert own.may_attest == "You changed the account ada, so another person must attest it."
    assert other.may_attest is True
    assert other.may_administer == other.may_disable == "Only an administrator manages accounts and API keys."
    assert own.factor_since is None
    assert own.history[0].descriptions == ("created the account, with: sales director", "without a password")


def test_who_waits_attests_nobody_and_neither_does_a_machine(house: House) -> None:
    house.create("root", "ada", DIRECTOR, password=None)
    house.create("second", "bob", Role.COMPLIANCE, password=None)
    key = Actor("k", "key", "key", frozenset({Role.COMPLIANCE}), "machine")
    for by, why in (
        (house.actor("bob"), UNATTESTED),
        (key, "An API key"),
        (house.actor("director"), "Only compliance"),
    ):
        with pytest.raises(IdentityPermissionDenied, match=why), house.database.write(house.clock) as transaction:
            service.attest(transaction, by, house.account("ada").id)


def test_an_administrator_who_becomes_compliance_does_not_attest_what_they_had_a_hand_in(house: House) -> None:
    house.create("root", "puppet", Role.ADMINISTRATOR, password=None)
    house.create("puppet", "ada", DIRECTOR, password=None)
    root = house.account("root").id
    house.act(lambda t: service.change_roles(t, house.actor("second"), root, [Role.COMPLIANCE]))
    house.take_over("root")
    house.act(lambda t: service.attest(t, SERVICE, root))
    with pytest.raises(IdentityPermissionDenied, match=r"changed (the|your) account"):
        house.attest("root", "ada")


# ------------------------------------------------------------------------------------------------- the very start


@pytest.fixture
def beginning() -> Iterator[House]:
    """Two administrators whom the command line made, and nobody else."""
    with fresh_database("sqlite") as database:
        clock = TestClock()
        with database.write(clock) as transaction:
            people = {name: make(transaction, name, Role.ADMINISTRATOR) for name in ("root", "second")}
        yield House(database, clock, people)


def test_the_first_of_compliance_is_attested_by_another_administrator(beginning: House) -> None:
    house = beginning
    house.create("root", "controller", Role.COMPLIANCE, password=None)
    house.create("root", "ada", DIRECTOR, password=None)
    with pytest.raises(IdentityPermissionDenied, match=r"changed (the|your) account"):
        house.attest("root", "controller")
    with pytest.raises(IdentityPermissionDenied, match="attest a compliance account first"):
        house.attest("second", "ada")
    assert house.attest("second", "controller").attested
    house.attest("controller", "ada")
    assert house.actor("ada").roles == {DIRECTOR}


def test_one_administrator_with_two_accounts_is_not_two(beginning: House) -> None:
    house = beginning
    house.create("root", "puppet", Role.ADMINISTRATOR, password=None)
    house.create("root", "one", Role.COMPLIANCE, password=None)
    house.create("puppet", "two", Role.COMPLIANCE, password=None)
    house.create("second", "three", Role.COMPLIANCE, password=None)
    for by, name, why in (
        ("puppet", "one", "Another administrator changed your account"),
        ("root", "two", "You changed the account"),
        ("puppet", "three", "Another administrator changed your account"),
    ):
        with pytest.raises(IdentityPermissionDenied, match=why):
            house.attest(by, name)
    assert house.attest("second", "two").attested


def test_nobody_makes_it_the_very_start_again_by_disabling_compliance(beginning: House) -> None:
    house = beginning
    house.create("root", "controller", Role.COMPLIANCE, password=None)
    house.attest("second", "controller")
    house.act(lambda t: service.disable(t, house.actor("root"), house.account("controller").id))
    house.create("root", "another", Role.COMPLIANCE, password=None)
    with pytest.raises(IdentityPermissionDenied, match=COMPLIANCE_ATTESTS):
        house.attest("second", "another")
    house.act(lambda t: service.attest(t, SERVICE, house.account("another").id))
    assert house.actor("another").roles == {Role.COMPLIANCE}
