"""Exceptions for tests that are about something else: recorded by one signature, as governance may allow."""

from __future__ import annotations

from datetime import datetime
from unittest import mock

from policy_service.actor import Actor, Role
from policy_service.approval.reach import Reach, overrides_version
from policy_service.approval.signers import Signers
from policy_service.database import Transaction
from policy_service.decisions.overriding import Overriding
from policy_service.overrides import service
from policy_service.subject import Subject


def record_alone(  # what an exception says
    transaction: Transaction,
    actor: Actor,
    *,
    subject: Subject,
    policy: str,
    outcome: object,
    role: Role,
    reason: str,
    until: datetime,
) -> Overriding:
    """Records an exception that lasts to its end by the signature of who records it. Raises OverrideRefused."""
    session, now = transaction.session, transaction.now
    reach = Reach("allowed", 366, 3, overrides_version(session, now))
    asked = service.AskedOverride(subject, policy, outcome, role, reason, until)
    with mock.patch.object(service, "reach_of", return_value=reach):
        prepared = service.prepare_override(session, Signers(), actor, asked, now)
    return service.record_override(transaction, actor, prepared)
