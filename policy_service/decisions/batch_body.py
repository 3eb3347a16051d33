"""The body of a batch, read while answers wait, so that a client may send all of it before reading any answer.

    network ──► memory ──────────────────────────────┬─► lines are decided ──► answers ──► network
           └──► a file, while answers are not taken ─┘

While the client reads answers, the body is read only as far as the memory buffer allows: back-pressure slows the
client, and no file is written. If the client does not read, answers fill the connection, and a client that sends
everything before reading would deadlock. The body is then spooled to a file, up to a limit. If the limit is reached and
the client still reads nothing, the batch ends. The rest of the body is discarded, so that the client finishes sending
and reads the answers, the last of which says where the batch ended.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress

from policy_service.decisions.batch import BatchEnded
from policy_service.messages import Message
from policy_service.spool import Spool

MEMORY = 1024 * 1024
"""Size of the memory buffer, bytes."""
CHUNK = 256 * 1024
"""Bytes handed to the decider at a time."""
STUCK_SECONDS = 0.1
"""How long an answer may wait to be read by the client before the body is spooled to a file."""
PATIENCE_SECONDS = 3.0
"""How long an answer may wait once the file is full, before the batch ends; less than the send time-out of common
clients.
"""
ABANDONED_SECONDS = 300.0
"""How long an answer may wait before the client counts as disconnected."""


class SpoolFull(BatchEnded):
    """The file is full, and the client does not read the answers."""

    def __init__(self, limit: int) -> None:
        super().__init__(
            Message(
                "this line and those behind it were not decided: {limit:,} bytes of the batch wait, and no answer is "
                "read. Send them again, and read answers while you send",
                limit=limit,
            )
        )
        self.limit = limit


Piece = tuple[bytes, bool]
"""A piece of a body, and whether more follows."""


class BatchBody:
    """The body of one batch, between the task that reads it from the network and the one that decides it."""

    def __init__(self, receive: Callable[[], Awaitable[Piece | None]], limit: int) -> None:
        """`receive` returns the next piece, or None after the client disconnected.

        `limit` is the maximum size in bytes of the file, and of one piece from the network.
        """
        self._receive, self._limit = receive, limit
        self._memory = bytearray()
        self._spool = Spool()
        self._is_complete = False
        self._error: BatchEnded | None = None
        self._blocked_since: float | None = None
        self._received, self._changed = asyncio.Event(), asyncio.Event()

    async def send(self, sending: Awaitable[None]) -> None:
        """Send a part of the answer; while the client does not read it, the body is read on.

        Raises TimeoutError after ABANDONED_SECONDS.
        """
        self._blocked_since = time.monotonic()
        self._changed.set()
        try:
            async with asyncio.timeout(ABANDONED_SECONDS):
                await sending
        finally:
            self._blocked_since = None

    async def pump(self) -> None:
        """Read the body from the network until the client disconnects."""
        while True:
            await self._wait_for_room()
            if (piece := await self._receive()) is None:
                return
            content, has_more = piece
            await self._store(content)
            self._is_complete = self._is_complete or not has_more
            self._received.set()

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yield the body as it arrives. Raises BatchEnded if it is not read to its end."""
        while True:
            if self._memory:
                piece = bytes(self._memory[:CHUNK])
                del self._memory[:CHUNK]
            else:
                piece = await asyncio.to_thread(self._spool.read, CHUNK) if self._spool.unread else b""
            self._changed.set()
            if piece:
                yield piece
            elif self._error is not None:
                raise self._error
            elif self._is_complete:
                return
            else:
                self._received.clear()
                await self._received.wait()

    def close(self) -> None:
        """Remove the file."""
        self._spool.close()

    async def _wait_for_room(self) -> None:
        """Wait until there is room for more, or the body is being discarded."""
        while not self._is_complete and self._error is None:
            since = self._blocked_since
            waited = 0.0 if since is None else time.monotonic() - since
            if waited < STUCK_SECONDS:
                is_full, remaining = len(self._memory) + self._spool.unread >= MEMORY, STUCK_SECONDS - waited
            else:
                is_full, remaining = self._spool.size >= self._limit, PATIENCE_SECONDS - waited
            if not is_full:
                return
            if remaining < 0:
                self._end(self._limit)
                return
            self._changed.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(None if since is None else remaining):
                    await self._changed.wait()

    def _end(self, limit: int) -> None:
        self._error = SpoolFull(limit)
        self._received.set()

    async def _store(self, content: bytes) -> None:
        if self._error is not None:
            return
        if not self._spool.unread and len(self._memory) < MEMORY:
            self._memory += content
            return
        try:
            await asyncio.to_thread(self._spool.write, content)
        except OSError:
            self._end(self._spool.size)
