"""Reads and works out, before a transaction begins, what takes long, or what it will ask of policies and of governance.

await warm_heads(service, change)
await run_write(service, lambda transaction: approval.schedule(transaction, actor, change, expected=tag))

Changes are checked in a worker before they are submitted and before they are signed: what authors put in may be slow.
"""

from __future__ import annotations

from api.service import Service
from api.web.transactions import run_read, run_write
from policy_service.actor import Actor
from policy_service.approval import service as approval
from policy_service.approval.policies import uncached_heads
from policy_service.approval.service import DraftCheck, InvalidState, PreparedSubmission, ValidationFailed
from policy_service.messages import Message, join_sentences, plain_text
from policy_service.overrides.service import OverrideRequest, PreparedOverride, prepare_override
from policy_service.population.draft_work import check_draft, find_drift, may_drift, read_heads, signers
from policy_service.registry.policy_cache import cache_heads
from policy_service.workers.kinds import ANALYSING, DRAFT_CHECKING, READING, time_limit


async def checked_submission(service: Service, change: str, expected: str) -> PreparedSubmission:
    """Return what a submission needs. Raises ProblemError, DatabaseUnavailable, OperationRejected with all errors."""
    prepared = await _check(service, change, expected)
    await warm_heads(service, change)
    return prepared


async def checked_draft(service: Service, change: str) -> DraftCheck:
    """Check a draft before it is submitted. Raises ProblemError, DatabaseUnavailable, OperationRejected."""
    try:
        prepared = await _check(service, change, None)
        return DraftCheck((), (), prepared.report, prepared.effect)
    except ValidationFailed as error:
        return DraftCheck(error.messages, error.diagnostics, error.report)


async def _check(service: Service, change: str, expected: str | None) -> PreparedSubmission:
    about = (service.database.url, service.settings.keys, service.zone, change, expected, service.clock.now())
    return await service.work(DRAFT_CHECKING, check_draft, *about)


SENT_BACK = Message("It was sent back to its author, to be submitted and simulated again.")


async def require_undrifted(service: Service, change: str) -> None:
    """Send a change back whose population has drifted since it was simulated.

    Raises InvalidState when it has, UnknownChange, ProblemError, DatabaseUnavailable, DamagedRecord.
    """
    if not await run_read(service, lambda session: may_drift(session, change)):
        return
    # records are decided, as many as were when it was submitted
    seconds = time_limit(ANALYSING, service.settings.policy_check_seconds)
    problems = await service.workers.pool(DRAFT_CHECKING).run(
        seconds, find_drift, service.database.url, service.settings.keys, change
    )
    if problems:
        reason = plain_text(join_sentences(problems))
        await run_write(service, lambda transaction: approval.return_drifted(transaction, change, reason))
        raise InvalidState(*problems, SENT_BACK)


async def warm_heads(service: Service, change: str | None = None) -> None:
    """Make known what the versions declare that may be in force from now on, and those of a change.

    What becomes one of them before the transaction is read there; that is slow, and right. Raises ProblemError,
    DatabaseUnavailable, UnknownChange.
    """
    now = service.now()
    unknown = await run_read(service, lambda session: uncached_heads(session, change, now))
    if unknown:
        cache_heads(await service.work(READING, read_heads, service.database.url, unknown))


async def prepared_override(service: Service, actor: Actor, override_request: OverrideRequest) -> PreparedOverride:
    """Return all that recording an override needs, computed in a thread.

    The first call after a governance policy came into force builds it. Raises OverrideRejected,
    OverridePermissionDenied, DatabaseUnavailable.
    """
    await warm_heads(service)
    now = service.now()
    return await run_read(service, lambda session: prepare_override(session, signers(), actor, override_request, now))
