"""Watches that nothing holds the event loop for long: whatever does keeps every decision waiting.

A *step* is what a request does between two waits: one that takes longer than it may is reported by its name. The *lag*
is how much later than asked the loop wakes up, whatever the reason: a step, a thread that keeps the interpreter's lock,
a collection of garbage, a machine that has no time.
"""

from __future__ import annotations

import asyncio
import types
from collections.abc import Callable, Coroutine, Generator
from functools import partial
from time import perf_counter
from typing import Any

LAG_SECONDS = 0.1
"""Seconds between two looks at the lag."""


class LoopWatch:
    """The steps of requests, and the lag of the loop that they share."""

    def __init__(
        self, seconds: float, on_blocked: Callable[[str, float], None], on_lag: Callable[[float], None]
    ) -> None:
        """`seconds` is how long a step may take; those that take longer, and each lag, are reported."""
        self.longest: dict[str, float] = {}
        """The longest step of each name that took longer than it may, in seconds."""
        self.clock: Callable[[], float] = perf_counter
        """The clock, in seconds; a test may count processor time instead, which costs a system call each time."""
        self._seconds, self._on_blocked, self._on_lag = seconds, on_blocked, on_lag

    async def run(self, request: Coroutine[Any, Any, None], name_of: Callable[[], str]) -> None:
        """Answer a request; its name is asked for after a step that took longer than it may."""
        await _run_in_steps(request, self.clock, self._seconds, partial(self._report_blocked, name_of))

    async def observe_lag(self) -> None:
        """Observe the lag until it is cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + LAG_SECONDS
            await asyncio.sleep(LAG_SECONDS)
            self._on_lag(max(0.0, loop.time() - due))

    def _report_blocked(self, name_of: Callable[[], str], seconds: float) -> None:
        name = name_of()
        self.longest[name] = max(seconds, self.longest.get(name, 0.0))
        self._on_blocked(name, seconds)


@types.coroutine
def _run_in_steps(
    request: Coroutine[Any, Any, None], clock: Callable[[], float], limit: float, on_blocked: Callable[[float], None]
) -> Generator[Any, Any, None]:
    """Run a coroutine as `await` would, and record each step that takes more than `limit` seconds."""
    step: Callable[[], Any] = partial(request.send, None)
    while True:
        begin = clock()
        try:
            awaited = step()
        except StopIteration:
            return
        finally:
            elapsed = clock() - begin
            if elapsed > limit:
                on_blocked(elapsed)
        try:
            value = yield awaited
        except BaseException as error:  # noqa: BLE001  # it belongs to the request, as what was found does
            step = partial(request.throw, error)
        else:
            step = partial(request.send, value)
