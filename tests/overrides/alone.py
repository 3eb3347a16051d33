"""Exceptions for tests that are about something else: recorded by one signature, as governance may allow."""

from __future__ import annotations

from datetime import datetime
from unittest import mock

from policy_service.actor import Actor, Role
from policy_service.approval.governance_facts import governing_version
from policy_service.approval.override_authority import OVERRIDES, OverrideAuthority
from policy_service.approval.signers import GovernanceEvaluator
from policy_service.database import Transaction
from policy_service.decisions.override import Override
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
) -> Override:
    """Records an exception that lasts to its end by the signature of who records it. Raises OverrideRejected."""
    session, now = transaction.session, transaction.now
    reach = OverrideAuthority("allowed", 366, 3, governing_version(session, OVERRIDES, now))
    request = service.OverrideRequest(subject, policy, outcome, role, reason, until)
    with mock.patch.object(service, "decide_authority", return_value=reach):
        prepared = service.prepare_override(session, GovernanceEvaluator(), actor, request, now)
    return service.record_override(transaction, actor, prepared)
