"""Asks governance how far an exception reaches, before the transaction that records it."""

from __future__ import annotations

from api.examining import signers
from api.heads import warm_heads
from api.service import Service
from api.transactions import reading
from policy_service.actor import Actor
from policy_service.overrides.service import AskedOverride, PreparedOverride, prepare_override


async def prepared_override(service: Service, actor: Actor, asked: AskedOverride) -> PreparedOverride:
    """All that recording an exception needs, worked out in a thread.

    The first time after a policy of governance came into force that builds it. Raises OverrideRefused, Forbidden,
    DatabaseUnavailable.
    """
    await warm_heads(service)
    now = service.now()
    return await reading(service, lambda session: prepare_override(session, signers(), actor, asked, now))
