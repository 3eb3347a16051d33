"""Days and times in forms are instants of the service's zone, or refused."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from api.kit.formats import parse_instant

NEW_YORK = ZoneInfo("America/New_York")


@pytest.mark.parametrize(
    ("local", "at"),
    [
        ("2027-03-14T01:59", datetime(2027, 3, 14, 6, 59, tzinfo=UTC)),
        ("2027-03-14T02:00", None),
        ("2027-03-14T02:59", None),
        ("2027-03-14T03:00", datetime(2027, 3, 14, 7, 0, tzinfo=UTC)),
        ("2027-11-07T01:30", datetime(2027, 11, 7, 5, 30, tzinfo=UTC)),
        ("9999-12-31T23:59", None),
    ],
)
def test_a_time_that_the_clocks_skip_is_no_instant(local: str, at: datetime | None) -> None:
    assert parse_instant(datetime.fromisoformat(local), NEW_YORK) == at


def test_a_draft_keeps_the_second_of_two_hours() -> None:
    second = datetime(2027, 11, 7, 6, 30, 12, tzinfo=UTC)
    assert parse_instant(datetime.fromisoformat("2027-11-07T01:30"), NEW_YORK, second) == second
