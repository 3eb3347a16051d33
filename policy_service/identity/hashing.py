"""Passwords are hashed few at a time, in threads, for those who stand in line.

Strangers stand in a line of their own, so that they keep nobody waiting who is signed in; and those of one network take
at most half of its places.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TypeVar

from anyio import CapacityLimiter, to_thread

from policy_service.errors import PolicyServiceError
from policy_service.messages import Message

MAX_CONCURRENT = 2
"""Passwords that are hashed at the same time, each in 64 MiB, in each of the two lines."""
MAX_WAITING = 32
"""Requests that may wait for that."""
Result = TypeVar("Result")
_anonymous_limiter, _session_limiter = CapacityLimiter(MAX_CONCURRENT), CapacityLimiter(MAX_CONCURRENT)
_sign_ins_by_network: Counter[str] = Counter()
"""How many strangers of each network are in their line."""


class LineTooLong(PolicyServiceError):
    """Too many wait already."""

    kind = "busy"
    retry_seconds = 5

    def __init__(self, count: int) -> None:
        super().__init__(Message("{count} others wait to sign in", count=count))


async def run_hashing(function: Callable[[], Result], limiter: CapacityLimiter = _session_limiter) -> Result:
    """Run a command that verifies or makes a password's hash. Raises LineTooLong, and what the command raises."""
    if limiter.statistics().tasks_waiting >= MAX_WAITING:
        raise LineTooLong(MAX_WAITING)
    return await to_thread.run_sync(function, limiter=limiter)


async def run_sign_in(function: Callable[[], Result], network: str) -> Result:
    """Run a command that verifies the password of a stranger of a network. Raises as `run_hashing`."""
    if _sign_ins_by_network[network] >= MAX_CONCURRENT + MAX_WAITING // 2:
        raise LineTooLong(MAX_WAITING // 2)
    _sign_ins_by_network[network] += 1
    try:
        return await run_hashing(function, _anonymous_limiter)
    finally:
        _sign_ins_by_network[network] -= 1
        if not _sign_ins_by_network[network]:
            del _sign_ins_by_network[network]
