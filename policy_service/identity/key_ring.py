"""The API keys in memory, so that a decision does not wait for the database to say who asks.

The ring is as old as the last look at the database, at most `LOOK_AFTER` seconds; a look costs one small read, and the
keys are read again only when somebody has written since. What this process writes itself counts at once (`forget`).
"""

from __future__ import annotations

import hmac
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from policy_service.actor import Actor
from policy_service.audit.guard import API_KEYS, faults_in
from policy_service.database import Database, count
from policy_service.identity.api_keys import ApiKey, api_keys
from policy_service.identity.refusals import NotSignedIn
from policy_service.identity.tokens import read_key
from policy_service.sentences import Sentence

LOOK_AFTER = 1.0
"""Seconds that a key revoked by another process may still open something."""


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys and those who act by them, as of a transaction."""

    epoch: int
    keys: dict[str, ApiKey]
    actors: dict[str, Actor]


class KeyRing:
    """The keys of one process."""

    def __init__(self, database: Database, ticks: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._ticks = ticks
        self._keys = Keys(-1, {}, {})
        self._looked_at = -math.inf
        self._writes = 0

    @property
    def is_stale(self) -> bool:
        """Whether `look` has to be called before `check`."""
        return self._ticks() - self._looked_at >= LOOK_AFTER

    def forget(self) -> None:
        """Lets the next to ask look first: this process has just written."""
        self._writes += 1
        self._looked_at = -math.inf

    def look(self) -> None:
        """Reads what changed. Raises DatabaseUnavailable, and then the ring stays stale."""
        ticks, writes = self._ticks(), self._writes
        with self._database.read() as session:
            epoch = count(session)
            if epoch != self._keys.epoch:
                # a key that cannot be read opens nothing; others do
                keys = self._keys.keys if faults_in(session, API_KEYS) else api_keys(session, skip_damaged=True)
                self._keys = Keys(epoch, keys, {key.id: key.actor() for key in keys.values()})
        if writes == self._writes:  # else somebody wrote while this was being read
            self._looked_at = ticks

    def check(self, text: str, now: datetime) -> Actor:
        """Whose key the text is. Raises NotSignedIn."""
        keys = self._keys
        shown = read_key(text)
        key = keys.keys.get(shown.id) if shown is not None else None
        if shown is None or key is None or not hmac.compare_digest(key.digest, shown.digest):
            raise NotSignedIn(Sentence("there is no such API key"))
        if not key.opens(now):
            revoked = key.revoked_at is not None
            raise NotSignedIn(Sentence("the API key was revoked") if revoked else Sentence("the API key has expired"))
        return keys.actors[key.id]
