"""Checks drafts before they are submitted, in a process of its own, with a limit on its time and its memory.

What authors put into drafts may keep a processor busy for long; nothing else must wait for it.
"""

from __future__ import annotations

from contextlib import closing
from datetime import datetime
from functools import cache

from anyio import BrokenWorkerProcess, CapacityLimiter, fail_after, to_process

from api.checking import confine
from api.problems import BUSY, CHECK_ABANDONED, ProblemError
from api.service import Service
from policy_service.approval.service import Checked, Prepared, Signers, Unfit, prepare_submission
from policy_service.database import Database, DatabaseUnavailable, Unavailable
from policy_service.sentences import Sentence

WAITING = 8
"""Drafts that may wait while another is checked."""


class Examiner:
    """Checks one draft after another."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._limiter = CapacityLimiter(1)

    async def prepare(self, change: str, expected: str) -> Prepared:
        """All that a submission needs. Raises ProblemError, DatabaseUnavailable, and Refused with all that is wrong."""
        found = await self._examine(change, expected)
        if isinstance(found, Checked):
            raise Unfit(found.problems, found.diagnostics, found.report)
        return found

    async def check(self, change: str) -> Checked:
        """What keeps a draft from being submitted. Raises ProblemError, DatabaseUnavailable, Refused."""
        found = await self._examine(change, None)
        return found if isinstance(found, Checked) else Checked((), (), found.report)

    async def _examine(self, change: str, expected: str | None) -> Prepared | Checked:
        service = self._service
        url, now, seconds = service.database.url, service.clock.now(), service.settings.policy_check_seconds
        if self._limiter.statistics().tasks_waiting >= WAITING:
            told = Sentence("{count} drafts are waiting already", count=WAITING)
            raise ProblemError(BUSY, told, headers={"Retry-After": "10"})
        async with self._limiter:
            try:
                with fail_after(seconds):
                    found = await to_process.run_sync(examine_apart, url, change, expected, now, cancellable=True)
            except TimeoutError:
                told = Sentence("checking it takes more than {seconds:g} s", seconds=seconds)
                raise ProblemError(CHECK_ABANDONED, told) from None
            except (BrokenWorkerProcess, MemoryError):
                told = Sentence("checking it takes more memory than is given")
                raise ProblemError(CHECK_ABANDONED, told) from None
        if isinstance(found, str):
            raise DatabaseUnavailable(found)
        return found


def examine_apart(url: str, change: str, expected: str | None, now: datetime) -> Prepared | Checked | Unavailable:
    """What a submission needs, what keeps it from being one, or why the database is not available.

    Raises Refused when there is nothing to check.
    """
    confine()
    try:
        return examine(url, change, expected, now)
    except DatabaseUnavailable as error:
        return error.reason


def examine(url: str, change: str, expected: str | None, now: datetime) -> Prepared | Checked:
    """The same, in this very process. Raises Refused, DatabaseUnavailable."""
    with closing(Database(url)) as database, database.read() as session:
        try:
            return prepare_submission(session, change, _signers(), now, expected=expected)
        except Unfit as unfit:
            return Checked(unfit.sentences, unfit.diagnostics, unfit.report)


@cache
def _signers() -> Signers:
    """Kept as long as the process."""
    return Signers()
