"""Checks drafts before they are submitted, in a worker: what authors put into them may take long."""

from __future__ import annotations

from contextlib import closing
from datetime import datetime
from functools import cache

from api.heads import warm_heads
from api.service import Service
from api.work import EXAMINING, seconds_of
from policy_service.approval.service import Checked, Prepared, Signers, Unfit, prepare_submission
from policy_service.database import Database


class Examiner:
    """Checks drafts."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def prepare(self, change: str, expected: str) -> Prepared:
        """All that a submission needs. Raises ProblemError, DatabaseUnavailable, and Refused with all that is wrong."""
        found = await self._examine(change, expected)
        await warm_heads(self._service, change)
        return found

    async def check(self, change: str) -> Checked:
        """What keeps a draft from being submitted. Raises ProblemError, DatabaseUnavailable, Refused."""
        try:
            return Checked((), (), (await self._examine(change, None)).report)
        except Unfit as unfit:
            return Checked(unfit.sentences, unfit.diagnostics, unfit.report)

    async def _examine(self, change: str, expected: str | None) -> Prepared:
        service = self._service
        seconds, now = seconds_of(EXAMINING, service.settings), service.clock.now()
        return await service.workers.of(EXAMINING).run(seconds, examine, service.database.url, change, expected, now)


def examine(url: str, change: str, expected: str | None, now: datetime) -> Prepared:
    """What a submission needs. Raises Refused, DatabaseUnavailable."""
    with closing(Database(url)) as database, database.read() as session:
        return prepare_submission(session, change, signers(), now, expected=expected)


@cache
def signers() -> Signers:
    """What asks the policies of governance; kept as long as the process."""
    return Signers()
