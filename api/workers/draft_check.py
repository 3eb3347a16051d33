"""Checks drafts before they are submitted, in a worker: what authors put into them may take long."""

from __future__ import annotations

from contextlib import closing
from datetime import datetime
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

from api.service import Service
from api.workers.heads import warm_heads
from api.workers.work_kinds import DRAFT_CHECKING
from policy_service.approval.service import (
    DraftCheck,
    GovernanceEvaluator,
    PreparedSubmission,
    ValidationFailed,
    prepare_submission,
)
from policy_service.audit.guard import start_guard
from policy_service.database import Database
from policy_service.decisions.master_keys import MasterKeys
from policy_service.decisions.subjects import FactCipher
from policy_service.population.recorded_effect import RecordedEffects


class DraftChecker:
    """Checks drafts."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def prepare(self, change: str, expected: str) -> PreparedSubmission:
        """All that a submission needs.

        Raises ProblemError, DatabaseUnavailable, and OperationRejected with all that is wrong.
        """
        prepared = await self._check(change, expected)
        await warm_heads(self._service, change)
        return prepared

    async def check(self, change: str) -> DraftCheck:
        """Check a draft before it is submitted. Raises ProblemError, DatabaseUnavailable, OperationRejected."""
        try:
            return DraftCheck((), (), (await self._check(change, None)).report)
        except ValidationFailed as error:
            return DraftCheck(error.messages, error.diagnostics, error.report)

    async def _check(self, change: str, expected: str | None) -> PreparedSubmission:
        service, now = self._service, self._service.clock.now()
        about = (service.database.url, service.settings.keys, service.zone, change, expected, now)
        return await service.work(DRAFT_CHECKING, check_draft, *about)


def check_draft(  # noqa: PLR0913, PLR0917  # a worker gets all it needs
    url: str, keys: Path, zone: ZoneInfo, change: str, expected: str | None, now: datetime
) -> PreparedSubmission:
    """Prepare a submission. Raises OperationRejected, KeyUnavailable, DatabaseUnavailable."""
    with closing(Database(url, keys=keys)) as database, database.read() as session:
        start_guard(database)
        effects = RecordedEffects(database, lambda: FactCipher(MasterKeys(keys)), zone)
        return prepare_submission(session, change, signers(), now, expected=expected, effects=effects)


@cache
def signers() -> GovernanceEvaluator:
    """Return the evaluator of the policies of governance; one a process."""
    return GovernanceEvaluator()
