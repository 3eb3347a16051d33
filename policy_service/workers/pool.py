"""Runs long work in separate processes, so that it does not slow the process that decides.

    pool = service.workers.pool(DRAFT_CHECKING)
    result = await pool.run(seconds, check_draft, url, change)      # a function of a module, found there by its name

A worker is a fresh interpreter with a memory limit and a lower priority. It is reused, killed if its work exceeds the
time limit or is abandoned, and ended after some idle time. Arguments and results are pickled in threads, never on the
event loop.
"""

from __future__ import annotations

import asyncio
import json
import os
import pickle
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from itertools import count
from multiprocessing.connection import Connection
from typing import Any, Protocol, TypeVar

from anyio import to_thread

from policy_service.workers.interpreter import freeze_survivors
from policy_service.workers.kind import WorkKind, WorkRefused
from policy_service.workers.pickled_errors import pickle_error

Result = TypeVar("Result")

MEMORY_LIMIT = 2 * 2**30
"""Address space limit of a worker, bytes."""
_ENVIRONMENT = {"ARROW_DEFAULT_MEMORY_POOL": "system"}
"""Arrow's own allocator reserves 1 GiB of address space, half of the limit, for the first array."""
START_SECONDS = 60.0
"""Time limit for starting a worker."""
COLLECTION_INTERVAL = 100
"""A worker collects garbage after its first piece of work, and then once per this many, while idle."""
RETRY_SECONDS = 10
"""Seconds after which a caller may retry when the queue is full."""
IDLE_SECONDS = 300.0
"""Idle time after which a worker is ended."""
_CHILD = """
import gc, json, sys
gc.disable()
sys.path[:] = json.loads(sys.argv[2])
from policy_service.workers.pool import serve
serve(int(sys.argv[1]), int(sys.argv[3]))
"""
"""The worker's program. Its first work imports modules that stay loaded, so the collector is off until then: it took a
seventh of that time.
"""


class WorkerDied(Exception):
    """A worker ended before it answered."""


class _TimedOut(Exception):
    """A worker exceeded the time limit, and was killed."""


class Pool(Protocol):
    """Runs work of one kind."""

    def refuse_when_busy(self) -> None:
        """Raise WorkRefused if the queue is full."""

    async def run(self, seconds: float, work: Callable[..., Result], *arguments: object) -> Result:
        """Run `work` within a time limit. Raises WorkRefused, and what the work raises."""

    def call(self, seconds: float, work: Callable[..., Result], *arguments: object) -> Result:
        """Run `work`, for threads, which block. Raises WorkerDied, TimeoutError, and what the work raises."""

    def begin(self, work: Callable[..., object], *arguments: object) -> None:
        """Run `work` in a worker without waiting for it, to warm the worker up."""


