"""Last uses of sessions and keys: buffered in memory, written together now and then.

A session's idle time counts from memory if that is later. A session may end up to `FLUSH_AFTER` early after a crash, or
if several processes serve it in turn.
"""

from __future__ import annotations

import threading
from datetime import datetime, timedelta

from policy_service.clock import Clock
from policy_service.database import Database
from policy_service.identity import api_keys, sessions

FLUSH_AFTER = timedelta(minutes=1)


class LastUsed:
    """The uses seen by this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._keys: dict[str, datetime] = {}
        self._sessions: dict[str, datetime] = {}
        self._last_seen: dict[str, datetime] = {}

    def record_key_use(self, id_: str, at: datetime) -> None:
        """Note that a key was used."""
        self._keys[id_] = at

    def record_session_use(self, id_: str, at: datetime) -> None:
        """Note that a session was used."""
        self._sessions[id_] = self._last_seen[id_] = at

    def session_last_used(self, id_: str) -> datetime | None:
        """Return when a session was last used, as far as this process knows."""
        return self._last_seen.get(id_)

    def flush(self, database: Database, clock: Clock) -> None:
        """Write what was noted since the last flush. Raises DatabaseUnavailable; retried later."""
        with self._lock:
            keys, used_sessions = self._keys, self._sessions
            self._keys, self._sessions = {}, {}
        if not keys and not used_sessions:
            return
        try:
            with database.write(clock) as transaction:
                for id_, at in keys.items():
                    api_keys.record_key_use(transaction, id_, at)
                for id_, at in used_sessions.items():
                    sessions.record_session_use(transaction, id_, at)
        except BaseException:
            with self._lock:
                self._keys, self._sessions = {**keys, **self._keys}, {**used_sessions, **self._sessions}
            raise
        now = clock.now()
        self._last_seen = {id_: at for id_, at in self._last_seen.items() if now - at < FLUSH_AFTER * 2}
