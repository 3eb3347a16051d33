"""Long reading work in a process of its own, with a limit on its time and memory: one at a time, and nobody waits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from anyio import BrokenWorkerProcess, CapacityLimiter, fail_after, to_process

from api.problems import BUSY, CONFLICT, ProblemError
from policy_service.audit.keys import Damaged, NoKey
from policy_service.audit.verdict import Verdict
from policy_service.database import DatabaseUnavailable, Unavailable
from policy_service.sentences import Sentence

Result = TypeVar("Result", Verdict, int, dict[str, Any])


class Turn:
    """Lets one piece of work at a time be done in another process."""

    def __init__(self, busy: Sentence) -> None:
        """`busy` is what whoever comes meanwhile is told."""
        self._busy = busy
        self._limiter = CapacityLimiter(1)

    async def run(self, seconds: float, work: Callable[..., Result | Unavailable], *given: object) -> Result:
        """What `work` gives within so many seconds; text is why the database is not available.

        Raises ProblemError, DatabaseUnavailable.
        """
        if self._limiter.borrowed_tokens:
            raise ProblemError(BUSY, self._busy, headers={"Retry-After": "10"})
        async with self._limiter:
            try:
                with fail_after(seconds):
                    found = await to_process.run_sync(work, *given, cancellable=True)
            except (TimeoutError, BrokenWorkerProcess, MemoryError):
                detail = Sentence(
                    "it takes more than {seconds} s, or more memory than is given: use the command line",
                    seconds=seconds,
                )
                raise ProblemError(BUSY, detail, headers={"Retry-After": f"{seconds:.0f}"}) from None
            except NoKey:
                detail = Sentence("the log's keys are not here: run `policy-service init`")
                raise ProblemError(CONFLICT, detail) from None
            except Damaged:
                detail = Sentence("the file of checkpoints kept elsewhere was altered")
                raise ProblemError(CONFLICT, detail) from None
        if isinstance(found, str):
            raise DatabaseUnavailable(found)
        return found


def told(work: Callable[[], Result]) -> Result | Unavailable:
    """What the work gives, or why the database is not available, as the other process says it."""
    try:
        return work()
    except DatabaseUnavailable as error:
        return error.reason
