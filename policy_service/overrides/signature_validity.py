"""Signature validity of overrides: a signature counts while its signer may sign, until all have signed.

A signature does not count while its signer has no enabled account or does not hold the role, attested. Its role must
then sign again, before any other. The recorder's signature cannot be replaced, so the override must be recorded again.
After the last signature validity is no longer evaluated: a ratified override stays ratified. Nothing is stored, and
decisions do not evaluate it: they apply provisional and ratified overrides.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from sqlmodel import Session

from policy_service.actor import Role
from policy_service.approval.signature_validity import lost_role_reason
from policy_service.decisions.override import Override
from policy_service.decisions.override_store import read_override
from policy_service.identity.account import Account
from policy_service.identity.service import accounts


def read_with_signature_validity(session: Session, override: str, now: datetime) -> Override:
    """Return one override with its void signatures. Raises UnknownOverride."""
    return with_signature_validity(session, [read_override(session, override)], now)[0]


def with_signature_validity(session: Session, overrides: Sequence[Override], now: datetime) -> list[Override]:
    """Return the overrides; those awaiting signatures with their void signatures."""
    awaiting = [each for each in overrides if _is_waiting(each, now)]
    if not awaiting:
        return list(overrides)
    known_accounts = accounts(session, {actor for each in awaiting for actor, _, _ in _signers(each)})
    return [
        replace(each, void=_void_reasons(each, known_accounts)) if _is_waiting(each, now) else each
        for each in overrides
    ]


def _is_waiting(override: Override, now: datetime) -> bool:
    return override.state(now) in {"provisional", "waiting"}


def _void_reasons(override: Override, known_accounts: Mapping[str, Account]) -> dict[str, str]:
    """Return why signatures do not count, by account.

    Accounts are never removed, so an unknown one belongs to no person, and its signature stays valid.
    """
    reasons = (
        (actor, lost_role_reason(person, Role(role), known_accounts[actor]))
        for actor, role, person in _signers(override)
        if actor in known_accounts
    )
    return {actor: reason for actor, reason in reasons if reason is not None}


def _signers(override: Override) -> Iterator[tuple[str, str, str]]:
    """Yield the account, role and name of every signer, the recorder first."""
    yield override.actor, override.role, override.printed_name
    for each in override.signatures:
        yield each.actor, each.role, each.printed_name
