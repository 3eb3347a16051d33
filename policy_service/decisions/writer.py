"""Records decisions by group commit: whoever is told that a decision is recorded can rely on it, whatever happens next.

    single decisions ──► queue (bounded) ──┐
                                           ├──► one thread: a group in one transaction ──► callers are told
    lines of batches ──► queue ────────────┘

A commit costs a write to the disk however much is in it, so those that come while one is under way share the next.
Single decisions, for which somebody waits, go before lines of batches: when both wait, the two take turns, and as long
as single decisions come, a group of lines is small. So a single decision waits for few lines at most, and a batch has
its turn too.

A decision that was made by what is no longer in force is made again, before anything is written. A group that the
database does not take is told so, all of it, and the thread goes on; when it is not the database's fault but that of
one in the group, each is tried alone.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from itertools import islice
from typing import NamedTuple

from policy_service.clock import Clock
from policy_service.database import Database, DatabaseUnavailable, LaneName
from policy_service.decisions.group import Answer, Groups, Item, Result, Stale
from policy_service.decisions.in_force import InForce, NotReady, Turning
from policy_service.decisions.subjects import Secrets
from policy_service.sentences import Sentence

GROUP = 500
"""Single decisions in one transaction."""
LINES = 256
"""Lines of batches in one transaction, when no single decisions come."""
LINES_BESIDE = 32
"""The same, as long as single decisions come; no more lines are handed over together."""
BESIDE_SECONDS = 1.0
"""How long after the last single decision others are expected."""
QUEUE = 5_000
"""Single decisions that may wait."""
TURNS = 20
"""How often a decision is made again because other versions came into force meanwhile."""


class Busy(Exception):
    """More decisions wait to be recorded than may, or the service is closing; nothing was recorded."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)


class _Waiting(NamedTuple):
    items: Sequence[Item]
    tell: Callable[[Sequence[Result]], None]
    loop: asyncio.AbstractEventLoop | None
    """Where `tell` must be called; anywhere when there is none."""


class Writer:
    """The one thread that records decisions."""

    def __init__(  # noqa: PLR0913  # what a record is made with, and two sizes
        self,
        database: Database,
        clock: Clock,
        in_force: InForce,
        secrets: Secrets,
        *,
        group: int = GROUP,
        queue: int = QUEUE,
    ) -> None:
        self._database, self._clock, self._in_force = database, clock, in_force
        self._groups = Groups(in_force, secrets)
        self._group, self._limit = group, queue
        self._singles: deque[_Waiting] = deque()
        self._lines: deque[_Waiting] = deque()
        self._lines_next = False
        self._last_single = -BESIDE_SECONDS
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="decision-writer", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """How many single decisions wait."""
        return len(self._singles)

    async def record(self, item: Item) -> Answer:
        """Records a decision. Raises Busy, KeyReused, NotReady, DatabaseUnavailable, and what a decision can."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Answer] = loop.create_future()
        self._put(_Waiting([item], partial(_settle, future), loop))
        return await future

    def record_lines(self, items: Sequence[Item]) -> asyncio.Future[Sequence[Result]]:
        """Records decisions of a batch, at most LINES_BESIDE, behind single ones; a result for each. Raises Busy."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Sequence[Result]] = loop.create_future()

        def tell(results: Sequence[Result]) -> None:
            if not future.done():  # whoever waited has gone
                future.set_result(results)

        with self._changed:
            self._refuse_when_closed()
            self._lines.append(_Waiting(items, tell, loop))
            self._changed.notify()
        return future

    def submit(self, item: Item) -> Future[Answer]:
        """As `record`, for threads."""
        future: Future[Answer] = Future()
        self._put(_Waiting([item], partial(_settle, future), None))
        return future

    def close(self) -> None:
        """Records what waits, and ends."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _put(self, waiting: _Waiting) -> None:
        with self._changed:
            self._refuse_when_closed()
            if len(self._singles) >= self._limit:
                raise Busy(
                    Sentence("{count:,} decisions wait to be recorded: try again in a moment", count=self._limit)
                )
            self._singles.append(waiting)
            self._last_single = time.monotonic()
            self._changed.notify()

    def _refuse_when_closed(self) -> None:
        if self._closed:
            raise Busy(Sentence("the service is closing"))

    # the thread

    def _run(self) -> None:
        while group := self._take():
            results = iter(self._record([item for waiting in group for item in waiting.items]))
            told: dict[asyncio.AbstractEventLoop | None, list[Callable[[], None]]] = {}
            for waiting in group:
                call = partial(waiting.tell, list(islice(results, len(waiting.items))))
                told.setdefault(waiting.loop, []).append(call)
            for loop, calls in told.items():
                if loop is None:
                    _call(calls)
                else:
                    with suppress(RuntimeError):  # the loop was closed, and nobody waits any more
                        loop.call_soon_threadsafe(_call, calls)

    def _take(self) -> list[_Waiting]:
        """The next group; nothing when the writer was closed and all is recorded."""
        with self._changed:
            while not self._singles and not self._lines and not self._closed:
                self._changed.wait()
            if self._lines and (self._lines_next or not self._singles):
                self._lines_next = False
                return self._take_lines()
            self._lines_next = True
            return [self._singles.popleft() for _ in range(min(len(self._singles), self._group))]

    def _take_lines(self) -> list[_Waiting]:
        is_beside = time.monotonic() < self._last_single + BESIDE_SECONDS
        room = LINES_BESIDE if is_beside else LINES
        group = [self._lines.popleft()]
        room -= len(group[0].items)
        while self._lines and (room := room - len(self._lines[0].items)) >= 0:
            group.append(self._lines.popleft())
        return group

    def _record(self, items: Sequence[Item]) -> list[Result]:
        """What each is told: a failure of the database if need be, but never nothing."""
        refused: dict[Item, Exception] = {}
        for _ in range(TURNS):
            left = [item for item in items if item not in refused]
            try:
                with self._database.write(self._clock, LaneName.DECISIONS) as transaction:
                    results = dict(zip(left, self._groups.write(transaction, left), strict=True)) if left else {}
            except Stale as stale:
                self._make_again(stale.items, refused)
            except DatabaseUnavailable as error:
                return [refused.get(item) or DatabaseUnavailable(error.reason) for item in items]
            except Exception as error:  # noqa: BLE001  # whatever one of them did, the others are recorded
                alone = {item: self._record([item])[0] if len(left) > 1 else error for item in left}
                return [refused.get(item) or alone[item] for item in items]
            else:
                return [refused.get(item) or results[item] for item in items]
        return [refused.get(item) or Turning() for item in items]

    def _make_again(self, stale: Sequence[Item], refused: dict[Item, Exception]) -> None:
        try:
            self._in_force.refresh()
        except (NotReady, DatabaseUnavailable) as error:
            refused.update(dict.fromkeys(stale, error))
            return
        for item in stale:
            try:
                item.made = self._in_force.make(item.made.question)
            except Turning:
                continue
            except Exception as error:  # noqa: BLE001  # what it does not fit is told to whom it belongs
                refused[item] = error


def _call(calls: Sequence[Callable[[], None]]) -> None:
    for call in calls:
        call()


def _settle(future: asyncio.Future[Answer] | Future[Answer], results: Sequence[Result]) -> None:
    [result] = results
    if future.done():  # whoever waited has gone
        return
    if isinstance(result, Exception):
        future.set_exception(result)
    else:
        future.set_result(result)
