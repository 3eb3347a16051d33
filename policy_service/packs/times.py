"""Times in a pack: in the company's zone first, then UTC."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from policy_service.clock import timestamp


def zone_of(name: object) -> ZoneInfo | None:
    """Return the company's zone by its name in a manifest; None for older packs, which only show UTC."""
    try:
        return ZoneInfo(name) if isinstance(name, str) else None
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def both_times(at: str | datetime, zone: ZoneInfo | None) -> str:
    """Return an instant as `2026-11-21 10:00:00 +08:00 (2026-11-21T02:00:00.000000Z)`. Raises ValueError."""
    text = timestamp(at) if isinstance(at, datetime) else at
    if zone is None:
        return text
    local = datetime.fromisoformat(text).astimezone(zone).isoformat(sep=" ", timespec="seconds")
    return f"{local[:19]} {local[19:]} ({text})"
