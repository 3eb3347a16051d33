"""The work of a worker on a change: checks a draft before submission, and the effect for drift before a signature.

A worker has its own database connection; author input may be slow to process.
"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import closing
from datetime import datetime
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlmodel import Session

from policy_service.approval import service as approval
from policy_service.approval.policies import head_loader, policy_loader
from policy_service.approval.service import ChangeState, GovernanceEvaluator, PreparedSubmission, prepare_submission
from policy_service.audit.guard import start_guard
from policy_service.database import Database
from policy_service.decisions.master_keys import MasterKeys
from policy_service.decisions.subjects import FactCipher
from policy_service.language.diagnostics import PolicyError
from policy_service.language.policy import Policy
from policy_service.messages import Message
from policy_service.population.drift import drift_problems, may_have_drifted, registered_drift
from policy_service.population.recorded_effect import RecordedEffects

UNDER_REVIEW = frozenset({ChangeState.SUBMITTED, ChangeState.SIGNED_OFF})


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
    """Return the evaluator of governance policies, one per process."""
    return GovernanceEvaluator()


def find_drift(url: str, keys: Path, change: str) -> tuple[Message, ...]:
    """Return why the effect submitted with a change no longer holds; empty if it does."""
    with closing(Database(url, keys=keys)) as database, database.read() as session:
        start_guard(database)
        effect = approval.read_effect(session, approval.read_change(session, change))
        if effect is None:
            return ()
        cipher = FactCipher(MasterKeys(keys))
        return drift_problems(database, lambda: cipher, effect.document, policy_loader(session))


def may_drift(session: Session, change: str) -> bool:
    """Return True if a change under review may have drifted, so that its subjects must be evaluated.

    Raises UnknownChange.
    """
    current = approval.read_change(session, change)
    effect = approval.read_effect(session, current) if current.state in UNDER_REVIEW else None
    if effect is None:
        return False
    return bool(may_have_drifted(session, effect.document)) or registered_drift(session, effect.document) is not None


def read_heads(url: str, digests: Collection[str]) -> list[Policy]:
    """Return the heads with some digests; an invalid draft text has none. Raises DatabaseUnavailable."""
    policies = []
    with closing(Database(url)) as database, database.read() as session:
        load = head_loader(session)
        for digest in digests:
            try:
                policies.append(load(digest))
            except PolicyError:
                continue
    return policies
