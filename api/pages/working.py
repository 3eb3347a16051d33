"""Long work as a page shows it: asked for by a form, found under its address, told while it goes on and afterwards.

job = begin(pages, request, "verification", run)          # in the `prepare` of a form
job = find(pages, request, "verification", name)          # None when it is not known (any more)
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from starlette.requests import Request
from starlette.responses import StreamingResponse

from api.authentication import asker
from api.gauge import Moved
from api.pages.jobs import Job
from api.pages.rendering import Pages
from api.problems import NOT_FOUND, ProblemError
from policy_service.sentences import Sentence

PORTION = 1 << 18
"""Bytes of a file that are sent at a time."""
ALL = 100


@dataclass(frozen=True, slots=True)
class Working:
    """How far a piece of work is."""

    state: str
    """`running`, `done`, `failed`, or `unknown`: it was forgotten, or never asked for by this reader."""
    address: str
    """Where it is found."""
    done: int = 0
    of: int | None = None
    lasted: timedelta = timedelta()
    problem: str = ""

    @property
    def percent(self) -> int:
        """How much is done, of a hundred."""
        return min(ALL, self.done * ALL // self.of) if self.of else 0


def begin(pages: Pages, request: Request, kind: str, run: Callable[[Job, Moved], Awaitable[object]]) -> Job:
    """Begins a piece of work for whoever asks. Raises ProblemError when they have too many under way."""

    async def work(job: Job) -> object:
        def moved(done: int, of: int) -> None:
            job.done, job.of = done, of

        return await run(job, moved)

    return pages.jobs.start(kind, asker(request).actor.id, work, pages.problem_of)


def find(pages: Pages, request: Request, kind: str, job: str) -> Job | None:
    """A piece of work that whoever asks began; None when there is none (any more)."""
    return pages.jobs.find(job, asker(request).actor.id, kind)


def working(pages: Pages, job: Job | None, address: str) -> Working:
    """How far it is."""
    if job is None:
        return Working("unknown", address)
    lasted = (job.ended_at or pages.service.clock.now()) - job.started_at
    return Working(job.state, address, job.done, job.of, lasted, job.problem.detail if job.problem else "")


def sent(job: Job | None, name: str, kind: str) -> StreamingResponse:
    """The file that a piece of work made. Raises ProblemError when there is none (any more)."""
    if job is None or job.state != "done" or job.file is None or not job.file.exists():
        raise ProblemError(NOT_FOUND, Sentence("The file is not there any more: ask for it again."))
    headers = {
        "content-disposition": f'attachment; filename="{name}"',
        "content-length": str(job.file.stat().st_size),
        "cache-control": "no-store",
    }
    return StreamingResponse(_portions(job.file), headers=headers, media_type=kind)


def _portions(file: Path) -> Iterator[bytes]:
    with file.open("rb") as content:
        while portion := content.read(PORTION):
            yield portion
