"""A cache of API keys, so that authenticating a caller needs no database access.

The cache is at most `REFRESH_SECONDS` old. A refresh costs one small query; the keys are reloaded only if new log
entries name one of their rows. Writes by this process count at once (`invalidate`).
"""

from __future__ import annotations

import hmac
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from sqlmodel import Session

from policy_service.actor import Actor
from policy_service.audit.guard import API_KEYS, names_no_row, usable
from policy_service.database import Database, log_size
from policy_service.identity.api_keys import ApiKey, api_keys
from policy_service.identity.errors import AuthenticationFailed
from policy_service.identity.tokens import parse_key
from policy_service.messages import Message

REFRESH_SECONDS = 1.0
"""How long a key revoked by another process may still be accepted, seconds."""


@dataclass(frozen=True, slots=True)
class KeySnapshot:
    """The keys and their actors, as of a transaction."""

    epoch: int
    keys: dict[str, ApiKey]
    actors: dict[str, Actor]


class KeyRing:
    """The keys of one process."""

    def __init__(self, database: Database, ticks: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._ticks = ticks
        self._snapshot = KeySnapshot(-1, {}, {})
        self._refreshed_at = -math.inf
        self._writes = 0

    @property
    def is_stale(self) -> bool:
        """True if `refresh` must be called before `authenticate`."""
        return self._ticks() - self._refreshed_at >= REFRESH_SECONDS

    def invalidate(self) -> None:
        """Make the next caller refresh, after a write by this process."""
        self._writes += 1
        self._refreshed_at = -math.inf

    def refresh(self) -> None:
        """Read changes. Raises DatabaseUnavailable; the cache then stays stale."""
        ticks, writes = self._ticks(), self._writes
        with self._database.read() as session:
            epoch, snapshot = log_size(session), self._snapshot
            if epoch != snapshot.epoch and names_no_row(session, API_KEYS, snapshot.epoch):
                self._snapshot = replace(snapshot, epoch=epoch)
            elif epoch != snapshot.epoch:
                faults, left_out = usable(session, API_KEYS)
                keys = self._snapshot.keys if faults else _logged_keys(session, left_out)
                self._snapshot = KeySnapshot(epoch, keys, {key.id: key.actor() for key in keys.values()})
        if writes == self._writes:  # else there was a write while this was being read
            self._refreshed_at = ticks

    def authenticate(self, text: str, now: datetime) -> Actor:
        """Return the actor of the key. Raises AuthenticationFailed."""
        snapshot = self._snapshot
        parsed_key = parse_key(text)
        key = snapshot.keys.get(parsed_key.id) if parsed_key is not None else None
        if parsed_key is None or key is None or not hmac.compare_digest(key.digest, parsed_key.digest):
            raise AuthenticationFailed(Message("there is no such API key"))
        if not key.is_valid(now):
            revoked = key.revoked_at is not None
            raise AuthenticationFailed(
                Message("the API key was revoked") if revoked else Message("the API key has expired")
            )
        return snapshot.actors[key.id]


def _logged_keys(session: Session, left_out: Mapping[str, frozenset[str]]) -> dict[str, ApiKey]:
    """Return the keys except some rows. A damaged key is skipped, so that it cannot authenticate."""
    added, revoked = (left_out[table] for table in API_KEYS)
    keys = api_keys(session, skip_damaged=True)
    return {
        id_: replace(key, revoked_at=None) if id_ in revoked else key for id_, key in keys.items() if id_ not in added
    }
