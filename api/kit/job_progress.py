"""Long work as a page shows it: asked for by a form, found under its address, told while it goes on and afterwards.

job = start_job(pages, request, "verification", run)          # in what prepares a form
job = find_job(pages, request, "verification", name)          # None when it is not known (any more)
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from starlette.requests import Request
from starlette.responses import StreamingResponse

from api.auth.authentication import principal_of
from api.kit.jobs import Job
from api.kit.rendering import Pages
from api.web.problems import NOT_FOUND, ProblemError
from api.workers.progress import ProgressCallback
from policy_service.messages import Message

CHUNK_BYTES = 1 << 18
"""Bytes of a file that are sent at a time."""
HUNDRED = 100


@dataclass(frozen=True, slots=True)
class JobProgress:
    """The progress of a job."""

    state: str
    """`running`, `done`, `failed`, or `unknown`: it was forgotten, or never asked for by this reader."""
    address: str
    """Where it is found."""
    completed: int = 0
    total: int | None = None
    duration: timedelta = timedelta()
    problem: str = ""

    @property
    def percent(self) -> int:
        """The part that is done, in percent."""
        return min(HUNDRED, self.completed * HUNDRED // self.total) if self.total else 0


def start_job(
    pages: Pages, request: Request, kind: str, run: Callable[[Job, ProgressCallback], Awaitable[object]]
) -> Job:
    """Begins a piece of work for the caller. Raises ProblemError when they have too many under way."""

    async def run_job(job: Job) -> object:
        def on_progress(completed: int, total: int) -> None:
            job.completed, job.total = completed, total

        return await run(job, on_progress)

    return pages.jobs.start(kind, principal_of(request).actor.id, run_job, pages.problem_of)


def find_job(pages: Pages, request: Request, kind: str, job_id: str) -> Job | None:
    """A piece of work that the caller began; None when there is none (any more)."""
    return pages.jobs.find(job_id, principal_of(request).actor.id, kind)


def job_progress(pages: Pages, job: Job | None, address: str) -> JobProgress:
    """Return the progress of a job."""
    if job is None:
        return JobProgress("unknown", address)
    duration = (job.ended_at or pages.service.clock.now()) - job.started_at
    return JobProgress(
        job.state, address, job.completed, job.total, duration, job.problem.detail if job.problem else ""
    )


def file_response(job: Job | None, name: str, kind: str) -> StreamingResponse:
    """The file that a piece of work made. Raises ProblemError when there is none (any more)."""
    if job is None or job.state != "done" or job.file is None or not job.file.exists():
        raise ProblemError(NOT_FOUND, Message("This file has expired. Request the export again."))
    headers = {
        "content-disposition": f'attachment; filename="{name}"',
        "content-length": str(job.file.stat().st_size),
        "cache-control": "no-store",
    }
    return StreamingResponse(_chunks(job.file), headers=headers, media_type=kind)


def _chunks(file: Path) -> Iterator[bytes]:
    with file.open("rb") as content:
        while chunk := content.read(CHUNK_BYTES):
            yield chunk
