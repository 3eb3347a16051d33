"""`/accounts`: everyone who has an account, and new ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from api.auth.authentication import principal_of
from api.auth.permissions import PERMISSIONS, check_permission
from api.kit.frame import Frame
from api.kit.listing import Column, Listing
from api.kit.rendering import Pages
from api.kit.vocabulary import enum_label
from api.web.cursors import decode_number_cursor, encode_cursor
from api.web.transactions import run_read
from policy_service.actor import Role
from policy_service.identity import service as identity
from policy_service.identity.account import Account
from policy_service.messages import Message

PAGE = 50
"""Accounts on a page."""
State = Literal["enabled", "disabled", "waiting"]
STATES: Sequence[tuple[State, Message]] = (
    ("enabled", Message("may sign in")),
    ("waiting", Message("signing roles await attestation")),
    ("disabled", Message("disabled")),
)
ROLES: Sequence[tuple[str, Message]] = tuple((role.value, enum_label(role)) for role in Role)
COLUMNS = (
    Column("name", Message("Name"), is_sortable=True),
    Column("printed_name", Message("Person"), is_sortable=True),
    Column("roles", Message("Roles")),
    Column("state", Message("State")),
    Column("created", Message("Since"), is_sortable=True),
)
ORDERS: Mapping[str, Callable[[Account], Any]] = {
    "name": lambda account: account.name,
    "printed_name": lambda account: (account.printed_name.casefold(), account.name),
    "created": lambda account: (account.created_at, account.id),
}


@dataclass(frozen=True, slots=True)
class AccountsPage:
    """The accounts that are wanted."""

    template: ClassVar[str] = "accounts/accounts.html"
    frame: Frame
    listing: Listing
    accounts: tuple[Account, ...]
    matching_count: int
    total_count: int
    may_create: bool
    roles: Sequence[tuple[str, Message]]
    states: Sequence[tuple[str, Message]]


def account_list_routes(pages: Pages) -> APIRouter:
    """The routes."""
    router = APIRouter(include_in_schema=False)

    @router.get("/accounts")
    async def list_accounts(request: Request) -> Response:
        """The accounts."""
        accounts = await run_read(pages.service, identity.accounts)
        return pages.render(_list_page(pages, request, tuple(accounts.values())))

    return router


def _list_page(pages: Pages, request: Request, accounts: Sequence[Account]) -> AccountsPage:
    query = request.query_params
    filters = {name: query.get(name, "")[:100] for name in ("words", "role", "state")}
    sort = query.get("sort", "")
    sort = sort if sort.removeprefix("-") in ORDERS else "name"
    matching = [account for account in accounts if _matches(account, filters)]
    matching.sort(key=ORDERS[sort.removeprefix("-")], reverse=sort.startswith("-"))
    cursor = query.get("cursor")
    first = decode_number_cursor(cursor) or 0
    next_cursor = encode_cursor(str(first + PAGE)) if len(matching) > first + PAGE else None
    actor = principal_of(request).actor
    return AccountsPage(
        frame=pages.frame(request),
        listing=Listing("/accounts", filters, COLUMNS, sort, cursor, next_cursor),
        accounts=tuple(matching[first : first + PAGE]),
        matching_count=len(matching),
        total_count=len(accounts),
        may_create=check_permission(actor, PERMISSIONS["POST", "/accounts"]) is True,
        roles=ROLES,
        states=STATES,
    )


def _matches(account: Account, filters: Mapping[str, str]) -> bool:
    """Return True if an account is one of those that the filters leave."""
    text, role, state = filters["words"].casefold(), filters["role"], filters["state"]
    if text and text not in account.name and text not in account.printed_name.casefold():
        return False
    if role and role not in account.roles:
        return False
    match state:
        case "enabled":
            return account.enabled
        case "disabled":
            return not account.enabled
        case "waiting":
            return account.enabled and account.pending_roles is not None
        case _:
            return True
