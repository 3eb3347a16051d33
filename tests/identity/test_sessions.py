"""Signing in: a token that is known nowhere else, for as long as it may last; wrong passwords are remembered."""

import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest
from argon2 import PasswordHasher
from sqlmodel import select

from policy_service.actor import SERVICE, Role
from policy_service.database import Database
from policy_service.identity import devices, failures, passwords, service, sessions
from policy_service.identity.account import ExternalIdentity
from policy_service.identity.authentication import (
    ANYWHERE,
    authenticate_session,
    change_password,
    reauthenticate,
    sign_in,
    use_oidc_confirmation,
)
from policy_service.identity.errors import (
    AuthenticationFailed,
    IdentityValidationFailed,
    ReauthenticationRequired,
    SignInFailed,
    SignInThrottled,
)
from policy_service.identity.last_used import LastUsed
from policy_service.identity.sessions import OIDC, PASSWORD, SessionLimits, StartedSession
from policy_service.identity.tables import FailureRow, SessionRow
from policy_service.identity.throttle import ADDRESS_LIMIT, LIMIT, NAME_LIMIT, Origin, counters, log_counter
from tests.databases import BACKENDS, START, TestClock, fresh_database
from tests.identity.people import SECRET, event_names, made

ENDS = SessionLimits()
OTHER = "another staple for a battery"


@pytest.fixture(params=BACKENDS)
def database(request: pytest.FixtureRequest) -> Iterator[Database]:
    with fresh_database(request.param) as database:
        yield database


def never(_: str) -> None:
    """Nobody was seen since it was written down."""


def is_open(database: Database, clock: TestClock, started: StartedSession) -> bool:
    try:
        authenticate_session(database, started.token, clock.now(), ENDS, never)
    except AuthenticationFailed:
        return False
    return True


def test_the_right_password_opens_a_session(database: Database) -> None:
    clock = TestClock()
    ada = made(database, clock, "ada", Role.AUTHOR)
    started = sign_in(database, clock, "ada", SECRET)
    actor, signed_in = authenticate_session(database, started.token, clock.now(), ENDS, never)
    assert actor == started.actor == ada.actor()
    assert signed_in == started.user_session
    assert signed_in.method == PASSWORD
    assert event_names(database) == ["account_created", "signed_in"]
    with database.read() as session:
        assert started.token not in str(session.exec(select(SessionRow)).all())


@pytest.mark.parametrize(("name", "password"), [("ada", OTHER), ("bob", SECRET), ("no name", SECRET), ("eve", SECRET)])
def test_whatever_is_wrong_the_refusal_is_the_same(database: Database, name: str, password: str) -> None:
    clock = TestClock()
    made(database, clock, "ada")
    eve = made(database, clock, "eve", password=None)
    with database.write(clock) as transaction:
        service.disable(transaction, SERVICE, eve.id)
    with pytest.raises(SignInFailed) as refused:
        sign_in(database, clock, name, password)
    assert str(refused.value) == "the user name or the password is wrong, or the account is disabled"


def test_a_disabled_account_lets_nobody_in(database: Database) -> None:
    clock = TestClock()
    ada = made(database, clock, "ada")
    with database.write(clock) as transaction:
        service.disable(transaction, SERVICE, ada.id)
    with pytest.raises(SignInFailed):
        sign_in(database, clock, "ada", SECRET)


def test_a_session_ends_in_silence_and_with_age(database: Database) -> None:
    clock = TestClock()
    made(database, clock, "ada")
    started = sign_in(database, clock, "ada", SECRET)
    clock.move(minutes=30, seconds=-1)
    assert is_open(database, clock, started)
    clock.move(seconds=1)
    assert not is_open(database, clock, started)
    presence = LastUsed()
    presence.record_session_use(started.user_session.id, clock.now() - timedelta(minutes=1))
    assert authenticate_session(database, started.token, clock.now(), ENDS, presence.session_last_used)
    clock.move(hours=11, minutes=30)
    presence.record_session_use(started.user_session.id, clock.now())
    with pytest.raises(AuthenticationFailed, match="the session has ended"):
        authenticate_session(database, started.token, clock.now(), ENDS, presence.session_last_used)


