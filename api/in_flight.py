"""Requests with an idempotency key that are not answered yet: the same one again waits, another one is refused."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from api.problems import REQUEST_IN_FLIGHT, ProblemError
from policy_service.sentences import Sentence

PATIENCE = 30.0
"""Seconds that a request waits for the one before it with the same key."""
Name = tuple[str, str]
"""Who asks, and the key it chose."""


@dataclass(frozen=True, slots=True)
class _Running:
    fingerprint: str
    done: asyncio.Event = field(default_factory=asyncio.Event)


class InFlight:
    """The requests that this process is answering, by their keys."""

    def __init__(self, patience: float = PATIENCE) -> None:
        self._patience = patience
        self._running: dict[Name, _Running] = {}

    @asynccontextmanager
    async def turn(self, name: Name, fingerprint: str) -> AsyncIterator[None]:
        """While this lasts, no other request with the key is under way. Raises ProblemError."""
        while (before := self._running.get(name)) is not None:
            if before.fingerprint != fingerprint:
                raise _in_flight(Sentence("another request with this idempotency key is not answered yet"))
            try:
                await asyncio.wait_for(before.done.wait(), self._patience)
            except TimeoutError:
                raise _in_flight(Sentence("this request was sent before and is not answered yet")) from None
        mine = self._running[name] = _Running(fingerprint)
        try:
            yield
        finally:
            del self._running[name]
            mine.done.set()


def _in_flight(detail: str) -> ProblemError:
    return ProblemError(REQUEST_IN_FLIGHT, detail, headers={"Retry-After": "1"})
