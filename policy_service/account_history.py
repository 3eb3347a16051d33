"""The history of an account in words: when, by whom, and what was done."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from policy_service.actor import Role
from policy_service.identity.history import AccountRevision
from policy_service.labels import enum_label
from policy_service.messages import Message, join_comma


@dataclass(frozen=True, slots=True)
class AccountHistoryItem:
    """One change: when, by whom, and what was done."""

    at: datetime
    by: str
    descriptions: tuple[Message, ...]


def history_items(steps: Iterable[AccountRevision]) -> tuple[AccountHistoryItem, ...]:
    """The changes of an account, in the order given."""
    return tuple(AccountHistoryItem(step.at, step.by_name, tuple(_descriptions(step))) for step in steps)


def _descriptions(step: AccountRevision) -> Iterator[Message]:
    if step.is_first:
        yield Message("created the account, with: {roles}", roles=_role_list(step.roles or frozenset()))
        if not step.password:
            yield Message("without a password")
        return
    if step.roles is not None:
        yield Message(
            "changed the roles from {before} to {after}", before=_role_list(step.before), after=_role_list(step.roles)
        )
    if step.enabled is not None:
        yield Message("enabled the account") if step.enabled else Message("disabled the account")
    if step.external is not None:
        yield Message("linked it to {subject} of {issuer}", subject=step.external.subject, issuer=step.external.issuer)
    if step.password:
        yield Message("changed their own password") if step.by_owner else Message("gave it another password")
    if step.attested:
        yield Message("attested the account")


def _role_list(roles: Iterable[Role]) -> str:
    members = set(roles)
    return join_comma(enum_label(role) for role in Role if role in members) or Message("no role")
