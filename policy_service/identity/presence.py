"""When sessions and keys were last used: kept in memory, written down now and then, in one transaction for all.

A session's idle time counts from memory where it is fresher. After a crash a session may end up to `WRITE_AFTER` early,
and so may one that several processes serve in turn.
"""

from __future__ import annotations

import threading
from datetime import datetime, timedelta

from policy_service.clock import Clock
from policy_service.database import Database
from policy_service.identity import api_keys, sessions

WRITE_AFTER = timedelta(minutes=1)


class Presence:
    """The uses that this process has seen."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._keys: dict[str, datetime] = {}
        self._sessions: dict[str, datetime] = {}
        self._seen: dict[str, datetime] = {}

    def key(self, id_: str, at: datetime) -> None:
        """A key was used."""
        self._keys[id_] = at

    def session(self, id_: str, at: datetime) -> None:
        """A session was used."""
        self._sessions[id_] = self._seen[id_] = at

    def seen(self, id_: str) -> datetime | None:
        """When a session was last used, as far as this process knows."""
        return self._seen.get(id_)

    def write(self, database: Database, clock: Clock) -> None:
        """Writes down what was seen since the last time. Raises DatabaseUnavailable; then it is tried again later."""
        with self._lock:
            keys, signed_in = self._keys, self._sessions
            self._keys, self._sessions = {}, {}
        if not keys and not signed_in:
            return
        try:
            with database.write(clock) as transaction:
                for id_, at in keys.items():
                    api_keys.was_used(transaction, id_, at)
                for id_, at in signed_in.items():
                    sessions.was_seen(transaction, id_, at)
        except BaseException:
            with self._lock:
                self._keys, self._sessions = {**keys, **self._keys}, {**signed_in, **self._sessions}
            raise
        now = clock.now()
        self._seen = {id_: at for id_, at in self._seen.items() if now - at < WRITE_AFTER * 2}
