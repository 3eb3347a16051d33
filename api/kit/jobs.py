"""Long work that a page asked for: it goes on when the reader leaves, and is found again under its address.

Jobs live in this process and are told by it alone: after a restart the page says that the work has to be asked for
again. Their results are kept for a while, and removed with their files.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from api.web.problems import BUSY, INTERNAL_ERROR, Problem, ProblemError
from policy_service.clock import Clock
from policy_service.messages import Message

MAX_JOBS = 50
"""Jobs that are remembered; beyond them the oldest that is over is forgotten."""
MAX_RUNNING_JOBS = 4
"""Jobs of one account that may run at a time."""
State = Literal["running", "done", "failed"]


@dataclass(slots=True)
class Job:
    """One piece of long work; anyone who runs it moves it on."""

    id: str
    kind: str
    account: str
    """Who asked for it; nobody else finds it."""
    started_at: datetime
    state: State = "running"
    completed: int = 0
    total: int | None = None
    """How much there is to do, when that is known."""
    ended_at: datetime | None = None
    result: object = None
    problem: Problem | None = None
    file: Path | None = None
    """What was made, when it is a file; removed when the job is forgotten."""


JobFunction = Callable[[Job], Awaitable[object]]


class Jobs:
    """The jobs of this process."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._jobs: dict[str, Job] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def start(
        self, kind: str, account: str, run: JobFunction, problem_of: Callable[[Exception], Problem | None]
    ) -> Job:
        """Begins a job. Raises ProblemError when the account has too many under way."""
        running = [job for job in self._jobs.values() if job.account == account and job.state == "running"]
        if len(running) >= MAX_RUNNING_JOBS:
            raise ProblemError(BUSY, Message("{count} pieces of work are under way already", count=len(running)))
        job = Job(str(self._clock.new_id()), kind, account, self._clock.now())
        self._jobs[job.id] = job
        self._forget_finished()
        task = asyncio.ensure_future(self._run(job, run, problem_of))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return job

    def find(self, job_id: str, account: str, kind: str) -> Job | None:
        """A job that a person asked for; None when there is none (any more)."""
        job = self._jobs.get(job_id)
        return job if job is not None and (job.account, job.kind) == (account, kind) else None

    def list_jobs(self, account: str, kind: str) -> list[Job]:
        """The jobs of a kind that a person asked for, oldest first."""
        return [job for job in self._jobs.values() if (job.account, job.kind) == (account, kind)]

    async def close(self) -> None:
        """Breaks off what is under way, and removes what was made."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for job in self._jobs.values():
            _remove(job)
        self._jobs.clear()

    async def _run(self, job: Job, run: JobFunction, problem_of: Callable[[Exception], Problem | None]) -> None:
        try:
            job.result = await run(job)
            job.state = "done"
        except Exception as error:  # noqa: BLE001  # the reader of the job is told
            job.problem = problem_of(error) or Problem(INTERNAL_ERROR, Message("the service failed; see its log"))
            job.state = "failed"
        finally:
            job.ended_at = self._clock.now()

    def _forget_finished(self) -> None:
        finished = [job for job in self._jobs.values() if job.state != "running"]
        for job in finished[: max(0, len(self._jobs) - MAX_JOBS)]:
            _remove(job)
            del self._jobs[job.id]


def _remove(job: Job) -> None:
    if job.file is not None:
        with suppress(OSError):
            job.file.unlink()
