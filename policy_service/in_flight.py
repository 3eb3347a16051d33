"""Requests with an idempotency key that are not answered yet: the same one again waits, another one is refused."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from policy_service.errors import PolicyServiceError
from policy_service.messages import Message

MAX_WAIT_SECONDS = 30.0
"""Seconds that a request waits for the one before it with the same key."""
RequestKey = tuple[str, str]
"""The caller, and the key it chose."""


class RequestInFlight(PolicyServiceError):
    """A request with this key is not answered yet."""

    kind = "request-in-flight"
    retry_seconds = 1


@dataclass(frozen=True, slots=True)
class _Running:
    fingerprint: str
    done: asyncio.Event = field(default_factory=asyncio.Event)


class InFlight:
    """The requests that this process is answering, by their keys."""

    def __init__(self, max_wait: float = MAX_WAIT_SECONDS) -> None:
        self._max_wait = max_wait
        self._running: dict[RequestKey, _Running] = {}

    @asynccontextmanager
    async def exclusive(self, name: RequestKey, fingerprint: str) -> AsyncIterator[None]:
        """While this lasts, no other request with the key is under way. Raises RequestInFlight."""
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
