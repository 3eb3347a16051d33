"""How wrong passwords slow down whoever guesses: by the name that was given, for ever; by the address, in memory.

After `LIMIT` failures within `WINDOW` nobody is let in under that name for a minute, then two, four … at most
`LONGEST_WAIT`, which keeps a stranger from locking somebody out for a day. A name nobody has is treated alike: it
tells nothing.
"""

from __future__ import annotations

import hashlib
from collections import deque
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

LIMIT = 5
WINDOW = timedelta(minutes=15)
FIRST_WAIT = timedelta(minutes=1)
LONGEST_WAIT = timedelta(minutes=15)
FORGIVEN = timedelta(hours=24)
"""After so long without a failure nothing of it is remembered."""
ADDRESS_LIMIT = 60
"""Attempts from one address within `WINDOW`."""
ADDRESSES = 10_000
"""Addresses that are remembered at a time."""


@dataclass(frozen=True, slots=True)
class Failures:
    """What is remembered of the wrong passwords for a name."""

    count: int
    since: datetime
    last: datetime
    blocks: int = 0
    blocked_until: datetime | None = None

    def blocked(self, now: datetime) -> datetime | None:
        """Until when nobody is let in; None when somebody may be."""
        return self.blocked_until if self.blocked_until is not None and now < self.blocked_until else None


def after_failure(before: Failures | None, now: datetime) -> Failures:
    """What is remembered after one more wrong password."""
    if before is None or now - before.last > FORGIVEN:
        return Failures(1, now, now)
    if now - before.since > WINDOW:
        return Failures(1, now, now, before.blocks)
    count = before.count + 1
    if count < LIMIT:
        return replace(before, count=count, last=now)
    until = now + min(FIRST_WAIT * 2 ** min(before.blocks, 10), LONGEST_WAIT)
    return Failures(0, until, now, before.blocks + 1, until)


def key_of(name: str) -> str:
    """What stands for a name in the memory of failures, so that passwords typed as names are not kept."""
    return hashlib.sha256(name.strip().casefold().encode(errors="replace")).hexdigest()


class AddressLimit:
    """Counts attempts by the address they come from, for the life of the process."""

    def __init__(self, limit: int = ADDRESS_LIMIT) -> None:
        self._limit = limit
        self._attempts: dict[str, deque[datetime]] = {}

    def wait(self, address: str, now: datetime) -> timedelta | None:
        """Counts an attempt; how long this address has to wait when it made too many, else None."""
        attempts = self._attempts.pop(address, None) or deque(maxlen=self._limit)
        self._attempts[address] = attempts  # now the last of them: the first is whoever was silent for longest
        if len(self._attempts) > ADDRESSES:
            del self._attempts[next(iter(self._attempts))]
        if len(attempts) == self._limit and now - attempts[0] < WINDOW:
            return attempts[0] + WINDOW - now
        attempts.append(now)
        return None
