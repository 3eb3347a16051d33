"""`/v1/api-keys`: what machines come in with; for administrators."""

from datetime import datetime
from typing import Annotated

from fastapi import Query
from pydantic import BeforeValidator, Field
from starlette.requests import Request

from api.auth.authentication import principal_of
from api.service import Service
from api.web.json_body import read_json_body, request_body
from api.web.openapi import problems
from api.web.parameters import Cursor
from api.web.problems import INVALID_PARAMETER, NOT_FOUND
from api.web.rest_router import RestRouter
from api.web.schemas import BODY_PROBLEMS, Answer, Model, PageModel, UtcInstant
from api.web.transactions import run_read, run_write
from policy_service.actor import Role
from policy_service.identity import queries
from policy_service.identity.api_keys import ApiKeyStatus, issue_key, revoke_key
from policy_service.identity.queries import ApiKeyFilter, ApiKeySort

PAGE = 100
Limit = Annotated[int, Query(ge=1, le=PAGE, description="keys on a page")]
WithText = Annotated[str, Query(max_length=200, description="only keys whose name has this in it")]
WithScope = Annotated[Role | None, Query(description="only keys with this scope")]
InState = Annotated[
    ApiKeyStatus | None, Query(description="only keys that are in use, end within 30 days, have ended, were revoked")
]


class NewKey(Model):
    """The fields of a new API key."""

    name: Annotated[str, Field(max_length=200)]
    scopes: list[Role]
    expires_at: UtcInstant


class KeyModel(Answer):
    """A key; its secret is not known here."""

    id: str
    name: str
    scopes: Annotated[list[Role], BeforeValidator(sorted)]
    issued_at: datetime
    issued_by: str
    expires_at: datetime
    revoked_at: datetime | None
    used_at: datetime | None


class IssuedKey(KeyModel):
    """A key that was just issued; `key` is shown this once."""

    key: str


class KeyPage(PageModel[KeyModel]):
    """A page of keys, and the cursor of the next."""


def key_routes(service: Service) -> RestRouter:
    """The routes."""
    router = RestRouter("/v1/api-keys", "api keys")

    @router.get("", operation_id="list_api_keys", responses=problems(INVALID_PARAMETER))
    async def list_api_keys(  # noqa: PLR0913  # the filters
        *,
        q: WithText = "",
        scope: WithScope = None,
        state: InState = None,
        sort: ApiKeySort = "-issued",
        limit: Limit = PAGE,
        cursor: Cursor = None,
    ) -> KeyPage:
        """Every key ever issued, the newest first by default."""
        criteria, now = ApiKeyFilter(q, scope, state), service.clock.now()
        page = await run_read(
            service, lambda s: queries.list_api_keys(s, criteria, now, sort=sort, cursor=cursor, limit=limit)
        )
        return KeyPage.from_value(page)

    @router.post(
        "",
        operation_id="issue_api_key",
        status_code=201,
        openapi_extra=request_body(NewKey),
        responses=problems(*BODY_PROBLEMS),
    )
    async def issue_api_key(request: Request) -> IssuedKey:
        """Issues a key, and shows it this once."""
        body, actor = await read_json_body(request, NewKey), principal_of(request).actor
        issued = await run_write(
            service,
            lambda t: issue_key(t, actor, name=body.name, scopes=body.scopes, expires_at=body.expires_at),
        )
        return IssuedKey.from_value(issued.key, key=issued.text)

    @router.delete("/{key}", operation_id="revoke_api_key", responses=problems(NOT_FOUND, INVALID_PARAMETER))
    async def revoke_api_key(request: Request, key: str) -> KeyModel:
        """Take a key back; from now on it opens nothing."""
        actor = principal_of(request).actor
        return KeyModel.from_value(await run_write(service, lambda transaction: revoke_key(transaction, actor, key)))

    return router
