"""The clock tells UTC, days begin where they are asked for, and identifiers sort by time."""

from datetime import UTC, date, datetime, timedelta
from uuid import RFC_4122
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from policy_service.clock import SystemClock, instants_between, midnight, timestamp, today, uuid7

MILLISECONDS = st.integers(0, 2**48 - 1)
CHANCE = st.integers(0, 2**74 - 1)


class StandingClock(SystemClock):
    def now(self) -> datetime:
        return datetime(2026, 11, 20, 17, 30, tzinfo=UTC)


def test_the_system_s_clock_tells_utc() -> None:
    assert SystemClock().now().utcoffset() == timedelta(0)


def test_a_day_begins_where_it_is_asked_for() -> None:
    assert today(StandingClock(), ZoneInfo("Asia/Shanghai")) == date(2026, 11, 21)
    assert today(StandingClock(), ZoneInfo("UTC")) == date(2026, 11, 20)


def test_days_are_half_open_periods_of_their_zone() -> None:
    zone, first = ZoneInfo("Asia/Shanghai"), date(2026, 11, 20)
    assert midnight(first, zone) == datetime(2026, 11, 19, 16, tzinfo=UTC)
    assert instants_between(first, first, zone) == (midnight(first, zone), midnight(date(2026, 11, 21), zone))
    assert instants_between(None, None, zone) == (None, None)


def test_an_instant_is_written_as_rfc_3339_does() -> None:
    assert timestamp(datetime(2026, 11, 21, 1, 30, tzinfo=ZoneInfo("Asia/Shanghai"))) == "2026-11-20T17:30:00.000000Z"


@given(MILLISECONDS, CHANCE)
def test_an_identifier_is_a_uuid_of_version_7_that_holds_the_instant(milliseconds: int, chance: int) -> None:
    identifier = uuid7(milliseconds, chance)
    assert (identifier.version, identifier.variant) == (7, RFC_4122)
    assert identifier.int >> 80 == milliseconds


@given(MILLISECONDS, MILLISECONDS, CHANCE, CHANCE)
def test_identifiers_of_later_milliseconds_sort_behind(one: int, other: int, chance: int, luck: int) -> None:
    assert one == other or (str(uuid7(one, chance)) < str(uuid7(other, luck))) == (one < other)


def test_no_identifier_is_made_twice() -> None:
    clock = StandingClock()
    assert len({clock.new_id() for _ in range(10_000)}) == 10_000
