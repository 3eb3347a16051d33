"""`/v1/accounts`: who may sign in, and in which roles; for administrators. Compliance vouches for signing roles."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field, StrictBool
from starlette.requests import Request
from starlette.responses import Response

from api.authentication import asker
from api.confirmation import confirmed_actor, hashing
from api.cursors import Cursor, close_cursor, open_cursor
from api.members import body_of, read_members
from api.openapi import problems
from api.problems import (
    BUSY,
    CONFIRMATION_NEEDED,
    CONFLICT,
    IDEMPOTENCY_KEY_REUSED,
    INVALID_PARAMETER,
    NOT_FOUND,
    PRECONDITION_FAILED,
    PRECONDITION_REQUIRED,
    REQUEST_IN_FLIGHT,
    TOO_MANY_ATTEMPTS,
)
from api.rest.models import Model
from api.rest.session import BODY, Password
from api.service import Service
from api.transactions import reading, writing
from api.writing import EDIT, Answer, etag, expected_etag, perform
from policy_service.actor import Actor, Role
from policy_service.database import Transaction
from policy_service.identity import passwords
from policy_service.identity import service as identity
from policy_service.identity.account import LONGEST_EXTERNAL_SUBJECT, LONGEST_ISSUER, Account, External
from policy_service.identity.refusals import Malformed

PAGE = 100
ON_ONE_LINE = "^[^\\x00-\\x1f\\x7f-\\x9f]*$"
"""No control characters, of which PostgreSQL keeps no NUL."""
VOUCHED = (
    *(CONFLICT, NOT_FOUND, INVALID_PARAMETER, PRECONDITION_FAILED, PRECONDITION_REQUIRED),
    *(REQUEST_IN_FLIGHT, IDEMPOTENCY_KEY_REUSED),
    *(CONFIRMATION_NEEDED, TOO_MANY_ATTEMPTS, BUSY),
)
Name = Annotated[str, Field(max_length=100)]
Limit = Annotated[int, Query(ge=1, le=PAGE, description="accounts on a page")]


class ExternalModel(Model):
    """How the provider of identities knows the person."""

    issuer: Annotated[str, Field(min_length=1, max_length=LONGEST_ISSUER, pattern=ON_ONE_LINE)]
    subject: Annotated[str, Field(min_length=1, max_length=LONGEST_EXTERNAL_SUBJECT, pattern=ON_ONE_LINE)]


class NewAccount(Model):
    """What an account is made from; without a password only the provider of identities lets the person in."""

    name: Name
    printed_name: Name
    roles: list[Role]
    password: Password | None = None


class AccountChanges(Model):
    """What is to be changed; what is left out stays."""

    roles: list[Role] | None = None
    enabled: StrictBool | None = None
    password: Password | None = None
    external: ExternalModel | None = None


class Vouching(Model):
    """The password of whoever vouches, if there is one."""

    password: Password | None = None


class AccountModel(Model):
    """An account as it is now."""

    id: str
    name: str
    printed_name: str
    roles: list[Role]
    waiting: list[Role]
    """Those of the roles that have no effect before somebody has vouched for the account."""
    enabled: bool
    external: ExternalModel | None
    has_own_password: bool
    """Whether nobody else gave it the password it has, if it has one."""
    etag: str
    created_at: datetime


class AccountPage(Model):
    """Some of the accounts, and how to ask for the next ones."""

    items: list[AccountModel]
    next_cursor: str | None


def account_routes(service: Service) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/v1/accounts", tags=["accounts"])
    _add_reading(router, service)
    _add_writing(router, service)
    _add_vouching(router, service)
    return router


def _add_reading(router: APIRouter, service: Service) -> None:
    @router.get("", operation_id="list_accounts", responses=problems(INVALID_PARAMETER))
    async def list_accounts(limit: Limit = PAGE, cursor: Cursor = None) -> AccountPage:
        """Every account, in the order of making."""
        after = open_cursor(cursor)
        everybody = await reading(service, identity.accounts)
        rest = [account for account in everybody.values() if account.id > after]
        more = close_cursor(rest[limit - 1].id) if len(rest) > limit else None
        return AccountPage(items=list(map(account_model, rest[:limit])), next_cursor=more)

    @router.get("/{account}", operation_id="get_account", responses=problems(NOT_FOUND, INVALID_PARAMETER))
    async def get_account(response: Response, account: str) -> AccountModel:
        """One account."""
        found = await reading(service, lambda session: identity.read_account(session, account))
        response.headers.update(etag(found.etag))
        return account_model(found)


def _add_writing(router: APIRouter, service: Service) -> None:
    @router.post(
        "",
        operation_id="create_account",
        status_code=201,
        openapi_extra=body_of(NewAccount),
        responses=problems(*BODY, CONFLICT),
    )
    async def create_account(request: Request) -> AccountModel:
        """Makes an account."""
        given, actor = await read_members(request, NewAccount), asker(request).actor
        secret, words = given.password.get_secret_value() if given.password else None, service.settings.words
        if faults := identity.faults_of(given.name, given.printed_name, given.roles, secret, words):
            raise Malformed(faults)
        kept = await _hash(given.password, given.name, given.printed_name)
        names = {"name": given.name, "printed_name": given.printed_name}
        made = await writing(
            service, lambda t: identity.create_account(t, actor, **names, roles=given.roles, password_hash=kept)
        )
        return account_model(made)

    @router.patch(
        "/{account}",
        operation_id="change_account",
        openapi_extra=body_of(AccountChanges),
        responses=problems(*BODY, CONFLICT, NOT_FOUND, INVALID_PARAMETER),
    )
    async def change_account(request: Request, account: str) -> AccountModel:
        """Changes roles, state, password or link of an account; its sessions end."""
        given, actor = await read_members(request, AccountChanges), asker(request).actor
        before = await reading(service, lambda session: identity.read_account(session, account))
        kept = await _hash(given.password, before.name, before.printed_name, *service.settings.words)
        changed = await writing(service, lambda transaction: _change(transaction, actor, account, given, kept))
        return account_model(changed)


def _add_vouching(router: APIRouter, service: Service) -> None:
    @router.post(
        "/{account}/vouch",
        operation_id="vouch_for_account",
        response_model=AccountModel,
        openapi_extra=body_of(Vouching),
        dependencies=EDIT,
        responses=problems(*BODY, *VOUCHED),
    )
    async def vouch_for_account(request: Request, account: str) -> Response:
        """Says that the account is the person's alone, as it was read: its signing roles take effect."""
        expected, given = expected_etag(request), await read_members(request, Vouching)
        actor = await confirmed_actor(service, request, given.password)

        def act(transaction: Transaction) -> Answer:
            found = account_model(identity.vouch(transaction, actor, account, expected=expected))
            return Answer(found, headers=etag(found.etag))

        return await perform(service, request, act, given)


