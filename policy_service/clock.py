"""The only source of time and new identifiers; everything else gets them as arguments, and is reproducible."""

import os
import uuid
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Protocol
from zoneinfo import ZoneInfo

DEFAULT_ZONE = "Asia/Shanghai"
"""The default time zone (IANA name), in which days begin."""


class Clock(Protocol):
    """Source of the time and of identifiers."""

    def now(self) -> datetime:
        """Return the current instant, in UTC."""
        ...

    def new_id(self) -> uuid.UUID:
        """Return a new unique identifier."""
        ...


class SystemClock:
    """The machine's clock and source of randomness."""

    def now(self) -> datetime:
        """Return the current instant, in UTC."""
        return datetime.now(UTC)

    def new_id(self) -> uuid.UUID:
        """Return a UUID of version 7 (RFC 9562 section 5.7): later milliseconds sort later."""
        return uuid7(int(self.now().timestamp() * 1_000), int.from_bytes(os.urandom(10)))


def uuid7(milliseconds: int, random_bits: int) -> uuid.UUID:
    """Return the UUID of version 7 of an instant (milliseconds since 1970) and 74 `random_bits`."""
    high = (milliseconds & (1 << 48) - 1) << 16 | 7 << 12 | random_bits >> 62 & 0xFFF
    return uuid.UUID(int=high << 64 | 2 << 62 | random_bits & (1 << 62) - 1)


def today(clock: Clock, zone: ZoneInfo) -> date:
    """Return the current day in `zone`."""
    return clock.now().astimezone(zone).date()


def midnight(day: date, zone: tzinfo) -> datetime:
    """Return the instant at which a day begins."""
    return datetime.combine(day, time(), zone)


def instants_between(since: date | None, until: date | None, zone: tzinfo) -> tuple[datetime | None, datetime | None]:
    """Return the half-open range of instants of a range of days, the last day included."""
    start = midnight(since, zone) if since else None
    return start, midnight(until + timedelta(days=1), zone) if until else None


def timestamp(instant: datetime) -> str:
    """Return an instant in RFC 3339 format, in UTC with microseconds."""
    return instant.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