def test_signing_out_ends_this_session_only_and_once(database: Database) -> None:
    clock = TestClock()
    made(database, clock, "ada")
    first, second = sign_in(database, clock, "ada", SECRET), sign_in(database, clock, "ada", SECRET)
    for _ in range(2):
        with database.write(clock) as transaction:
            sessions.sign_out(transaction, first.actor, first.user_session)
    assert not is_open(database, clock, first)
    assert is_open(database, clock, second)
    assert event_names(database).count("signed_out") == 1


@pytest.mark.parametrize("what", ["roles", "disabled", "password", "linked"])
def test_whatever_changes_an_account_ends_its_sessions(database: Database, what: str) -> None:
    clock = TestClock()
    ada = made(database, clock, "ada", Role.AUTHOR)
    bob = made(database, clock, "bob")
    started, others = sign_in(database, clock, "ada", SECRET), sign_in(database, clock, "bob", SECRET)
    with database.write(clock) as transaction:
        match what:
            case "roles":
                service.change_roles(transaction, SERVICE, ada.id, [])
            case "disabled":
                service.disable(transaction, SERVICE, ada.id)
            case "password":
                service.set_password(transaction, SERVICE, ada.id, "hash")
            case _:
                service.link(transaction, SERVICE, ada.id, ExternalIdentity("https://identities.example", "1"))
    assert not is_open(database, clock, started)
    assert is_open(database, clock, others)
    assert bob.enabled


def test_a_token_nobody_was_given_opens_nothing(database: Database) -> None:
    with pytest.raises(AuthenticationFailed, match="no such session is open"):
        authenticate_session(database, "token", TestClock().now(), ENDS, never)


def fail(database: Database, clock: TestClock, name: str, times: int, origin: Origin = ANYWHERE) -> None:
    for _ in range(times):
        with pytest.raises((SignInFailed, SignInThrottled)):
            sign_in(database, clock, name, OTHER, origin)


@pytest.mark.parametrize("name", ["ada", "nobody"])
def test_after_five_wrong_passwords_not_even_the_right_one_is_taken(database: Database, name: str) -> None:
    clock = TestClock()
    made(database, clock, "ada")
    fail(database, clock, name, LIMIT)
    with pytest.raises(SignInThrottled, match="too many wrong passwords: try again after 01:01:00 UTC"):
        sign_in(database, clock, name, SECRET)
    assert event_names(database)[1:] == (["sign_in_blocked"] if name == "ada" else [])
    clock.move(minutes=1)
    if name == "ada":
        sign_in(database, clock, name, SECRET)
    with database.read() as session:
        left = {row.name for row in session.exec(select(FailureRow)).all()}
    own, *others = counters(name, Origin(), None)
    assert left == {log_counter(name).key, *(each.key for each in others), *([] if name == "ada" else [own.key])}


