"""Password hashing: bounded concurrency, in threads, with two queues.

Strangers have their own queue, so that they do not delay people who are signed in; one network gets at most half of its
places.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TypeVar

from anyio import CapacityLimiter, to_thread

from policy_service.errors import PolicyServiceError
from policy_service.messages import Message

MAX_CONCURRENT = 2
"""Maximum number of concurrent hashes in each queue; each uses 64 MiB."""
MAX_WAITING = 32
"""Maximum length of a queue."""
Result = TypeVar("Result")
_anonymous_limiter, _session_limiter = CapacityLimiter(MAX_CONCURRENT), CapacityLimiter(MAX_CONCURRENT)
_sign_ins_by_network: Counter[str] = Counter()
"""The number of queued strangers by network."""


class LineTooLong(PolicyServiceError):
    """The queue is full."""

    kind = "busy"
    retry_seconds = 5

    def __init__(self, count: int) -> None:
        super().__init__(Message("{count} others wait to sign in", count=count))


async def run_hashing(function: Callable[[], Result], limiter: CapacityLimiter = _session_limiter) -> Result:
    """Run a command that verifies or computes a password hash. Raises LineTooLong, and what the command raises."""
    if limiter.statistics().tasks_waiting >= MAX_WAITING:
        raise LineTooLong(MAX_WAITING)
    return await to_thread.run_sync(function, limiter=limiter)


async def run_sign_in(function: Callable[[], Result], network: str) -> Result:
    """Run a command that verifies a stranger's password. Raises what `run_hashing` does."""
    if _sign_ins_by_network[network] >= MAX_CONCURRENT + MAX_WAITING // 2:
        raise LineTooLong(MAX_WAITING // 2)
    _sign_ins_by_network[network] += 1
    try:
        return await run_hashing(function, _anonymous_limiter)
    finally:
        _sign_ins_by_network[network] -= 1
        if not _sign_ins_by_network[network]:
            del _sign_ins_by_network[network]
