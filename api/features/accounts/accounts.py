"""`/accounts`: everybody who has an account, and new ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from fastapi import APIRouter
from pydantic import Field, SecretStr
from starlette.requests import Request
from starlette.responses import Response

from api.auth.authentication import principal_of
from api.auth.confirmation import run_hashing
from api.auth.permissions import PERMISSIONS, check_permission
from api.features.session.passwords import field_errors, password_errors
from api.kit.forms import FieldErrors, FormModel, FormState, read_form, validate_form
from api.kit.frame import Frame
from api.kit.listing import Column, Listing, quote_segment
from api.kit.rendering import Command, Pages
from api.kit.vocabulary import enum_label
from api.web.cursors import decode_number_cursor, encode_cursor
from api.web.transactions import run_read
from policy_service.actor import Role
from policy_service.identity import passwords
from policy_service.identity import service as identity
from policy_service.identity.account import Account
from policy_service.messages import Message

PAGE = 50
"""Accounts on a page."""
State = Literal["enabled", "disabled", "waiting"]
STATES: Sequence[tuple[State, Message]] = (
    ("enabled", Message("may sign in")),
    ("waiting", Message("signing roles wait")),
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


class NewAccountForm(FormModel):
    """What an account is made from; without a password only the provider of identities lets the person in."""

    name: Annotated[str, Field(max_length=100)]
    printed_name: Annotated[str, Field(max_length=100)]
    roles: tuple[Role, ...] = ()
    password: Annotated[SecretStr, Field(max_length=256)] = SecretStr("")
    again: Annotated[SecretStr, Field(max_length=256)] = SecretStr("")


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


@dataclass(frozen=True, slots=True)
class NewAccountPage:
    """The form of a new account."""

    template: ClassVar[str] = "accounts/new_account.html"
    frame: Frame
    form: FormState
    roles: Sequence[tuple[str, Message]]
    has_provider: bool
    """Whether there is a provider of identities to sign in at."""


def account_list_routes(pages: Pages) -> APIRouter:
    """The routes."""
    router = APIRouter(include_in_schema=False)

    @router.get("/accounts")
    async def list_accounts(request: Request) -> Response:
        """The accounts."""
        accounts = await run_read(pages.service, identity.accounts)
        return pages.render(_list_page(pages, request, tuple(accounts.values())))

    @router.get("/accounts/new")
    async def new_account(request: Request) -> Response:
        """The form of a new account."""
        return pages.render(await _new_page(pages, request, pages.new_form()))

    @router.post("/accounts")
    async def create_account(request: Request) -> Response:
        """Makes an account."""
        form = await read_form(request)
        values = validate_form(form, NewAccountForm)
        errors = (
            values
            if not isinstance(values, NewAccountForm)
            else _new_account_errors(values, pages.service.settings.words)
        )
        if not isinstance(values, NewAccountForm) or errors:
            return pages.render(await _new_page(pages, request, form.bind(errors)), 422)
        return await pages.execute(
            request,
            form,
            lambda: _create_command(request, values),
            lambda form_state: _new_page(pages, request, form_state),
        )

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
    """Whether an account is one of those that the filters leave."""
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


async def _new_page(pages: Pages, request: Request, form: FormState) -> NewAccountPage:
    return NewAccountPage(pages.frame(request), form, ROLES, pages.service.provider is not None)


def _new_account_errors(values: NewAccountForm, words: Sequence[str]) -> FieldErrors:
    """What is wrong with a new account, by its fields; no password holds one of the `words`."""
    errors = field_errors(identity.account_errors(values.name, values.printed_name, values.roles))
    password, repeated = values.password.get_secret_value(), values.again.get_secret_value()
    if password or repeated:
        errors |= password_errors("password", password, repeated, values.name, values.printed_name, *words)
    return errors


async def _create_command(request: Request, values: NewAccountForm) -> Command:
    """Makes the hash of the password outside of the transaction; gives what makes the account."""
    actor, secret = principal_of(request).actor, values.password.get_secret_value()
    password_hash = await run_hashing(lambda: passwords.hash_password(secret)) if secret else None
    return lambda transaction: created_address(
        identity.create_account(
            transaction,
            actor,
            name=values.name,
            printed_name=values.printed_name,
            roles=values.roles,
            password_hash=password_hash,
        )
    )


def created_address(account: Account) -> str:
    """Where an account that was just made is found."""
    return f"/accounts/{quote_segment(account.id)}?done=created"
