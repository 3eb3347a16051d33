"""Records decisions by group commit: once a decision is acknowledged it is durable.

    single decisions ──► queue (bounded) ──┐
                                           ├──► one thread: a group in one transaction ──► callers are answered
    lines of batches ──► queue ────────────┘

A commit costs one disk write whatever its size, so decisions that arrive during a commit share the next one. Single
decisions, for which a person waits, have priority over lines of batches: if both wait, they alternate, and while single
decisions arrive, groups of lines are small. So a single decision waits for a few lines at most, and batches still
progress.

A transaction costs as much processor time as twenty decisions. So after a group of single decisions the event loop gets
a few turns: callers who were just answered can ask again, and their decisions join those already in the queue.

A decision made by versions that are no longer in force is made again before anything is written. If the database
rejects a group, every decision in it gets the error, and the thread continues. If one decision is at fault rather than
the database, each is retried alone.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from datetime import date
from functools import partial
from itertools import islice
from typing import NamedTuple

from policy_service.clock import Clock
from policy_service.database import Database, DatabaseUnavailable, LaneName
from policy_service.decisions.group import GroupWriter, PendingDecision, RecordedAnswer, RecordResult, StaleDecisions
from policy_service.decisions.in_force import InForce, NotReady, VersionsChanging
from policy_service.decisions.subjects import FactCipher
from policy_service.errors import PolicyServiceError
from policy_service.messages import Message
from policy_service.subject import Subject

GROUP_SIZE = 500
"""Single decisions per transaction."""
MAX_LINES = 256
"""Lines of batches per transaction while no single decisions arrive."""
MAX_LINES_BESIDE = 20
"""Lines of batches per transaction while single decisions arrive; also the maximum handed over at once."""
BESIDE_SECONDS = 10.0
"""How long after the last single decision another is expected."""
QUEUE_SIZE = 5_000
"""Capacity of the queue of single decisions."""
TURNS = 3
"""Turns of the event loop between two groups: it sends the answers, reads the next requests, decides them."""
TURNS_SECONDS = 0.05
"""Maximum wait for those turns while something blocks the event loop."""
MAX_ATTEMPTS = 20
"""Maximum number of attempts at a decision while other versions come into force."""


class QueueFull(PolicyServiceError):
    """The queue is full, or the service is closing; nothing was recorded."""

    kind = "busy"
    retry_seconds = 1

    def __init__(self, reason: str) -> None:
        super().__init__(reason)


class _QueuedItems(NamedTuple):
    items: Sequence[PendingDecision]
    deliver: Callable[[Sequence[RecordResult]], None]
    loop: asyncio.AbstractEventLoop | None
    """The event loop in which `deliver` must be called; None for any thread."""


class DecisionWriter:
    """The one thread that records decisions."""

    def __init__(  # noqa: PLR0913  # what a record is made with, and two sizes
        self,
        database: Database,
        clock: Clock,
        in_force: InForce,
        fact_cipher: FactCipher,
        *,
        group_size: int = GROUP_SIZE,
        queue_size: int = QUEUE_SIZE,
    ) -> None:
        self._database, self._clock, self._in_force = database, clock, in_force
        self._groups = GroupWriter(in_force, fact_cipher)
        self._group, self._limit = group_size, queue_size
        self._singles: deque[_QueuedItems] = deque()
        self._lines: deque[_QueuedItems] = deque()
        self._is_lines_turn = False
        self._last_single = -BESIDE_SECONDS
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="decision-writer", daemon=True)
        self._thread.start()

    @property
    def queue_length(self) -> int:
        """The number of single decisions in the queue."""
        return len(self._singles)

    async def record(self, item: PendingDecision) -> RecordedAnswer:
        """Record a decision.

        Raises QueueFull, IdempotencyKeyReused, NotReady, DatabaseUnavailable, and what a decision can.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[RecordedAnswer] = loop.create_future()
        self._enqueue(_QueuedItems([item], partial(_resolve, future), loop))
        return await future

    def record_lines(self, items: Sequence[PendingDecision]) -> asyncio.Future[Sequence[RecordResult]]:
        """Record decisions of a batch, at most MAX_LINES_BESIDE, after single ones; one result each.

        Raises QueueFull.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Sequence[RecordResult]] = loop.create_future()

        def deliver(results: Sequence[RecordResult]) -> None:
            if not future.done():  # anyone who waited has gone
                future.set_result(results)

        with self._changed:
            self._reject_when_closed()
            self._lines.append(_QueuedItems(items, deliver, loop))
            self._changed.notify()
        return future

    def submit(self, item: PendingDecision) -> Future[RecordedAnswer]:
        """Like `record`, for threads."""
        future: Future[RecordedAnswer] = Future()
        self._enqueue(_QueuedItems([item], partial(_resolve, future), None))
        return future

    def submit_lines(self, items: Sequence[PendingDecision]) -> Future[Sequence[RecordResult]]:
        """Like `record_lines`, for threads. Raises QueueFull."""
        future: Future[Sequence[RecordResult]] = Future()
        with self._changed:
            self._reject_when_closed()
            self._lines.append(_QueuedItems(items, future.set_result, None))
            self._changed.notify()
        return future

    def close(self) -> None:
        """Record what waits in the queue, then stop."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _enqueue(self, queued: _QueuedItems) -> None:
        with self._changed:
            self._reject_when_closed()
            if len(self._singles) >= self._limit:
                raise QueueFull(
                    Message("{count:,} decisions wait to be recorded: try again in a moment", count=self._limit)
                )
            self._singles.append(queued)
            self._last_single = time.monotonic()
            self._changed.notify()

    def _reject_when_closed(self) -> None:
        if self._closed:
            raise QueueFull(Message("the service is closing"))

    # the thread

    def _run(self) -> None:
        while group := self._next_group():
            results = iter(self._record([item for queued in group for item in queued.items]))
            calls_by_loop: dict[asyncio.AbstractEventLoop | None, list[Callable[[], None]]] = {}
            for queued in group:
                call = partial(queued.deliver, list(islice(results, len(queued.items))))
                calls_by_loop.setdefault(queued.loop, []).append(call)
            for loop, calls in calls_by_loop.items():
                if loop is None:
                    _call_all(calls)
                else:
                    with suppress(RuntimeError):  # the loop was closed, and nobody waits any more
                        loop.call_soon_threadsafe(_call_all, calls)
                        if self._is_lines_turn:  # the group was of single decisions; batches queue ahead
                            _wait_for_turns(loop)

    def _next_group(self) -> list[_QueuedItems]:
        """Return the next group; empty once the writer is closed and everything is recorded."""
        with self._changed:
            while not self._singles and not self._lines and not self._closed:
                self._changed.wait()
            if self._lines and (self._is_lines_turn or not self._singles):
                self._is_lines_turn = False
                return self._next_lines()
            self._is_lines_turn = True
            return [self._singles.popleft() for _ in range(min(len(self._singles), self._group))]

    def _next_lines(self) -> list[_QueuedItems]:
        is_beside = time.monotonic() < self._last_single + BESIDE_SECONDS
        room = MAX_LINES_BESIDE if is_beside else MAX_LINES
        group = [self._lines.popleft()]
        room -= len(group[0].items)
        while self._lines and (room := room - len(self._lines[0].items)) >= 0:
            group.append(self._lines.popleft())
        return group

    def _record(self, items: Sequence[PendingDecision]) -> list[RecordResult]:
        """Return one result per item; a database failure becomes the result."""
        return [result for part in _independent_parts(items) for result in self._record_part(part)]

    def _record_part(self, items: Sequence[PendingDecision]) -> list[RecordResult]:
        errors: dict[PendingDecision, Exception] = {}
        for _ in range(MAX_ATTEMPTS):
            remaining = [item for item in items if item not in errors]
            try:
                with self._database.write(self._clock, LaneName.DECISIONS) as transaction:
                    results = (
                        dict(zip(remaining, self._groups.write(transaction, remaining), strict=True))
                        if remaining
                        else {}
                    )
            except StaleDecisions as stale:
                self._evaluate_again(stale.items, errors)
            except DatabaseUnavailable as error:
                return [errors.get(item) or DatabaseUnavailable(error.reason) for item in items]
            except Exception as error:  # noqa: BLE001  # whatever one of them did, the others are recorded
                results_alone = {
                    item: self._record_part([item])[0] if len(remaining) > 1 else error for item in remaining
                }
                return [errors.get(item) or results_alone[item] for item in items]
            else:
                return [errors.get(item) or results[item] for item in items]
        return [errors.get(item) or VersionsChanging() for item in items]

    def _evaluate_again(self, stale_items: Sequence[PendingDecision], errors: dict[PendingDecision, Exception]) -> None:
        try:
            self._in_force.refresh()
        except (NotReady, DatabaseUnavailable) as error:
            errors.update(dict.fromkeys(stale_items, error))
            return
        for item in stale_items:
            try:
                item.evaluation = self._in_force.evaluate(item.evaluation.question)
            except VersionsChanging:
                continue
            except Exception as error:  # noqa: BLE001  # what it does not fit is told to whom it belongs
                errors[item] = error


