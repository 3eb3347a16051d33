"""`/v1/api-keys`: the API keys of machines, for administrators."""

from datetime import datetime
from typing import Annotated

from fastapi import Query
from pydantic import BeforeValidator, Field
from starlette.requests import Request

from api.auth.authentication import principal_of
from api.web.json_body import read_json_body, request_body
from api.web.openapi import problems
from api.web.problems import INVALID_PARAMETER, NOT_FOUND
from api.web.rest_router import ReadRequest, RestRouter, ServiceOf
from api.web.schemas import BODY_PROBLEMS, Answer, Model, PageModel, UtcInstant
from api.web.transactions import run_write
from policy_service.actor import Role
from policy_service.identity import queries
from policy_service.identity.api_keys import ApiKeyStatus, issue_key, revoke_key
from policy_service.identity.queries import ApiKeyFilter, ApiKeySort

WithText = Annotated[str, Query(max_length=200, description="only keys whose name contains this text")]
WithScope = Annotated[Role | None, Query(description="only keys with this scope")]
InState = Annotated[
    ApiKeyStatus | None, Query(description="filters by status: in use, expiring within 30 days, expired, revoked")
]


class NewKey(Model):
    """The fields of a new API key."""

    name: Annotated[str, Field(max_length=200)]
    scopes: list[Role]
    expires_at: UtcInstant


class KeyModel(Answer):
    """A key without its secret."""

    id: str
    name: str
    scopes: Annotated[list[Role], BeforeValidator(sorted)]
    issued_at: datetime
    issued_by: str
    expires_at: datetime
    revoked_at: datetime | None
    used_at: datetime | None


class IssuedKey(KeyModel):
    """A new key; `key` is only shown this once."""

    key: str


class KeyPage(PageModel[KeyModel]):
    """A page of keys, and the cursor of the next."""


router = RestRouter("/v1/api-keys", "api keys")


@router.list("", "keys", sort=ApiKeySort, by="-issued")
def list_api_keys(read: ReadRequest, q: WithText = "", scope: WithScope = None, state: InState = None) -> KeyPage:
    """List all keys ever issued, newest first by default."""
    criteria = ApiKeyFilter(q, scope, state)
    return KeyPage.from_value(queries.list_api_keys(read.session, criteria, read.now, **read.paging))


@router.post("", status_code=201, openapi_extra=request_body(NewKey), responses=problems(*BODY_PROBLEMS))
async def issue_api_key(service: ServiceOf, request: Request) -> IssuedKey:
    """Issue a key; the response shows it this once."""
    body, actor = await read_json_body(request, NewKey), principal_of(request).actor
    issued = await run_write(
        service, lambda t: issue_key(t, actor, name=body.name, scopes=body.scopes, expires_at=body.expires_at)
    )
    return IssuedKey.from_value(issued.key, key=issued.text)


@router.delete("/{key}", responses=problems(NOT_FOUND, INVALID_PARAMETER))
async def revoke_api_key(service: ServiceOf, request: Request, key: str) -> KeyModel:
    """Revoke a key; it is no longer accepted."""
    actor = principal_of(request).actor
    return KeyModel.from_value(await run_write(service, lambda transaction: revoke_key(transaction, actor, key)))
