"""`/accounts`: everybody who has an account, and new ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from fastapi import APIRouter
from pydantic import Field, SecretStr
from starlette.requests import Request
from starlette.responses import Response

from api.authentication import asker
from api.confirmation import hashing
from api.cursors import close_cursor, open_number
from api.pages.entrance.passwords import beside, faults_of_password
from api.pages.forms import Faults, Filled, FormModel, checked, read_form
from api.pages.frame import Frame
from api.pages.listing import Column, Listing, quoted
from api.pages.rendering import Do, Pages
from api.pages.vocabulary import name_of
from api.permissions import PERMISSIONS, may_ask
from api.transactions import reading
from policy_service.actor import Role
from policy_service.identity import passwords
from policy_service.identity import service as identity
from policy_service.identity.account import Account
from policy_service.sentences import Sentence

PAGE = 50
"""Accounts on a page."""
State = Literal["enabled", "disabled", "waiting"]
STATES: Sequence[tuple[State, Sentence]] = (
    ("enabled", Sentence("may sign in")),
    ("waiting", Sentence("signing roles wait")),
    ("disabled", Sentence("disabled")),
)
ROLES: Sequence[tuple[str, Sentence]] = tuple((role.value, name_of(role)) for role in Role)
COLUMNS = (
    Column("name", Sentence("Name"), sorts=True),
    Column("printed_name", Sentence("Person"), sorts=True),
    Column("roles", Sentence("Roles")),
    Column("state", Sentence("State")),
    Column("created", Sentence("Since"), sorts=True),
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

    template: ClassVar[str] = "administration/accounts.html"
    frame: Frame
    listing: Listing
    accounts: tuple[Account, ...]
    matching: int
    all: int
    may_make: bool
    roles: Sequence[tuple[str, Sentence]]
    states: Sequence[tuple[str, Sentence]]


@dataclass(frozen=True, slots=True)
class NewAccountPage:
    """The form of a new account."""

    template: ClassVar[str] = "administration/new_account.html"
    frame: Frame
    form: Filled
    roles: Sequence[tuple[str, Sentence]]
    elsewhere: bool
    """Whether there is a provider of identities to sign in at."""


def account_list_routes(pages: Pages) -> APIRouter:
    """The routes."""
    router = APIRouter(include_in_schema=False)

    @router.get("/accounts")
    async def list_accounts(request: Request) -> Response:
        """The accounts."""
        everybody = await reading(pages.service, identity.accounts)
        return pages.show(_list_page(pages, request, tuple(everybody.values())))

    @router.get("/accounts/new")
    async def new_account(request: Request) -> Response:
        """The form of a new account."""
        return pages.show(await _new_page(pages, request, pages.new_form()))

    @router.post("/accounts")
    async def make_account(request: Request) -> Response:
        """Makes an account."""
        form = await read_form(request)
        given = checked(form, NewAccountForm)
        faults = given if not isinstance(given, NewAccountForm) else _faults(given, pages.service.settings.words)
        if not isinstance(given, NewAccountForm) or faults:
            return pages.show(await _new_page(pages, request, form.filled(faults)), 422)
        return await pages.attempt(
            request, form, lambda: _making(request, given), lambda filled: _new_page(pages, request, filled)
        )

    return router


def _list_page(pages: Pages, request: Request, everybody: Sequence[Account]) -> AccountsPage:
    said = request.query_params
    filters = {name: said.get(name, "")[:100] for name in ("words", "role", "state")}
    sort = said.get("sort", "")
    sort = sort if sort.removeprefix("-") in ORDERS else "name"
    found = [account for account in everybody if _wanted(account, filters)]
    found.sort(key=ORDERS[sort.removeprefix("-")], reverse=sort.startswith("-"))
    cursor = said.get("cursor")
    first = open_number(cursor) or 0
    more = close_cursor(str(first + PAGE)) if len(found) > first + PAGE else None
    actor = asker(request).actor
    return AccountsPage(
        frame=pages.frame(request),
        listing=Listing("/accounts", filters, COLUMNS, sort, cursor, more),
        accounts=tuple(found[first : first + PAGE]),
        matching=len(found),
        all=len(everybody),
        may_make=may_ask(actor, PERMISSIONS["POST", "/accounts"]) is True,
        roles=ROLES,
        states=STATES,
    )


def _wanted(account: Account, filters: Mapping[str, str]) -> bool:
    """Whether an account is one of those that the filters leave."""
    words, role, state = filters["words"].casefold(), filters["role"], filters["state"]
    if words and words not in account.name and words not in account.printed_name.casefold():
        return False
    if role and role not in account.roles:
        return False
    match state:
        case "enabled":
            return account.enabled
        case "disabled":
            return not account.enabled
        case "waiting":
            return account.enabled and account.waiting is not None
        case _:
            return True


async def _new_page(pages: Pages, request: Request, form: Filled) -> NewAccountPage:
    return NewAccountPage(pages.frame(request), form, ROLES, pages.service.provider is not None)


def _faults(given: NewAccountForm, words: Sequence[str]) -> Faults:
    """What is wrong with a new account, by its fields; no password holds one of the `words`."""
    faults = beside(identity.faults_of(given.name, given.printed_name, given.roles))
    secret, again = given.password.get_secret_value(), given.again.get_secret_value()
    if secret or again:
        faults |= faults_of_password("password", secret, again, given.name, given.printed_name, *words)
    return faults


async def _making(request: Request, given: NewAccountForm) -> Do:
    """Makes the hash of the password outside of the transaction; gives what makes the account."""
    actor, secret = asker(request).actor, given.password.get_secret_value()
    kept = await hashing(lambda: passwords.hash_password(secret)) if secret else None
    return lambda transaction: made_at(
        identity.create_account(
            transaction,
            actor,
            name=given.name,
            printed_name=given.printed_name,
            roles=given.roles,
            password_hash=kept,
        )
    )


def made_at(account: Account) -> str:
    """Where an account that was just made is found."""
    return f"/accounts/{quoted(account.id)}?done=created"
