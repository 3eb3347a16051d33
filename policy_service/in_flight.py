"""Requests with an idempotency key in flight: an identical retry waits, another request is rejected."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from policy_service.errors import PolicyServiceError
from policy_service.messages import Message

MAX_WAIT_SECONDS = 30.0
"""Maximum time a request waits for an earlier one with the same key."""
RequestKey = tuple[str, str]
"""The caller, and its idempotency key."""


class RequestInFlight(PolicyServiceError):
    """A request with this key is in flight."""

    kind = "request-in-flight"
    retry_seconds = 1


@dataclass(frozen=True, slots=True)
class _Running:
    fingerprint: str
    done: asyncio.Event = field(default_factory=asyncio.Event)


class InFlight:
    """The requests in flight in this process, by key."""

    def __init__(self, max_wait: float = MAX_WAIT_SECONDS) -> None:
        self._max_wait = max_wait
        self._running: dict[RequestKey, _Running] = {}

    @asynccontextmanager
    async def exclusive(self, name: RequestKey, fingerprint: str) -> AsyncIterator[None]:
        """Hold a key, so that no other request with it is in flight. Raises RequestInFlight."""
        while (running := self._running.get(name)) is not None:
            if running.fingerprint != fingerprint:
                raise RequestInFlight(Message("another request with this idempotency key is not answered yet"))
            try:
                await asyncio.wait_for(running.done.wait(), self._max_wait)
            except TimeoutError:
                raise RequestInFlight(Message("this request was sent before and is not answered yet")) from None
        own = self._running[name] = _Running(fingerprint)
        try:
            yield
        finally:
            del self._running[name]
            own.done.set()
