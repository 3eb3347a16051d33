"""The version an override was made for, and the last decision that used it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from policy_service.decisions.override import Override
from policy_service.decisions.record import DecisionRecord
from policy_service.decisions.record_queries import subject_history
from policy_service.decisions.record_versions import versions_of
from policy_service.decisions.words.answers import PolicyAnswer, policy_answers
from policy_service.language.policy import Language, Policy
from policy_service.registry.catalogue import Catalogue
from policy_service.registry.service import UnknownVersion, read_version
from policy_service.subject import Subject

MAX_SEARCHED = 50
"""Maximum number of the subject's decisions read, from the newest."""


@dataclass(frozen=True, slots=True)
class LastDecision:
    """The result of the rules in the subject's last decision."""

    decision: str
    decided_at: datetime
    answer: PolicyAnswer


def read_policy_version(catalogue: Catalogue, session: Session, override: Override) -> Policy | None:
    """Return the version in force when the override was made; None if it is not in the registry."""
    try:
        row = read_version(session, override.policy, override.version)
    except UnknownVersion:
        return None
    return catalogue.load(session, row.digest)


def read_last_decision(
    session: Session, subject: Subject, policy: str, lang: Language, limit: int = MAX_SEARCHED
) -> LastDecision | None:
    """Return the rules' answer in the policy's last decision about the subject, without the override."""
    for record in _newest_first(session, subject, limit):
        if policy in record.outcomes:
            versions = versions_of(session, [record])[record.decision_id]
            answer = next(each for each in policy_answers(record, versions, lang) if each.policy == policy)
            return LastDecision(
                record.decision_id,
                record.decided_at,
                answer.applied_override.rules_answer if answer.applied_override else answer,
            )
    return None


def _newest_first(session: Session, subject: Subject, limit: int) -> Iterator[DecisionRecord]:
    """Yield the last record, usually the one needed, and only then read earlier ones."""
    last = subject_history(session, subject, None, 1)
    yield from last.records
    if last.cursor is not None and limit > 1:
        yield from subject_history(session, subject, last.cursor, limit - 1).records
