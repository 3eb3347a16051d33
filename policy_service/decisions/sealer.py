"""The thread that seals decision records, counts their answers, and signs new log entries.

A few records are processed here, with pauses for other threads; more than MAX_RECORDS_HERE go to a worker process.
Sealing a record takes about 28 µs of interpreter time, deciding and recording it about 200.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from time import monotonic
from typing import Protocol, TypeVar

from policy_service.audit.comparison import LogComparison, LogMismatch
from policy_service.audit.copies import Copy
from policy_service.audit.service import sign_checkpoint, unsigned_count
from policy_service.clock import Clock
from policy_service.database import Database, DatabaseUnavailable
from policy_service.decisions.answer_counts.service import BlockCounts, count_blocks, count_next_blocks, last_counted
from policy_service.decisions.block_store import (
    BLOCK_SIZE,
    add_block,
    last_sealed,
    next_block,
)
from policy_service.decisions.blocks import Block
from policy_service.decisions.macs import last_decision_seq
from policy_service.messages import Message
from policy_service.workers.kinds import SEALING, time_limit
from policy_service.workers.pool import WorkerDied, Workers

BLOCKS_PER_CHECKPOINT = 32
"""Maximum number of blocks per checkpoint."""
PAUSE_SECONDS = 0.002
"""Pause between parts of a block, so that other threads can run."""
BLOCK_PAUSE_SECONDS = 0.1
"""Pause between blocks while decisions are recorded."""
INTERVAL_SECONDS = 10.0
"""Interval between passes."""
STANDSTILL_SECONDS = 60.0
"""Time without a completed pass after which sealing is reported as stalled."""
MAX_RECORDS_HERE = 200
"""Maximum number of records processed in this process."""
Result = TypeVar("Result")


class RunWork(Protocol):
    """Runs a module's function in another process, or here if that fails; raises what the function raises."""

    def __call__(self, work: Callable[..., Result], /, *arguments: object) -> Result: ...


def run_here(work: Callable[..., Result], /, *arguments: object) -> Result:
    """Run the work at once, in this process."""
    return work(*arguments)


def next_block_of(url: str, keys: Path | None, previous: Block) -> Block | None:
    """Run `next_block` on the database at an address. Raises SealingFailed, DatabaseUnavailable."""
    with closing(Database(url, keys=keys)) as database, database.read() as session:
        return next_block(session, previous)


def next_counts_of(url: str) -> list[BlockCounts]:
    """Run `count_next_blocks` on the database at an address. Raises DatabaseUnavailable."""
    with closing(Database(url)) as database:
        return count_next_blocks(database)


def run_in(workers: Workers) -> RunWork:
    """Return a runner that uses a worker, or this process if that fails."""
    seconds = time_limit(SEALING, 0.0)

    def run_in_worker(work: Callable[..., Result], /, *arguments: object) -> Result:
        try:
            return workers.pool(SEALING).call(seconds, work, *arguments)
        except (TimeoutError, WorkerDied, MemoryError):
            return work(*arguments)

    return run_in_worker


