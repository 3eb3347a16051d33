"""Which signatures on exceptions count now: those whose signers still may sign, until all have signed.

A signature does not count while its signer has no enabled account or does not hold the role, vouched for. Its role is
owed again, before any other; that of who recorded the exception nobody else can give, so it is recorded anew. With the
last signature this ends: what was ratified stays so. Nothing is stored, and a decision does not ask: it applies what
runs for a time or was ratified.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from sqlmodel import Session

from policy_service.actor import Role
from policy_service.approval.counting import why_lost
from policy_service.decisions.overrides import read_override
from policy_service.decisions.overriding import Overriding
from policy_service.identity.account import Account
from policy_service.identity.service import accounts


def read_as_it_counts(session: Session, override: str, now: datetime) -> Overriding:
    """One exception, with which of its signatures do not count. Raises UnknownOverride."""
    return as_they_count(session, [read_override(session, override)], now)[0]


def as_they_count(session: Session, overrides: Sequence[Overriding], now: datetime) -> list[Overriding]:
    """The exceptions, those that wait for signatures with which of them do not count."""
    waiting = [each for each in overrides if _is_waiting(each, now)]
    if not waiting:
        return list(overrides)
    known = accounts(session, {actor for each in waiting for actor, _, _ in _signed(each)})
    return [replace(each, void=_void(each, known)) if _is_waiting(each, now) else each for each in overrides]


def _is_waiting(overriding: Overriding, now: datetime) -> bool:
    return overriding.state(now) in {"provisional", "waiting"}


def _void(overriding: Overriding, known: Mapping[str, Account]) -> dict[str, str]:
    """Accounts are never removed, so one that is not there is of nobody who could lose it."""
    found = (
        (actor, why_lost(person, Role(role), known[actor]))
        for actor, role, person in _signed(overriding)
        if actor in known
    )
    return {actor: why for actor, why in found if why is not None}


def _signed(overriding: Overriding) -> Iterator[tuple[str, str, str]]:
    """The account, role and name of everybody who signed, who recorded it first."""
    yield overriding.actor, overriding.role, overriding.printed_name
    for each in overriding.signatures:
        yield each.actor, each.role, each.printed_name
