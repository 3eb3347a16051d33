"""Reads and works out, before a transaction begins, what takes long, or what it will ask of policies and of governance.

await warm_heads(service, change)
await run_write(service, lambda transaction: approval.schedule(transaction, actor, change, expected=tag))

Changes are checked in a worker before they are submitted and before they are signed: what authors put in may be slow.
"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import closing
from datetime import datetime
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlmodel import Session

from api.service import Service
from api.web.transactions import run_read, run_write
from api.workers.work_kinds import ANALYSING, DRAFT_CHECKING, READING, time_limit
from policy_service.actor import Actor
from policy_service.approval import service as approval
from policy_service.approval.policies import head_loader, policy_loader, uncached_heads
from policy_service.approval.service import (
    ChangeState,
    DraftCheck,
    GovernanceEvaluator,
    InvalidState,
    PreparedSubmission,
    ValidationFailed,
    prepare_submission,
)
from policy_service.audit.guard import start_guard
from policy_service.database import Database
from policy_service.decisions.master_keys import MasterKeys
from policy_service.decisions.subjects import FactCipher
from policy_service.language.diagnostics import PolicyError
from policy_service.language.policy import Policy
from policy_service.messages import Message, join_sentences, plain_text
from policy_service.overrides.service import OverrideRequest, PreparedOverride, prepare_override
from policy_service.population.drift import drift_problems, may_have_drifted, registered_drift
from policy_service.population.recorded_effect import RecordedEffects
from policy_service.registry.policy_cache import cache_heads


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
            prepared = await self._check(change, None)
            return DraftCheck((), (), prepared.report, prepared.effect)
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


UNDER_REVIEW = frozenset({ChangeState.SUBMITTED, ChangeState.SIGNED_OFF})
SENT_BACK = Message("It was sent back to its author, to be submitted and simulated again.")


async def require_undrifted(service: Service, change: str) -> None:
    """Send a change back whose population has drifted since it was simulated.

    Raises InvalidState when it has, UnknownChange, ProblemError, DatabaseUnavailable, DamagedRecord.
    """
    if not await run_read(service, lambda session: _needs_look(session, change)):
        return
    seconds = time_limit(ANALYSING, service.settings)  # records are decided, as many as were when it was submitted
    problems = await service.workers.pool(DRAFT_CHECKING).run(
        seconds, find_drift, service.database.url, service.settings.keys, change
    )
    if problems:
        reason = plain_text(join_sentences(problems))
        await run_write(service, lambda transaction: approval.return_drifted(transaction, change, reason))
        raise InvalidState(*problems, SENT_BACK)


def find_drift(url: str, keys: Path, change: str) -> tuple[Message, ...]:
    """The reasons why the effect submitted with a change no longer holds; none where it does."""
    with closing(Database(url, keys=keys)) as database, database.read() as session:
        start_guard(database)
        effect = approval.read_effect(session, approval.read_change(session, change))
        if effect is None:
            return ()
        cipher = FactCipher(MasterKeys(keys))
        return drift_problems(database, lambda: cipher, effect.document, policy_loader(session))


def _needs_look(session: Session, change: str) -> bool:
    current = approval.read_change(session, change)
    effect = approval.read_effect(session, current) if current.state in UNDER_REVIEW else None
    if effect is None:
        return False
    return bool(may_have_drifted(session, effect.document)) or registered_drift(session, effect.document) is not None


async def warm_heads(service: Service, change: str | None = None) -> None:
    """Make known what the versions declare that may be in force from now on, and those of a change.

    What becomes one of them before the transaction is read there; that is slow, and right. Raises ProblemError,
    DatabaseUnavailable, UnknownChange.
    """
    now = service.now()
    unknown = await run_read(service, lambda session: uncached_heads(session, change, now))
    if unknown:
        cache_heads(await service.work(READING, read_heads, service.database.url, unknown))


def read_heads(url: str, digests: Collection[str]) -> list[Policy]:
    """The heads under digests; a draft's text that is no policy has none. Raises DatabaseUnavailable."""
    policies = []
    with closing(Database(url)) as database, database.read() as session:
        load = head_loader(session)
        for digest in digests:
            try:
                policies.append(load(digest))
            except PolicyError:
                continue
    return policies


async def prepared_override(service: Service, actor: Actor, override_request: OverrideRequest) -> PreparedOverride:
    """All that recording an override needs, worked out in a thread.

    The first time after a policy of governance came into force that builds it. Raises OverrideRejected, Forbidden,
    DatabaseUnavailable.
    """
    await warm_heads(service)
    now = service.now()
    return await run_read(service, lambda session: prepare_override(session, signers(), actor, override_request, now))
