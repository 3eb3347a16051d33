"""Checks whether a database is writable now."""

from __future__ import annotations

from time import monotonic

from policy_service.database import Database, DatabaseUnavailable
from policy_service.messages import Message

RECENT_SECONDS = 10.0
"""How long a successful write counts as proof that the next will succeed, seconds."""
WRITABLE = "writable"


def writable(database: Database) -> tuple[str, list[str]]:
    """Return `WRITABLE`, or why nothing can be recorded now; and recent observations.

    A recent successful write is proof enough. Otherwise the database is probed without writing, so that an idle service
    notices by itself when it can record again.
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
