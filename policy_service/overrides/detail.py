"""One override in full: its policy, the last answer of the rules, its end, and why it may not apply."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from sqlmodel import Session

from policy_service.actor import Actor, Role
from policy_service.decisions.outcomes import InvalidOutcome, read_outcome
from policy_service.decisions.override import Override, can_sign_override, may_sign_override, signing_roles
from policy_service.decisions.override_store import OverrideEnd, read_override_end
from policy_service.decisions.words.answers import FieldText, outcome_texts
from policy_service.identity.errors import UnknownAccount
from policy_service.identity.service import read_account
from policy_service.language.policy import Bilingual, Language
from policy_service.overrides.last_decision import LastDecision, read_last_decision, read_policy_version
from policy_service.overrides.signature_validity import read_with_signature_validity
from policy_service.registry.catalogue import Catalogue


@dataclass(frozen=True, slots=True)
class OverrideDetail:
    """An override, with data from elsewhere."""

    override: Override
    title: Bilingual
    """The policy's title."""
    outcome: tuple[tuple[FieldText, ...], ...]
    last_decision: LastDecision | None
    outcome_errors: tuple[str, ...]
    """Why the outcome does not fit the version in force, if so."""
    end: OverrideEnd | None
    """Its early end."""
    ended_by: str
    """The printed name of the person who ended it."""

    @property
    def governance_versions(self) -> tuple[tuple[str, str], ...]:
        """The governance policies that determined the signers, each with its version."""
        decided_by = self.override.decided_by or {}
        found = (decided_by.get(name) for name in ("overrides", "sign_off"))
        return tuple((each["policy"], each["version"]) for each in found if each)


def read_override_detail(
    session: Session, catalogue: Catalogue, override: str, now: datetime, lang: Language
) -> OverrideDetail:
    """Read an override in full. Raises UnknownOverride, DamagedRecord."""
    read = read_with_signature_validity(session, override, now)
    policy, end = read_policy_version(catalogue, session, read), read_override_end(session, override)
    return OverrideDetail(
        override=read,
        title=policy.title if policy else Bilingual(read.policy, read.policy),
        outcome=outcome_texts(read.outcome, policy, lang),
        last_decision=read_last_decision(session, read.subject, read.policy, lang),
        outcome_errors=_outcome_errors(session, catalogue, read, now),
        end=end,
        ended_by=_printed_name(session, end.actor) if end else "",
    )


def signing_denied_reason(override: Override, actor: Actor, now: datetime) -> str | None:
    """Return why a person cannot sign an override in any of their roles; None if they can."""
    possible = can_sign_override(override, now)
    if possible is not True:
        return possible
    if signing_roles(override, actor, now):
        return None
    confirmed = replace(actor, confirmed_at=now)
    reasons = (may_sign_override(override, confirmed, Role(role), now) for role in override.missing_roles)
    return next(each for each in reasons if each is not True)


def _printed_name(session: Session, account: str) -> str:
    try:
        return read_account(session, account).printed_name
    except UnknownAccount:
        return account


def _outcome_errors(session: Session, catalogue: Catalogue, override: Override, now: datetime) -> tuple[str, ...]:
    """Return why an override is not applied: the version in force does not support its outcome."""
    policy = catalogue.in_force(session, now).get(override.policy) if override.covers(now) else None
    if policy is None:
        return ()
    try:
        read_outcome(policy, override.outcome)
    except InvalidOutcome as error:
        return error.problems
    return ()