def _independent_parts(items: Sequence[PendingDecision]) -> Sequence[Sequence[PendingDecision]]:
    """Split a group into consecutive parts in which no decision reads another's outcome as its previous one."""
    if not any(item.evaluation.previous for item in items):
        return [items]
    parts: list[list[PendingDecision]] = [[]]
    days: dict[Subject, date] = {}
    """The first day decided of each subject in the last part."""
    for item in items:
        question = item.evaluation.question
        if item.evaluation.previous and days.get(question.subject, date.max) < question.as_of:
            parts.append([])
            days.clear()
        parts[-1].append(item)
        days[question.subject] = min(days.get(question.subject, date.max), question.as_of)
    return parts


def _call_all(calls: Sequence[Callable[[], None]]) -> None:
    for call in calls:
        call()


def _wait_for_turns(loop: asyncio.AbstractEventLoop) -> None:
    """Wait for some turns of an event loop, in another thread than its own."""
    are_over = threading.Event()
    loop.call_soon_threadsafe(_after_turns, loop, TURNS, are_over.set)
    are_over.wait(TURNS_SECONDS)


def _after_turns(loop: asyncio.AbstractEventLoop, turns: int, call: Callable[[], None]) -> None:
    if turns:
        loop.call_soon(_after_turns, loop, turns - 1, call)
    else:
        call()


def _resolve(future: asyncio.Future[RecordedAnswer] | Future[RecordedAnswer], results: Sequence[RecordResult]) -> None:
    [result] = results
    if future.done():  # anyone who waited has gone
        return
    if isinstance(result, Exception):
        future.set_exception(result)
    else:
        future.set_result(result)
