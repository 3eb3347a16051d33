"""Wrong passwords slow down whoever guesses, and nobody for long."""

from datetime import UTC, datetime, timedelta

from policy_service.identity.throttle import (
    FORGIVEN,
    LIMIT,
    LONGEST_WAIT,
    WINDOW,
    AddressLimit,
    Failures,
    after_failure,
    key_of,
)

AT = datetime(2026, 11, 20, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def fail(before: Failures | None, times: int, at: datetime) -> Failures:
    for number in range(times):
        before = after_failure(before, at + number * SECOND)
    assert before is not None
    return before


def test_after_five_failures_nobody_is_let_in_for_a_minute() -> None:
    assert fail(None, LIMIT - 1, AT).blocked(AT + 3 * SECOND) is None
    failures = fail(None, LIMIT, AT)
    until = AT + 4 * SECOND + timedelta(minutes=1)
    assert failures.blocked(AT + 4 * SECOND) == until
    assert failures.blocked(until - SECOND) == until
    assert failures.blocked(until) is None


def test_the_waits_double_up_to_a_quarter_of_an_hour() -> None:
    failures, at, waits = None, AT, []
    for _ in range(7):
        failures = fail(failures, LIMIT, at)
        assert failures.blocked_until is not None
        waits.append((failures.blocked_until - failures.last) // timedelta(minutes=1))
        at = failures.blocked_until
    assert waits == [1, 2, 4, 8, 15, 15, 15]
    assert timedelta(minutes=waits[-1]) == LONGEST_WAIT


def test_failures_long_apart_do_not_add_up() -> None:
    failures = None
    for number in range(3 * LIMIT):
        failures = after_failure(failures, AT + number * (WINDOW / (LIMIT - 2)))
        assert failures.blocked_until is None


def test_after_a_day_all_is_forgiven() -> None:
    failures = fail(None, LIMIT, AT)
    assert after_failure(failures, AT + timedelta(hours=1)).blocks == 1
    later = AT + FORGIVEN + 5 * SECOND
    assert after_failure(failures, later) == Failures(1, later, later)


def test_what_stands_for_a_name_does_not_tell_it() -> None:
    assert key_of("Ada ") == key_of("ada")
    assert "ada" not in key_of("ada")
    assert len(key_of("\ud800")) == 64


def test_an_address_has_to_wait_after_its_share() -> None:
    limit = AddressLimit(3)
    assert [limit.wait("a", AT + n * SECOND) for n in range(3)] == [None] * 3
    assert limit.wait("a", AT + 3 * SECOND) == WINDOW - 3 * SECOND
    assert limit.wait("b", AT + 3 * SECOND) is None
    assert limit.wait("a", AT + WINDOW) is None


def test_addresses_without_end_are_not_remembered() -> None:
    limit = AddressLimit(1)
    for number in range(10_001):
        limit.wait(str(number), AT)
    assert limit.wait("0", AT) is None
    assert limit.wait("10000", AT) is not None
