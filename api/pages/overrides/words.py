"""What exceptions and their last uses are told by: the version they were made for, the decision that used them last."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from api.pages.decisions.versions import versions_of
from api.pages.decisions.words import Answer, answers
from api.service import Service
from policy_service.decisions.overriding import Overriding
from policy_service.decisions.records import history
from policy_service.language.policy import Language, Policy
from policy_service.registry.service import UnknownVersion, read_version
from policy_service.subject import Subject

LOOKED_AT = 50
"""Decisions about the subject that are looked at, from the last one backwards."""


@dataclass(frozen=True, slots=True)
class Used:
    """What the rules said of the subject in a decision."""

    decision: str
    decided_at: datetime
    answer: Answer


def version_of(service: Service, session: Session, overriding: Overriding) -> Policy | None:
    """The version that was in force when the exception was made; None when the registry has lost it."""
    try:
        row = read_version(session, overriding.policy, overriding.version)
    except UnknownVersion:
        return None
    return service.catalogue.load(session, row.digest)


def last_use(service: Service, session: Session, subject: Subject, policy: str, lang: Language) -> Used | None:
    """What the rules said when the policy last decided about the subject, whatever was answered instead."""
    for record in history(session, subject, None, LOOKED_AT).records:
        if policy in record.outcomes:
            versions = versions_of(session, [record], service.catalogue)[record.decision_id]
            said = next(each for each in answers(record, versions, lang) if each.policy == policy)
            return Used(record.decision_id, record.decided_at, said.excepted.rules_said if said.excepted else said)
    return None
