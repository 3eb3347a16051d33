"""An account in full: its current state, its history in words, and the reader's permissions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from policy_service.actor import Actor, Role
from policy_service.identity import service as identity
from policy_service.identity.account import (
    Account,
    PermissionResult,
    may_administer,
    may_change_roles,
    may_disable,
    may_link,
    may_reset_password,
)
from policy_service.identity.attestation import may_attest_now
from policy_service.identity.history import AccountRevision, history
from policy_service.identity.second_factor import enrolled_at
from policy_service.labels import enum_label
from policy_service.messages import Message, join_comma


@dataclass(frozen=True, slots=True)
class AccountHistoryItem:
    """One change: its time, actor and description."""

    at: datetime
    by: str
    descriptions: tuple[Message, ...]


@dataclass(frozen=True, slots=True)
class AccountDetail:
    """One account, as a reader sees it."""

    account: Account
    history: tuple[AccountHistoryItem, ...]
    """The latest changes, newest first."""
    factor_since: datetime | None
    """Since when the account has a second factor; None if it has none."""
    may_administer: PermissionResult
    may_change_roles: PermissionResult
    may_disable: PermissionResult
    may_reset_password: PermissionResult
    may_link: PermissionResult
    may_attest: PermissionResult


def read_account_detail(session: Session, account: str, reader: Actor) -> AccountDetail:
    """Read an account in full. Raises UnknownAccount."""
    current, all_accounts = identity.read_account(session, account), identity.accounts(session)
    return AccountDetail(
        account=current,
        history=tuple(
            AccountHistoryItem(step.at, step.by_name, tuple(_descriptions(step))) for step in history(session, account)
        ),
        factor_since=enrolled_at(session, account),
        may_administer=may_administer(reader),
        may_change_roles=may_change_roles(reader, current, current.roles, all_accounts),
        may_disable=may_disable(reader, current, all_accounts),
        may_reset_password=may_reset_password(reader, current),
        may_link=may_link(reader, current),
        may_attest=may_attest_now(reader, current, all_accounts),
    )


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
