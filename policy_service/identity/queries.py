"""Reads filtered pages of accounts and of API keys.

The state of an account is the fold of its changes, so both lists are read whole and paged in memory: they are short.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlmodel import Session

from policy_service.actor import Role
from policy_service.identity.account import Account
from policy_service.identity.api_keys import ApiKey, ApiKeyStatus, api_keys, find_key_by_name
from policy_service.identity.service import accounts, find_account_by_name
from policy_service.paging import Page, page_of

AccountStatus = Literal["enabled", "waiting", "disabled"]
"""Whether the person may sign in, may but has roles that await attestation, or may not."""
AccountSort = Literal["name", "-name", "printed_name", "-printed_name", "created", "-created"]
ApiKeySort = Literal["name", "-name", "issued", "-issued", "used", "-used", "expires", "-expires"]
_ACCOUNT_ORDERS: Mapping[str, Callable[[Account], tuple[Any, ...]]] = {
    "name": lambda account: (account.name,),
    "printed_name": lambda account: (account.printed_name.casefold(), account.name),
    "created": lambda account: (account.created_at, account.id),
}
_KEY_ORDERS: Mapping[str, Callable[[ApiKey], tuple[Any, ...]]] = {
    "name": lambda key: (key.name.casefold(), key.id),
    "issued": lambda key: (key.issued_at, key.id),
    "used": lambda key: (key.used_at is not None, key.used_at or key.issued_at, key.id),
    "expires": lambda key: (key.expires_at, key.id),
}


@dataclass(frozen=True, slots=True)
class AccountFilter:
    """Filters of a list of accounts; empty or None means any."""

    text: str = ""
    """A part of the name or printed name, in any case."""
    role: Role | None = None
    status: AccountStatus | None = None
    until: datetime | None = None
    """For the accounts as they were just before this instant; None for now."""

    def matches(self, account: Account) -> bool:
        """Return True if an account matches."""
        text = self.text.casefold()
        is_waiting = account.enabled and account.pending_roles is not None
        selected = {None: True, "enabled": account.enabled, "disabled": not account.enabled, "waiting": is_waiting}
        return (
            (text in account.name or text in account.printed_name.casefold())
            and self.role in {None, *account.roles}
            and selected[self.status]
        )


@dataclass(frozen=True, slots=True)
class ApiKeyFilter:
    """Filters of a list of API keys; empty or None means any."""

    text: str = ""
    """A part of the name, in any case."""
    scope: Role | None = None
    status: ApiKeyStatus | None = None

    def matches(self, key: ApiKey, now: datetime) -> bool:
        """Return True if a key matches; one that expires soon also counts as active."""
        status = key.status(now)
        return (
            self.text.casefold() in key.name.casefold()
            and self.scope in {None, *key.scopes}
            and (self.status in {None, status} or (self.status == "open" and status == "expiring"))
        )


def find_actor(session: Session, name: str) -> str:
    """Return the identifier of the account or key with this name.

    An identifier, or the service, is returned unchanged.
    """
    if (account := find_account_by_name(session, name)) is not None:
        return account.id
    return find_key_by_name(session, name) or name


def list_accounts(
    session: Session,
    criteria: AccountFilter = AccountFilter(),
    *,
    sort: AccountSort = "name",
    cursor: str | None = None,
    limit: int = 50,
) -> Page[Account]:
    """Return a page of the accounts that match the filter. Raises InvalidCursor, DamagedRecord."""
    selected = filter(criteria.matches, accounts(session, until=criteria.until).values())
    order, descending = _ACCOUNT_ORDERS[sort.removeprefix("-")], sort.startswith("-")
    return page_of(selected, sort, order, descending=descending, cursor=cursor, limit=limit)


def list_api_keys(  # noqa: PLR0913  # which, in which order, how many
    session: Session,
    criteria: ApiKeyFilter,
    now: datetime,
    *,
    sort: ApiKeySort = "-issued",
    cursor: str | None = None,
    limit: int = 50,
) -> Page[ApiKey]:
    """Return a page of the API keys that match the filter. Raises InvalidCursor, DamagedRecord."""
    selected = (key for key in api_keys(session).values() if criteria.matches(key, now))
    order, descending = _KEY_ORDERS[sort.removeprefix("-")], sort.startswith("-")
    return page_of(selected, sort, order, descending=descending, cursor=cursor, limit=limit)