class Sealer:
    """A thread that seals new records and signs new log entries every few seconds, and once more on closing."""

    def __init__(  # noqa: PLR0913  # where, when, and whom to tell
        self,
        database: Database,
        clock: Clock,
        keys: Path,
        *,
        copies: Sequence[Copy] = (),
        interval_seconds: float = INTERVAL_SECONDS,
        run_work: RunWork = run_here,
        on_alarm: Callable[[str], None] | None = None,
    ) -> None:
        """`keys` is the folder of the log's private key, `copies` the places to copy checkpoints to.

        `run_work` runs long work.
        """
        self._database = database
        self._clock = clock
        self._keys = keys
        self.comparison = LogComparison(database, clock, keys, copies)
        """Compares the log with its signed checkpoints and their copies."""
        self._interval_seconds = interval_seconds
        self._run_work = run_work
        self._alarm = on_alarm
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sealer", daemon=True)
        self._last_done_at = monotonic()
        self._last_error: str | None = None
        self._newest_seen = 0

    def start(self) -> None:
        """Start the thread."""
        self._last_done_at = monotonic()
        self._thread.start()

    def standstill(self) -> str | None:
        """Return why sealing or signing is overdue; None if it is not."""
        idle_seconds = monotonic() - self._last_done_at
        if (
            self._thread.ident is None
            or self._closing.is_set()
            or (self._thread.is_alive() and idle_seconds <= STANDSTILL_SECONDS)
        ):
            return None
        state = Message("it is at work") if self._thread.is_alive() else Message("its thread has ended")
        values = {"seconds": round(idle_seconds), "reason": self._last_error or state}
        return Message("sealing has stood still for {seconds} seconds: {reason}", **values)

    def close(self) -> None:
        """Seal what is left, then stop."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join()

    def seal_all(self) -> int:
        """Seal all present records, sign the log if it matches its checkpoints, and return the number of blocks.

        Records that arrive meanwhile wait for the next pass, since otherwise every few of them would get a block, an
        entry and a checkpoint. Decisions wait for a write transaction, so each block has its own. A block is computed
        beforehand in its own snapshot, since SQLite's write-ahead log grows while a snapshot is open.

        Raises LogMismatch, SealingFailed, DatabaseUnavailable, KeyUnavailable.
        """
        blocks, is_at_end = 0, False
        while not is_at_end and self._has_work():
            self.comparison.check()
            for number in range(1, BLOCKS_PER_CHECKPOINT + 1):
                block = self._next_block()
                is_at_end = block is None or block.last - block.first + 1 < BLOCK_SIZE
                is_last = is_at_end or number == BLOCKS_PER_CHECKPOINT
                with self._database.write(self._clock) as transaction:
                    blocks += block is not None and add_block(transaction, block) is not None
                    checkpoint = sign_checkpoint(transaction, self._keys) if is_last else None
                if checkpoint is not None:
                    self.comparison.set_last_signed(checkpoint.line)
                    break
                self._give_way()
            self._last_done_at = monotonic()
        self.comparison.copy_all()
        count_blocks(self._database, self._clock, self._next_counts)
        return blocks

    def _give_way(self) -> None:
        """Pause while decisions are recorded, since they wait for the sealer's transactions."""
        with self._database.read() as session:
            newest = last_decision_seq(session)
        if newest > self._newest_seen:
            self._closing.wait(BLOCK_PAUSE_SECONDS)
        self._newest_seen = newest

    def _pause(self) -> None:
        self._closing.wait(PAUSE_SECONDS)

    def _next_block(self) -> Block | None:
        with self._database.read() as session:
            previous = last_sealed(session)
            if not self._takes_long(last_decision_seq(session) - previous.last):
                return next_block(session, previous, pause=self._pause)
        return self._run_work(next_block_of, self._database.url, self._database.keys, previous)

    def _next_counts(self) -> list[BlockCounts]:
        with self._database.read() as session:
            takes_long = self._takes_long((last_sealed(session).number - last_counted(session) - 1) * BLOCK_SIZE)
        if takes_long:
            return self._run_work(next_counts_of, self._database.url)
        return count_next_blocks(self._database, self._pause)

    def _takes_long(self, records: int) -> bool:
        """Return True if this many records go to another process; on closing, workers may no longer exist."""
        return records > MAX_RECORDS_HERE and not self._closing.is_set()

    def _has_work(self) -> bool:
        """Return True if there is anything to seal or sign.

        The check leaves the governance lane alone, so that nothing that watches it wakes up.
        """
        with self._database.read() as session:
            return last_decision_seq(session) > last_sealed(session).last or unsigned_count(session) > 0

    def _run(self) -> None:
        self._run_safely(self._begin)
        closing = False
        while not closing:
            closing = self._closing.wait(self._interval_seconds)
            self._run_safely(self.seal_all)

    def _begin(self) -> None:
        """Verify the log at once, and copy missing checkpoints to the copies."""
        self.comparison.check()
        self.comparison.copy_all()

    def _run_safely(self, task: Callable[[], object]) -> None:
        """Run a task; on any error raise an alarm and try again in the next pass."""
        try:
            task()
        except DatabaseUnavailable as error:
            self._last_error = str(error)
        except LogMismatch as difference:
            self._last_error = str(difference)
            if difference.is_new:
                self._raise_alarm(Message("nothing is sealed: {difference}", difference=str(difference)))
        except Exception as error:  # noqa: BLE001  # it is told
            self._last_error = str(error)
            self._raise_alarm(Message("decision records are not being sealed: {error}", error=str(error)))

        else:
            self._last_error, self._last_done_at = None, monotonic()

    def _raise_alarm(self, reason: str) -> None:
        if self._alarm is not None:
            self._alarm(reason)
