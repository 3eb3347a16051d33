"""Whether a database can be written to now."""

from __future__ import annotations

from time import monotonic

from policy_service.database import Database, DatabaseUnavailable
from policy_service.messages import Message

RECENT_SECONDS = 10.0
"""Seconds for which the last write says whether the next one will be kept."""
WRITABLE = "writable"


def writable(database: Database) -> tuple[str, list[str]]:
    """Return `WRITABLE`, or why nothing can be recorded now; and what there was to see of late.

    A write that was just kept says so. Otherwise it is tried without writing anything: so a service that is sent
    nothing while it cannot record finds out by itself that it can again.
    """
    failure, now = database.failure, monotonic()
    if failure is None and now - database.last_commit_at < RECENT_SECONDS:
        return WRITABLE, []
    try:
        database.probe()
    except DatabaseUnavailable as error:
        return str(error), []
    if failure is None:
        return WRITABLE, []
    reason = str(DatabaseUnavailable(failure.reason))
    if now - failure.at < RECENT_SECONDS:
        return Message("the last write failed: {reason}", reason=reason), []
    recent = Message(
        "the last write failed {seconds} seconds ago, and none was made since: {reason}",
        seconds=round(now - failure.at),
        reason=reason,
    )
    return WRITABLE, [recent]