def test_guesses_made_at_once_count_one_by_one(database: Database) -> None:
    clock = TestClock()
    made(database, clock, "ada")
    ends: list[type[Exception]] = []

    def guess() -> None:
        try:
            sign_in(database, clock, "ada", OTHER)
        except (SignInFailed, SignInThrottled) as refusal:
            ends.append(type(refusal))

    threads = [threading.Thread(target=guess) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ends.count(SignInFailed) == LIMIT - 1
    assert ends.count(SignInThrottled) == 12 - LIMIT + 1
    assert event_names(database).count("sign_in_blocked") == 1


def test_failures_of_yesterday_are_not_kept(database: Database) -> None:
    clock = TestClock()
    fail(database, clock, "bob", 1)
    clock.move(hours=25)
    fail(database, clock, "carol", 1)
    with database.read() as session:
        left = {row.name for row in session.exec(select(FailureRow)).all()}
    results = {counter.key for counter in (*counters("carol", Origin(), None), log_counter("carol"))}
    assert left == results


HERE, THERE = Origin("192.0.2.1"), Origin("198.51.100.7")


def known_browser(started: StartedSession, address: str = THERE.address) -> Origin:
    return Origin(address, device=started.device)


def test_strangers_keep_out_those_of_their_own_address_only(database: Database) -> None:
    clock = TestClock()
    made(database, clock, "ada")
    fail(database, clock, "ada", LIMIT, HERE)
    with pytest.raises(SignInThrottled):
        sign_in(database, clock, "ada", SECRET, HERE)
    assert sign_in(database, clock, "ada", SECRET, THERE).token
    assert event_names(database) == ["account_created", "sign_in_blocked", "signed_in"]


def test_a_name_is_not_guessed_from_many_addresses(database: Database) -> None:
    clock = TestClock()
    made(database, clock, "ada")
    at_home = known_browser(sign_in(database, clock, "ada", SECRET, HERE), HERE.address)
    with database.write(clock) as transaction:
        for number in range(NAME_LIMIT):
            origin = Origin(f"203.0.113.{number}")
            failures.record_failure(transaction, "ada", counters("ada", origin, None), None)
    with pytest.raises(SignInThrottled):
        sign_in(database, clock, "ada", SECRET, THERE)
    assert sign_in(database, clock, "ada", SECRET, at_home).token


def test_an_address_does_not_try_one_name_after_another(database: Database) -> None:
    clock = TestClock()
    made(database, clock, "ada")
    with database.write(clock) as transaction:
        for number in range(ADDRESS_LIMIT):
            failures.record_failure(transaction, f"n{number}", counters(f"n{number}", HERE, None), None)
    with pytest.raises(SignInThrottled):
        sign_in(database, clock, "ada", SECRET, HERE)
    assert sign_in(database, clock, "ada", SECRET, THERE).token


def test_right_passwords_are_not_counted(database: Database) -> None:
    clock = TestClock()
    made(database, clock, "ada")
    for _ in range(ADDRESS_LIMIT + 2):
        sign_in(database, clock, "ada", SECRET, HERE)
    with database.read() as session:
        assert session.exec(select(FailureRow)).all() == []


def test_an_open_session_is_held_up_by_its_own_failures_only(database: Database) -> None:
    clock = TestClock()
    made(database, clock, "ada", Role.SALES_DIRECTOR)
    started, other = (sign_in(database, clock, "ada", SECRET, HERE) for _ in range(2))
    mine, others = Origin(session=started.user_session.id), Origin(session=other.user_session.id)
    fail(database, clock, "ada", LIMIT, HERE)
    assert reauthenticate(database, clock, started.actor, SECRET, mine).confirmed_at
    for _ in range(LIMIT):
        with pytest.raises((SignInFailed, SignInThrottled)):
            reauthenticate(database, clock, started.actor, OTHER, mine)
    with pytest.raises(SignInThrottled):
        reauthenticate(database, clock, started.actor, SECRET, mine)
    assert reauthenticate(database, clock, started.actor, SECRET, others).confirmed_at


def test_a_known_browser_is_held_up_by_its_own_failures_only(database: Database) -> None:
    clock = TestClock()
    made(database, clock, "ada")
    at_home = known_browser(sign_in(database, clock, "ada", SECRET, HERE))
    fail(database, clock, "ada", LIMIT, THERE)
    assert sign_in(database, clock, "ada", SECRET, at_home).token
    fail(database, clock, "ada", LIMIT, at_home)
    with pytest.raises(SignInThrottled):
        sign_in(database, clock, "ada", SECRET, at_home)


def test_what_a_browser_is_known_by_is_for_one_account_and_ends(database: Database) -> None:
    clock = TestClock()
    ada, bob = made(database, clock, "ada"), made(database, clock, "bob")
    token = sign_in(database, clock, "ada", SECRET).device
    both = devices.with_token(token, sign_in(database, clock, "bob", SECRET).device or "")
    assert token is not None
    with database.read() as session:
        adas, bobs = (service.stored_hash(session, account.id) or "" for account in (ada, bob))
    now = clock.now()
    assert devices.find_device(token, ada.id, adas, now)
    assert devices.find_device(both, ada.id, adas, now)
    assert devices.find_device(both, bob.id, bobs, now)
    assert devices.find_device(token, bob.id, bobs, now) is None
    assert devices.find_device(token.replace(ada.id, bob.id), bob.id, bobs, now) is None
    assert devices.find_device(token, ada.id, bobs, now) is None
    assert devices.find_device(token, ada.id, adas, now + devices.LIFETIME + timedelta(seconds=2)) is None
    assert devices.find_device(token, ada.id, adas, now - timedelta(days=1)) is None
    for wrong in ("", "~", ".", f"{ada.id}.1.x.y", token[:-1], f"{ada.id}.²..", "é", None):
        assert devices.find_device(wrong, ada.id, adas, now) is None
    for number in range(9):
        both = devices.with_token(both, f"account-{number}.1.x.y")
    assert len(both.split("~")) == devices.MAX_ACCOUNTS


def test_the_password_once_more_confirms_who_somebody_is(database: Database) -> None:
    clock = TestClock()
    made(database, clock, "ada", Role.SALES_DIRECTOR)
    started = sign_in(database, clock, "ada", SECRET)
    assert not started.actor.is_fresh(clock.now())
    clock.move(minutes=3)
    confirmed = reauthenticate(database, clock, started.actor, SECRET)
    assert confirmed.is_fresh(clock.now())
    clock.move(hours=-1)
    again = reauthenticate(database, clock, started.actor, SECRET)
    assert confirmed.confirmed_at
    assert again.confirmed_at
    # No entry bears out when she confirmed, so only the last entry, of her signing in, keeps the time from going back.
    assert timedelta() < again.confirmed_at - START < timedelta(seconds=1)
    with pytest.raises(SignInFailed):
        reauthenticate(database, clock, started.actor, OTHER)


def test_a_confirmation_from_elsewhere_is_good_for_one_act_and_not_for_long(database: Database) -> None:
    clock = TestClock()
    ada = made(database, clock, "ada")
    with database.write(clock) as transaction:
        started = sessions.start_session(transaction, ada, OIDC)
    actor, signed_in = started.actor, started.user_session
    with database.write(clock) as transaction:
        sessions.confirm(transaction, signed_in.id)
    assert use_oidc_confirmation(database, clock, actor, signed_in).is_fresh(clock.now())
    with pytest.raises(ReauthenticationRequired):
        use_oidc_confirmation(database, clock, actor, signed_in)
    with database.write(clock) as transaction:
        sessions.confirm(transaction, signed_in.id)
    clock.move(minutes=6)
    with pytest.raises(ReauthenticationRequired):
        use_oidc_confirmation(database, clock, actor, signed_in)
    with database.write(clock) as transaction:
        sessions.sign_out(transaction, actor, signed_in)
    with pytest.raises(AuthenticationFailed):
        use_oidc_confirmation(database, clock, actor, signed_in)


def test_a_person_changes_their_password_with_the_old_one(database: Database) -> None:
    clock = TestClock()
    made(database, clock, "ada")
    started = sign_in(database, clock, "ada", SECRET)
    with pytest.raises(IdentityValidationFailed, match="12 to 256 characters"):
        change_password(database, clock, started.actor, SECRET, "short")
    with pytest.raises(SignInFailed):
        change_password(database, clock, started.actor, OTHER, OTHER)
    assert is_open(database, clock, started)
    change_password(database, clock, started.actor, SECRET, OTHER)
    assert not is_open(database, clock, started)
    sign_in(database, clock, "ada", OTHER)


def test_a_password_changed_meanwhile_is_not_the_right_one_any_more(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = TestClock()
    ada = made(database, clock, "ada")
    real = passwords.matches

    def slowly(stored: str, password: str) -> bool:
        with database.write(clock) as transaction:
            service.set_password(transaction, ada.actor(), ada.id, passwords.hash_password(OTHER))
        return real(stored, password)

    monkeypatch.setattr(passwords, "matches", slowly)
    with pytest.raises(SignInFailed):
        sign_in(database, clock, "ada", SECRET)


def test_a_hash_of_older_parameters_is_made_anew(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = TestClock()
    ada = made(database, clock, "ada")
    stronger = PasswordHasher(time_cost=2, memory_cost=8, parallelism=1)
    monkeypatch.setattr(passwords, "HASHER", stronger)
    with database.read() as session:
        before = service.stored_hash(session, ada.id)
    sign_in(database, clock, "ada", SECRET)
    with database.read() as session:
        after = service.stored_hash(session, ada.id)
    assert before is not None
    assert after is not None
    assert passwords.is_outdated(before)
    assert not passwords.is_outdated(after)
    sign_in(database, clock, "ada", SECRET)
