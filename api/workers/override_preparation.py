"""Asks governance how far an override reaches, before the transaction that records it."""

from __future__ import annotations

from api.service import Service
from api.web.transactions import run_read
from api.workers.draft_check import signers
from api.workers.heads import warm_heads
from policy_service.actor import Actor
from policy_service.overrides.service import OverrideRequest, PreparedOverride, prepare_override


async def prepared_override(service: Service, actor: Actor, override_request: OverrideRequest) -> PreparedOverride:
    """All that recording an override needs, worked out in a thread.

    The first time after a policy of governance came into force that builds it. Raises OverrideRejected, Forbidden,
    DatabaseUnavailable.
    """
    await warm_heads(service)
    now = service.now()
    return await run_read(service, lambda session: prepare_override(session, signers(), actor, override_request, now))
