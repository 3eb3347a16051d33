"""Wrong passwords slow down whoever guesses, and nobody for long."""

from datetime import UTC, datetime, timedelta

import pytest

from policy_service.identity.throttle import (
    LIMIT,
    LONGEST_WAIT,
    NAME_LIMIT,
    RETENTION,
    WINDOW,
    Failures,
    Origin,
    after_failure,
    counters,
    key_of,
    network_of,
)

AT = datetime(2026, 11, 20, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def fail(before: Failures | None, times: int, at: datetime) -> Failures:
    for number in range(times):
        before = after_failure(before, at + number * SECOND)
    assert before is not None
    return before


def test_after_five_failures_nobody_is_let_in_for_a_minute() -> None:
    assert fail(None, LIMIT - 1, AT).wait_until(AT + 3 * SECOND) is None
    failures = fail(None, LIMIT, AT)
    until = AT + 4 * SECOND + timedelta(minutes=1)
    assert failures.wait_until(AT + 4 * SECOND) == until
    assert failures.wait_until(until - SECOND) == until
    assert failures.wait_until(until) is None


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
    later = AT + RETENTION + 5 * SECOND
    assert after_failure(failures, later) == Failures(1, later, later)


def test_whoever_waits_is_not_counted_meanwhile() -> None:
    failures = fail(None, LIMIT, AT)
    assert after_failure(failures, AT + 30 * SECOND) == failures


def test_a_counter_may_have_room_for_more() -> None:
    failures = None
    for number in range(NAME_LIMIT - 1):
        failures = after_failure(failures, AT + number * SECOND, NAME_LIMIT)
    assert failures is not None
    assert failures.blocked_until is None
    assert after_failure(failures, AT + NAME_LIMIT * SECOND, NAME_LIMIT).blocked_until is not None


def test_what_stands_for_a_name_does_not_tell_it() -> None:
    assert key_of("name", "Ada ") == key_of("name", "ada")
    assert key_of("name", "ada") != key_of("address", "ada")
    assert key_of("name and address", "a", "b") != key_of("name and address", "ab", "")
    assert "ada" not in key_of("name", "ada")
    assert len(key_of("name", "\ud800")) == 64


def test_who_is_known_has_a_counter_of_their_own() -> None:
    stranger = counters("ada", Origin("192.0.2.1"), None)
    assert [counter.limit for counter in stranger] == [5, 100, 60]
    at_home = counters("ada", Origin("192.0.2.1"), "browser")
    signed_in = counters("ada", Origin("192.0.2.1", session="1"), "browser")
    assert len(at_home) == len(signed_in) == 1
    assert len({counter.key for counter in (*stranger, *at_home, *signed_in)}) == 5


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("", ""),
        ("testclient", "testclient"),
    ],
)
def test_an_address_counts_as_far_as_its_owner_cannot_choose_it(address: str, network: str) -> None:
    assert network_of(address) == network
