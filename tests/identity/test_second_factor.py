"""One-time codes: those of RFC 6238, each once, set up and removed with an entry in the log."""

import base64
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from policy_service.actor import SERVICE, Role
from policy_service.database import Database
from policy_service.identity import second_factor
from policy_service.identity.authentication import reauthenticate
from policy_service.identity.errors import IdentityConflict, IdentityPermissionDenied, SignInFailed, SignInThrottled
from tests.databases import TestClock, fresh_database
from tests.identity.people import SECRET, event_names, made

KEY = base64.b32encode(b"12345678901234567890").decode()
"""The secret of RFC 6238, appendix B."""


@pytest.fixture
def database() -> Iterator[Database]:
    with fresh_database("sqlite") as database:
        yield database


@pytest.mark.parametrize(
    ("seconds", "code"),
    [(59, "287082"), (1111111109, "081804"), (1111111111, "050471"), (2000000000, "279037"), (20000000000, "353130")],
)
def test_the_codes_are_those_of_the_standard(seconds: int, code: str) -> None:
    assert second_factor.code_at(KEY, seconds // 30) == code


def test_a_code_counts_a_step_early_or_late_and_no_more() -> None:
    now = datetime.fromtimestamp(1111111111, UTC)
    step = 1111111111 // 30
    code = second_factor.code_at(KEY, step)
    for seconds, expected in ((0, step), (30, step), (-30, step), (60, None), (-60, None)):
        assert second_factor.matching_step(KEY, code, now + timedelta(seconds=seconds), 0) == expected
    assert second_factor.matching_step(KEY, f"{code[:3]} {code[3:]}", now, 0) == step, "as applications show it"
    assert second_factor.matching_step(KEY, code, now, step) is None, "it was used"
    assert second_factor.matching_step(KEY, "０５０４７１", now, 0) is None


def test_a_new_secret_is_taken_up_by_an_address() -> None:
    with fresh_database("sqlite") as database, database.read() as session:
        seed = second_factor.new_seed(session)
        secret = second_factor.secret_of(session, "ada", seed)
    assert secret is not None
    assert len(base64.b32decode(secret)) == 20
    assert second_factor.address_of(secret, "a b") == (
        f"otpauth://totp/policy-service:a%20b?secret={secret}&issuer=policy-service"
    )


def test_a_signature_takes_password_and_code_and_each_code_once(database: Database) -> None:
    clock = TestClock()
    ada = made(database, clock, "ada", Role.AUTHOR)
    actor = ada.actor()
    with database.write(clock) as transaction:
        second_factor.enrol(transaction, actor, KEY, code(clock))
    with database.read() as session:
        assert second_factor.enrolled_at(session, ada.id) == clock.at
    with pytest.raises(SignInFailed):
        reauthenticate(database, clock, actor, SECRET, code=code(clock))  # it proved the secret
    clock.move(seconds=30)
    assert reauthenticate(database, clock, actor, SECRET, code=code(clock)).confirmed_at == clock.at
    for wrong in (code(clock), "", "000000"):
        with pytest.raises((SignInFailed, SignInThrottled)):
            reauthenticate(database, clock, actor, SECRET, code=wrong)
    assert event_names(database).count("second_factor_set") == 1


def test_wrong_codes_are_counted_as_wrong_passwords(database: Database) -> None:
    clock = TestClock()
    actor = made(database, clock, "ada", Role.AUTHOR).actor()
    for _ in range(5):
        with pytest.raises((SignInFailed, SignInThrottled)):
            reauthenticate(database, clock, actor, SECRET, code="000000")
    with pytest.raises(SignInThrottled):
        reauthenticate(database, clock, actor, SECRET)


def test_what_does_not_prove_a_secret_sets_nothing_up(database: Database) -> None:
    clock = TestClock()
    ada = made(database, clock, "ada", Role.AUTHOR, password=None)
    for secret, wrong in ((KEY, "000000"), ("none", code(clock)), ("!", "1"), ("é" * 32, "1"), (KEY[:8], "1")):
        with pytest.raises(IdentityConflict), database.write(clock) as transaction:
            second_factor.enrol(transaction, ada.actor(), secret, wrong)
    with database.write(clock) as transaction:
        second_factor.enrol(transaction, ada.actor(), KEY, code(clock))
    with pytest.raises(IdentityConflict, match="remove it first"), database.write(clock) as transaction:
        second_factor.enrol(transaction, ada.actor(), KEY, code(clock))


def test_its_owner_or_an_administrator_removes_it(database: Database) -> None:
    clock = TestClock()
    ada, bob = (made(database, clock, name, Role.AUTHOR, password=None) for name in ("ada", "bob"))
    with database.write(clock) as transaction:
        second_factor.enrol(transaction, ada.actor(), KEY, code(clock))
    with pytest.raises(IdentityPermissionDenied), database.write(clock) as transaction:
        second_factor.remove(transaction, bob.actor(), ada.id)
    with database.write(clock) as transaction:
        second_factor.remove(transaction, ada.actor(), ada.id)
    with pytest.raises(IdentityConflict), database.write(clock) as transaction:
        second_factor.remove(transaction, SERVICE, ada.id)
    assert event_names(database)[-1] == "second_factor_removed"


def test_no_code_counts_again_where_the_same_secret_is_set_up_anew(database: Database) -> None:
    clock = TestClock()
    actor = made(database, clock, "ada", Role.AUTHOR).actor()
    with database.write(clock) as transaction:
        second_factor.enrol(transaction, actor, KEY, code(clock))
    next_code = second_factor.code_at(KEY, second_factor.step_of(clock.at) + 1)
    reauthenticate(database, clock, actor, SECRET, code=next_code)  # of a clock that is fast
    with database.write(clock) as transaction:
        second_factor.remove(transaction, actor, actor.id)
        second_factor.enrol(transaction, actor, KEY, code(clock))
    with pytest.raises(SignInFailed):
        reauthenticate(database, clock, actor, SECRET, code=next_code)
    clock.move(seconds=60)
    assert reauthenticate(database, clock, actor, SECRET, code=code(clock)).confirmed_at == clock.at


def code(clock: TestClock) -> str:
    """The code of now."""
    return second_factor.code_at(KEY, second_factor.step_of(clock.at))
