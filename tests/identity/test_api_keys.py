"""API keys: shown once, kept as a digest, for a time, for few things, and taken back at once."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlmodel import select

from policy_service.actor import SERVICE, Actor, Role
from policy_service.database import Database, DatabaseUnavailable
from policy_service.identity.api_keys import MAX_LIFETIME, ApiKey, IssuedKey, api_keys, issue_key, revoke_key
from policy_service.identity.errors import (
    AuthenticationFailed,
    IdentityPermissionDenied,
    IdentityValidationFailed,
    UnknownApiKey,
)
from policy_service.identity.key_ring import KeyRing
from policy_service.identity.last_used import LastUsed
from policy_service.identity.tables import ApiKeyRow
from policy_service.identity.tokens import digest_of, is_key_like, parse_key
from tests.databases import BACKENDS, TestClock, fresh_database
from tests.identity.people import event_names, made

DAY = timedelta(days=1)


@pytest.fixture(params=BACKENDS)
def database(request: pytest.FixtureRequest) -> Iterator[Database]:
    with fresh_database(request.param) as database:
        yield database


class Ticks:
    """Seconds that pass when told."""

    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        return self.at


def issue(database: Database, clock: TestClock, name: str = "crm", *scopes: Role) -> IssuedKey:
    with database.write(clock) as transaction:
        held = scopes or (Role.INTEGRATION,)
        return issue_key(transaction, SERVICE, name=name, scopes=held, expires_at=clock.now() + DAY)


def revoke(database: Database, clock: TestClock, key: ApiKey) -> ApiKey:
    with database.write(clock) as transaction:
        return revoke_key(transaction, SERVICE, key.id)


def looked(database: Database) -> KeyRing:
    ring = KeyRing(database)
    ring.refresh()
    return ring


def test_a_key_opens_as_a_machine_in_its_scopes(database: Database) -> None:
    clock = TestClock()
    issued = issue(database, clock)
    assert issued.text.startswith(f"psk_{issued.key.id}_")
    actor = looked(database).authenticate(issued.text, clock.now())
    assert actor == Actor(issued.key.id, "crm", "crm", frozenset({Role.INTEGRATION}), "machine")
    with database.read() as session:
        secret = issued.text.split("_", 2)[2]
        assert secret not in str(session.exec(select(ApiKeyRow)).all())
    assert event_names(database) == ["api_key_issued"]


@pytest.mark.parametrize("text", ["", "psk_", "psk__", "psk_x_y", "psk_{id}_", "psk_{id}_wrong", "{id}", "psk_{id}"])
def test_what_is_no_key_opens_nothing(database: Database, text: str) -> None:
    clock = TestClock()
    issued = issue(database, clock)
    with pytest.raises(AuthenticationFailed, match="there is no such API key"):
        looked(database).authenticate(text.format(id=issued.key.id), clock.now())


def test_a_key_is_taken_apart() -> None:
    key = parse_key("psk_1-2_a_b-c")
    assert key is not None
    assert (key.id, key.digest) == ("1-2", digest_of("a_b-c"))
    assert is_key_like("psk_x")
    assert not is_key_like("a token")


def test_a_key_ends(database: Database) -> None:
    clock = TestClock()
    issued = issue(database, clock)
    ring = looked(database)
    clock.move(days=1, seconds=-1)
    ring.authenticate(issued.text, clock.now())
    clock.move(seconds=1)
    with pytest.raises(AuthenticationFailed, match="the API key has expired"):
        ring.authenticate(issued.text, clock.now())


def test_a_key_taken_back_elsewhere_opens_nothing_a_second_later(database: Database) -> None:
    clock, ticks = TestClock(), Ticks()
    issued, other = issue(database, clock), issue(database, clock, "other")
    ring = KeyRing(database, ticks)
    ring.refresh()
    for _ in range(2):
        assert revoke(database, clock, issued.key).revoked_at == clock.now()
    ring.authenticate(issued.text, clock.now())
    stale = []
    for seconds in (0.0, 0.9, 1.0):
        ticks.at = seconds
        stale.append(ring.is_stale)
    assert stale == [False, False, True]
    ring.refresh()
    with pytest.raises(AuthenticationFailed, match="the API key was revoked"):
        ring.authenticate(issued.text, clock.now())
    ring.authenticate(other.text, clock.now())
    assert event_names(database).count("api_key_revoked") == 1


def test_what_this_process_writes_counts_at_once(database: Database) -> None:
    clock, ticks = TestClock(), Ticks()
    issued = issue(database, clock)
    ring = KeyRing(database, ticks)
    ring.refresh()
    revoke(database, clock, issued.key)
    ring.invalidate()
    assert ring.is_stale
    ring.refresh()
    with pytest.raises(AuthenticationFailed):
        ring.authenticate(issued.text, clock.now())


def test_a_look_that_began_before_a_write_does_not_count(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    ring = KeyRing(database, Ticks())
    real = database.read

    def meanwhile() -> object:
        ring.invalidate()
        return real()

    monkeypatch.setattr(database, "read", meanwhile)
    ring.refresh()
    assert ring.is_stale


def test_a_ring_that_cannot_look_stays_stale(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    ring = KeyRing(database, Ticks())

    def gone() -> None:
        raise DatabaseUnavailable("gone")

    monkeypatch.setattr(database, "read", gone)
    with pytest.raises(DatabaseUnavailable):
        ring.refresh()
    assert ring.is_stale


@pytest.mark.parametrize("scope", [role for role in Role if role not in {Role.INTEGRATION, Role.COMPLIANCE}])
def test_no_key_writes_signs_or_manages(database: Database, scope: Role) -> None:
    with pytest.raises(IdentityValidationFailed, match="a machine neither writes, nor signs, nor manages accounts"):
        issue(database, TestClock(), "key", Role.INTEGRATION, scope)


def test_all_that_is_wrong_with_a_key_is_told_at_once(database: Database) -> None:
    clock = TestClock()
    for late in (clock.now(), clock.now() + MAX_LIFETIME + timedelta(seconds=1)):
        with pytest.raises(IdentityValidationFailed) as refused, database.write(clock) as transaction:
            issue_key(transaction, SERVICE, name=" ", scopes=[], expires_at=late)
        assert [fault.member for fault in refused.value.errors] == ["name", "scopes", "expires_at"]
    with database.write(clock) as transaction:
        issue_key(transaction, SERVICE, name="a", scopes=[Role.COMPLIANCE], expires_at=clock.now() + MAX_LIFETIME)


def test_only_an_administrator_issues_and_revokes(database: Database) -> None:
    clock = TestClock()
    ada, issued = made(database, clock, "ada", Role.COMPLIANCE).actor(), issue(database, clock)
    with database.write(clock) as transaction:
        with pytest.raises(IdentityPermissionDenied):
            issue_key(transaction, ada, name="a", scopes=[Role.INTEGRATION], expires_at=clock.now() + DAY)
        with pytest.raises(IdentityPermissionDenied):
            revoke_key(transaction, ada, issued.key.id)
        with pytest.raises(UnknownApiKey, match="no API key has the identifier x"):
            revoke_key(transaction, SERVICE, "x")


def test_the_last_use_is_written_down_in_one_go(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = TestClock()
    issued, presence = issue(database, clock), LastUsed()
    presence.flush(database, clock)
    clock.move(minutes=1)
    presence.record_key_use(issued.key.id, clock.now())
    presence.record_session_use("no such session", clock.now())
    with monkeypatch.context() as patch:
        patch.setattr(Database, "write", _gone)
        with pytest.raises(DatabaseUnavailable):
            presence.flush(database, clock)
    presence.flush(database, clock)
    used_at = clock.now()
    clock.move(minutes=1)
    presence.record_key_use(issued.key.id, clock.now() - timedelta(hours=1))
    presence.flush(database, clock)
    with database.read() as session:
        assert api_keys(session)[issued.key.id].used_at == used_at
    clock.move(minutes=5)
    presence.record_key_use(issued.key.id, clock.now())
    presence.flush(database, clock)
    with database.read() as session:
        assert api_keys(session)[issued.key.id].used_at == clock.now()
    assert presence.session_last_used("no such session") is None


def _gone(*_: object) -> None:
    raise DatabaseUnavailable("gone")