class _Worker:
    """One process, and the connection to it."""

    def __init__(self, niceness: int) -> None:
        parent_end, child_end = socket.socketpair()
        with child_end:
            command = (sys.executable, "-c", _CHILD, str(child_end.fileno()), json.dumps(sys.path), str(niceness))
            self._process = subprocess.Popen(  # noqa: S603  # this interpreter and a constant program
                command,
                pass_fds=[child_end.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env={**os.environ, **_ENVIRONMENT},
            )
        self._connection = Connection(parent_end.detach())
        self.idle_since = time.monotonic()

    @property
    def is_alive(self) -> bool:
        """True if the process exists; the system may have killed it when short of memory."""
        return self._process.poll() is None

    def request(self, message: bytes, seconds: float) -> bytes:
        """Send a message and return the answer. Raises _TimedOut, WorkerDied."""
        try:
            self._connection.send_bytes(message)
            if not self._connection.poll(seconds):
                raise _TimedOut
            return self._connection.recv_bytes()
        except (EOFError, OSError):
            raise WorkerDied from None

    def kill(self) -> None:
        """End the process at once; callable from any thread."""
        self._process.kill()

    def close(self) -> None:
        """End the process and free its resources; for the thread that uses it."""
        self.kill()
        self._process.wait()
        self._connection.close()


class _Task:
    """One piece of work; another thread may call `abandon` before or while it runs."""

    def __init__(self, seconds: float, work: Callable[..., object], arguments: tuple[object, ...]) -> None:
        self.seconds, self.work, self.arguments = seconds, work, arguments
        self._worker: _Worker | None = None
        self._abandoned = False
        self._lock = threading.Lock()

    def run_on(self, worker: _Worker) -> Any:  # noqa: ANN401  # whatever the work gives
        """Run the work on a worker. Raises _TimedOut, WorkerDied, and what the work raises."""
        message = pickle.dumps((self.work, self.arguments), pickle.HIGHEST_PROTOCOL)
        with self._lock:
            if self._abandoned:
                raise WorkerDied
            self._worker = worker
        try:
            reply = worker.request(message, self.seconds)
        finally:
            with self._lock:  # the worker may get other work from here on
                self._worker = None
        succeeded, result = pickle.loads(reply)  # noqa: S301  # of our own process
        if not succeeded:
            raise result
        return result

    def abandon(self) -> None:
        """Give the work up, and kill its worker if it runs."""
        with self._lock:
            self._abandoned = True
            if self._worker is not None:
                self._worker.kill()


class WorkerPool:
    """The workers of one kind, started on demand."""

    def __init__(self, kind: WorkKind) -> None:
        self._kind = kind
        self._threads = ThreadPoolExecutor(kind.processes, thread_name_prefix="worker")
        self._idle: deque[_Worker] = deque()
        self._tasks: set[_Task] = set()
        self._lock = threading.Lock()

    def refuse_when_busy(self) -> None:
        """Raise WorkRefused if the queue is full."""
        waiting = len(self._tasks) - self._kind.processes
        if waiting >= self._kind.max_waiting:
            raise WorkRefused(self._kind.busy_message(waiting), RETRY_SECONDS)

    async def run(self, seconds: float, work: Callable[..., Result], *arguments: object) -> Result:
        """Run `work` within a time limit. Raises WorkRefused, and what the work raises."""
        self.refuse_when_busy()
        task = _Task(seconds, work, arguments)
        try:
            return await asyncio.wrap_future(self._submit(task))
        except asyncio.CancelledError:
            task.abandon()
            raise
        except _TimedOut:
            raise self._kind.limit_error(self._kind.too_long_message(seconds), seconds) from None
        except (WorkerDied, MemoryError):
            raise self._kind.limit_error(self._kind.too_large_message(seconds), seconds) from None

    def call(self, seconds: float, work: Callable[..., Result], *arguments: object) -> Result:
        """Run `work`, for threads, which block. Raises WorkerDied, TimeoutError, and what the work raises."""
        try:
            result: Result = self._submit(_Task(seconds, work, arguments)).result()
        except _TimedOut:
            raise TimeoutError from None
        return result

    def begin(self, work: Callable[..., object], *arguments: object) -> None:
        """Run `work` in a worker without waiting for it, to warm the worker up."""
        self._submit(_Task(START_SECONDS, work, arguments))

    def retire(self, seconds: float = IDLE_SECONDS) -> None:
        """End the workers that have been idle for this long."""
        expired = []
        with self._lock:  # the one that was used last stands last
            while len(self._idle) > self._kind.min_idle and time.monotonic() - self._idle[0].idle_since >= seconds:
                expired.append(self._idle.popleft())
        for worker in expired:
            worker.close()

    def close(self) -> None:
        """End all workers, busy ones included."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        for task in list(self._tasks):
            task.abandon()
        while self._idle:
            self._idle.pop().close()

    def _submit(self, task: _Task) -> Future[Any]:
        with self._lock:
            self._tasks.add(task)
        future = self._threads.submit(self._run_task, task)
        future.add_done_callback(lambda _: self._discard(task))
        return future

    def _discard(self, task: _Task) -> None:
        with self._lock:
            self._tasks.discard(task)

    def _run_task(self, task: _Task) -> Any:  # noqa: ANN401  # whatever the work gives
        worker = self._acquire()
        try:
            result = task.run_on(worker)
        except (_TimedOut, WorkerDied, MemoryError):
            worker.close()
            raise
        except BaseException:
            self._release(worker)
            raise
        self._release(worker)
        return result

    def _acquire(self) -> _Worker:
        """Return the most recently used worker if it is alive, else a new one."""
        with self._lock:
            while self._idle:
                if (worker := self._idle.pop()).is_alive:
                    return worker
                worker.close()
        return _Worker(self._kind.niceness)

    def _release(self, worker: _Worker) -> None:
        worker.idle_since = time.monotonic()
        with self._lock:
            self._idle.append(worker)


class Workers:
    """The pools of a process by kind of work; shared by all services in the process."""

    def __init__(self) -> None:
        self._pools: dict[WorkKind, WorkerPool] = {}

    @property
    def are_processes(self) -> bool:
        """True if work runs in other processes."""
        return True

    def pool(self, kind: WorkKind) -> Pool:
        """Return the pool of a kind."""
        return self._pools.get(kind) or self._pools.setdefault(kind, WorkerPool(kind))

    def inside(self) -> Pool:
        """Return a pool that runs work in a thread of this process."""
        return InlineWorkers()

    def retire(self, seconds: float = IDLE_SECONDS) -> None:
        """End the workers that have been idle for this long."""
        for pool in list(self._pools.values()):
            pool.retire(seconds)

    def close(self) -> None:
        """End all workers; new ones start on demand."""
        while self._pools:
            self._pools.popitem()[1].close()


SHARED = Workers()
"""The workers of this process, reused since a worker takes seconds to start."""


class InlineWorkers(Workers):
    """Runs all work in this process: inside a worker, and in tests."""

    @property
    def are_processes(self) -> bool:
        """True if work runs in other processes."""
        return False

    def pool(self, kind: WorkKind) -> Pool:  # noqa: ARG002  # all are alike
        """Return a pool that runs work at once."""
        return self

    def inside(self) -> Pool:
        """Return the same pool."""
        return self

    def refuse_when_busy(self) -> None:
        """Do nothing: there is no queue."""

    async def run(self, seconds: float, work: Callable[..., Result], *arguments: object) -> Result:  # noqa: ARG002  # whoever sent it counts them
        """Run `work`. Raises what it raises."""
        return await to_thread.run_sync(work, *arguments)

    def call(self, seconds: float, work: Callable[..., Result], *arguments: object) -> Result:  # noqa: ARG002  # the same
        """Run `work`. Raises what it raises."""
        return work(*arguments)

    def begin(self, work: Callable[..., object], *arguments: object) -> None:
        """Do nothing: there is no worker to warm up."""


# ------------------------------------------------------------------------------------------------ in the worker


def serve(descriptor: int, niceness: int) -> None:
    """Run work received over a connection, one piece after another, until it is closed."""
    for signal_number in (
        signal.SIGINT,
        signal.SIGTERM,
    ):  # of a terminal, of a supervisor: the process that decides ends us
        signal.signal(signal_number, signal.SIG_IGN)
    limit_process(niceness)
    connection = Connection(descriptor)
    with suppress(EOFError, OSError):
        for number in count():
            connection.send_bytes(handle_message(connection.recv_bytes()))
            if number % COLLECTION_INTERVAL == 0:
                freeze_survivors()


def limit_process(niceness: int) -> None:
    """Limit the memory of this process, and lower its priority."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, MEMORY_LIMIT))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.nice(niceness)


def handle_message(message: bytes) -> bytes:
    """Run the work in a message; return its pickled result or exception."""
    try:
        work, arguments = pickle.loads(message)  # noqa: S301  # of the process that started us
        return pickle.dumps((True, work(*arguments)), pickle.HIGHEST_PROTOCOL)
    except Exception as error:  # noqa: BLE001  # it is raised where the work was asked for
        return pickle_error(error)