def account_model(account: Account) -> AccountModel:
    """An account, as it is told."""
    external = account.external
    return AccountModel(
        id=account.id,
        name=account.name,
        printed_name=account.printed_name,
        roles=sorted(account.roles),
        waiting=sorted(account.waiting.roles) if account.waiting else [],
        enabled=account.enabled,
        external=ExternalModel(issuer=external.issuer, subject=external.subject) if external else None,
        has_own_password=account.has_own_password,
        etag=account.etag,
        created_at=account.created_at,
    )


def _change(
    transaction: Transaction, actor: Actor, account: str, given: AccountChanges, password_hash: str | None
) -> Account:
    if given.roles is not None:
        identity.change_roles(transaction, actor, account, given.roles)
    if given.enabled is not None:
        (identity.enable if given.enabled else identity.disable)(transaction, actor, account)
    if given.external is not None:
        identity.link(transaction, actor, account, External(given.external.issuer.rstrip("/"), given.external.subject))
    if password_hash is not None:
        identity.set_password(transaction, actor, account, password_hash)
    return identity.read_account(transaction.session, account)


async def _hash(password: Password | None, *names: str) -> str | None:
    """The hash of a new password. Raises Malformed."""
    if password is None:
        return None
    new = password.get_secret_value()
    if (fault := identity.fault_of_password(new, *names)) is not None:
        raise Malformed([fault])
    return await hashing(lambda: passwords.hash_password(new))
