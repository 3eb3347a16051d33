"""Records decisions by group commit: whoever is told that a decision is recorded can rely on it, whatever happens next.

    callers ──► queue (bounded) ──► one thread: all that wait, in one transaction ──► callers are told

A commit costs a write to the disk however much is in it, so those that come while one is under way share the next. A
decision that was made by what is no longer in force is made again, before anything is written. A group that the
database does not take is told so, all of it, and the thread goes on; when it is not the database's fault but that of
one in the group, each is tried alone.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from typing import NamedTuple

from policy_service.clock import Clock
from policy_service.database import Database, DatabaseUnavailable, LaneName
from policy_service.decisions.group import Answer, Groups, Item, Result, Stale
from policy_service.decisions.in_force import InForce, NotReady, Turning
from policy_service.decisions.subjects import Secrets
from policy_service.sentences import Sentence

GROUP = 500
"""Records in one transaction."""
QUEUE = 5_000
"""Records that may wait."""
TURNS = 20
"""How often a decision is made again because other versions came into force meanwhile."""


class Busy(Exception):
    """More decisions wait to be recorded than may, or the service is closing; nothing was recorded."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)


class _Waiting(NamedTuple):
    item: Item
    tell: Callable[[Result], None]
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
        self._queue: deque[_Waiting] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="decision-writer", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """How many records wait."""
        return len(self._queue)

    async def record(self, item: Item) -> Answer:
        """Records a decision. Raises Busy, KeyReused, NotReady, DatabaseUnavailable, and what a decision can."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Answer] = loop.create_future()
        self._put(_Waiting(item, partial(_settle, future), loop))
        return await future

    def submit(self, item: Item) -> Future[Answer]:
        """The same, for threads."""
        future: Future[Answer] = Future()
        self._put(_Waiting(item, partial(_settle, future), None))
        return future

    def close(self) -> None:
        """Records what waits, and ends."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _put(self, waiting: _Waiting) -> None:
        with self._changed:
            if self._closed:
                raise Busy(Sentence("the service is closing"))
            if len(self._queue) >= self._limit:
                raise Busy(
                    Sentence("{count:,} decisions wait to be recorded: try again in a moment", count=self._limit)
                )
            self._queue.append(waiting)
            self._changed.notify()

    # the thread

    def _run(self) -> None:
        while group := self._take():
            results = self._record([waiting.item for waiting in group])
            told: dict[asyncio.AbstractEventLoop | None, list[Callable[[], None]]] = {}
            for waiting, result in zip(group, results, strict=True):
                told.setdefault(waiting.loop, []).append(partial(waiting.tell, result))
            for loop, calls in told.items():
                if loop is None:
                    _call(calls)
                else:
                    with suppress(RuntimeError):  # the loop was closed, and nobody waits any more
                        loop.call_soon_threadsafe(_call, calls)

    def _take(self) -> list[_Waiting]:
        """The next group; nothing when the writer was closed and all is recorded."""
        with self._changed:
            while not self._queue and not self._closed:
                self._changed.wait()
            return [self._queue.popleft() for _ in range(min(len(self._queue), self._group))]

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


def _settle(future: asyncio.Future[Answer] | Future[Answer], result: Result) -> None:
    if future.done():  # whoever waited has gone
        return
    if isinstance(result, Exception):
        future.set_exception(result)
    else:
        future.set_result(result)
