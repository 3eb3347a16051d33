"""Detects code that blocks the event loop, which would delay every decision.

A *step* is what a request does between two waits; one that exceeds the limit is reported by name. The *lag* is how late
the loop wakes up, for any reason: a step, a thread that holds the interpreter's lock, garbage collection, an overloaded
machine.
"""

from __future__ import annotations

import asyncio
import types
from collections.abc import Callable, Coroutine, Generator
from functools import partial
from time import perf_counter
from typing import Any

LAG_SECONDS = 0.1
"""Interval of lag measurements."""


class LoopWatch:
    """Measures the steps of requests, and the lag of their event loop."""

    def __init__(
        self, seconds: float, on_blocked: Callable[[str, float], None], on_lag: Callable[[float], None]
    ) -> None:
        """`seconds` is the limit of a step; longer ones, and each lag, are reported."""
        self.longest: dict[str, float] = {}
        """The longest step above the limit, by name, in seconds."""
        self.clock: Callable[[], float] = perf_counter
        """The clock, in seconds; a test may use processor time, which costs a system call per reading."""
        self._seconds, self._on_blocked, self._on_lag = seconds, on_blocked, on_lag

    async def run(self, request: Coroutine[Any, Any, None], name_of: Callable[[], str]) -> None:
        """Answer a request; `name_of` is called only after a step above the limit."""
        await _run_in_steps(request, self.clock, self._seconds, partial(self._report_blocked, name_of))

    async def observe_lag(self) -> None:
        """Measure the lag until cancelled."""
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
    """Run a coroutine like `await`, reporting each step longer than `limit` seconds."""
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
