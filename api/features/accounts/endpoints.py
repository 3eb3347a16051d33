"""`/v1/accounts`: accounts and their roles, for administrators; compliance attests signing roles."""

from datetime import datetime
from typing import Annotated

from fastapi import Query
from pydantic import BeforeValidator, Field, StrictBool
from starlette.requests import Request

from api.auth.authentication import principal_of
from api.auth.confirmation import hash_password
from api.web.json_body import read_json_body, request_body
from api.web.openapi import problems
from api.web.problems import CONFLICT, INVALID_PARAMETER, NOT_FOUND
from api.web.rest_router import ReadRequest, RestRouter, ServiceOf, WriteRequest
from api.web.schemas import BODY_PROBLEMS, Answer, Model, PageModel, Password, SignedBody, attribute
from api.web.transactions import run_read, run_write
from policy_service.actor import Actor, Role
from policy_service.database import Transaction
from policy_service.identity import queries
from policy_service.identity import service as identity
from policy_service.identity.account import MAX_EXTERNAL_SUBJECT, MAX_ISSUER, Account, ExternalIdentity
from policy_service.identity.errors import IdentityValidationFailed
from policy_service.identity.queries import AccountFilter, AccountSort, AccountStatus

ON_ONE_LINE = "^[^\\x00-\\x1f\\x7f-\\x9f]*$"
"""Text without control characters; PostgreSQL cannot store NUL."""
Name = Annotated[str, Field(max_length=100)]
WithText = Annotated[
    str, Query(max_length=200, description="only accounts whose name or printed name contains this text")
]
WithRole = Annotated[Role | None, Query(description="only accounts with this role")]
InState = Annotated[
    AccountStatus | None, Query(description="only accounts that may sign in, await attestation, or are disabled")
]


class ExternalModel(Answer):
    """The person's account at the identity provider."""

    issuer: Annotated[str, Field(min_length=1, max_length=MAX_ISSUER, pattern=ON_ONE_LINE)]
    subject: Annotated[str, Field(min_length=1, max_length=MAX_EXTERNAL_SUBJECT, pattern=ON_ONE_LINE)]


class NewAccount(Model):
    """A new account; without a password the person can only sign in at the identity provider."""

    name: Name
    printed_name: Name
    roles: list[Role]
    password: Password | None = None


class AccountChanges(Model):
    """Changes of an account; missing members are unchanged."""

    roles: list[Role] | None = None
    enabled: StrictBool | None = None
    password: Password | None = None
    external: ExternalModel | None = None


class AccountModel(Answer):
    """The current state of an account."""

    id: str
    name: str
    printed_name: str
    roles: Annotated[list[Role], BeforeValidator(sorted)]
    waiting: Annotated[list[Role], attribute("waiting_roles"), BeforeValidator(sorted)]
    """The roles that take effect once a person has attested the account."""
    enabled: bool
    external: ExternalModel | None
    has_own_password: bool
    """True if no other person set its password."""
    etag: str
    created_at: datetime


class AccountList(PageModel[AccountModel]):
    """A page of accounts, and the cursor of the next."""


router = RestRouter("/v1/accounts", "accounts")


@router.list("", "accounts", sort=AccountSort, by="name")
def list_accounts(read: ReadRequest, q: WithText = "", role: WithRole = None, state: InState = None) -> AccountList:
    """List the accounts, by name by default."""
    return AccountList.from_value(queries.list_accounts(read.session, AccountFilter(q, role, state), **read.paging))


@router.read("/{account}", NOT_FOUND)
def get_account(read: ReadRequest, account: str) -> AccountModel:
    """Return one account."""
    return AccountModel.from_value(identity.read_account(read.session, account))


@router.post("", status_code=201, openapi_extra=request_body(NewAccount), responses=problems(*BODY_PROBLEMS, CONFLICT))
async def create_account(service: ServiceOf, request: Request) -> AccountModel:
    """Create an account."""
    body, actor = await read_json_body(request, NewAccount), principal_of(request).actor
    secret, words = body.password.get_secret_value() if body.password else None, service.settings.words
    if errors := identity.account_errors(body.name, body.printed_name, body.roles, secret, words):
        raise IdentityValidationFailed(errors)
    password_hash = await _hash(body.password, body.name, body.printed_name)
    names = {"name": body.name, "printed_name": body.printed_name}
    created = await run_write(
        service, lambda t: identity.create_account(t, actor, **names, roles=body.roles, password_hash=password_hash)
    )
    return AccountModel.from_value(created)


@router.patch(
    "/{account}",
    openapi_extra=request_body(AccountChanges),
    responses=problems(*BODY_PROBLEMS, CONFLICT, NOT_FOUND, INVALID_PARAMETER),
)
async def change_account(service: ServiceOf, request: Request, account: str) -> AccountModel:
    """Change the roles, state, password or link of an account; its sessions end."""
    body, actor = await read_json_body(request, AccountChanges), principal_of(request).actor
    current = await run_read(service, lambda session: identity.read_account(session, account))
    password_hash = await _hash(body.password, current.name, current.printed_name, *service.settings.words)
    changed = await run_write(service, lambda transaction: _change(transaction, actor, account, body, password_hash))
    return AccountModel.from_value(changed)


@router.write("/{account}/attest", CONFLICT, NOT_FOUND, edit=True)
def attest_account(write: WriteRequest[SignedBody], account: str) -> AccountModel:
    """Attest that only its owner controls the account in the state that was read; its signing roles take effect."""
    return AccountModel.from_value(identity.attest(write.transaction, write.actor, account, expected=write.expected))


def _change(
    transaction: Transaction, actor: Actor, account: str, body: AccountChanges, password_hash: str | None
) -> Account:
    if body.roles is not None:
        identity.change_roles(transaction, actor, account, body.roles)
    if body.enabled is not None:
        (identity.enable if body.enabled else identity.disable)(transaction, actor, account)
    if body.external is not None:
        identity.link(
            transaction, actor, account, ExternalIdentity(body.external.issuer.rstrip("/"), body.external.subject)
        )
    if password_hash is not None:
        identity.set_password(transaction, actor, account, password_hash)
    return identity.read_account(transaction.session, account)


async def _hash(password: Password | None, *names: str) -> str | None:
    """Return the hash of a new password. Raises IdentityValidationFailed."""
    if password is None:
        return None
    new = password.get_secret_value()
    if (error := identity.password_field_error(new, *names)) is not None:
        raise IdentityValidationFailed([error])
    return await hash_password(new)
