"""`/v1/session`: sign in, who am I, sign out, another password."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter
from pydantic import Field, SecretStr, StrictBool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from api.authentication import Asker, asker, refuse_other_sites
from api.browsers import hand_over, take_away
from api.confirmation import change_password, enter
from api.members import body_of, read_members
from api.openapi import problems
from api.problems import (
    BODY_TOO_LARGE,
    BUSY,
    MALFORMED_JSON,
    OTHER_SITE,
    REQUEST_REFUSED,
    SIGN_IN_REFUSED,
    TOO_MANY_ATTEMPTS,
    UNSUPPORTED_MEDIA_TYPE,
)
from api.rest.models import Model
from api.service import Service
from api.transactions import writing
from policy_service.actor import ActorKind, Role
from policy_service.identity.sessions import Started, sign_out

Password = Annotated[SecretStr, Field(min_length=1, max_length=256)]
BODY = (MALFORMED_JSON, BODY_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE, REQUEST_REFUSED)
PASSWORDS = (SIGN_IN_REFUSED, TOO_MANY_ATTEMPTS, BUSY)


class SignIn(Model):
    """Name and password; `cookie` for a browser, which gets the token where no page can read it."""

    name: Annotated[str, Field(min_length=1, max_length=100)]
    password: Password
    cookie: StrictBool = False


class NewPassword(Model):
    """The password of now, and the one to be."""

    old: Password
    new: Password


class Me(Model):
    """Who asks, in which roles, and until when, unless something more is asked."""

    id: str
    name: str
    printed_name: str
    kind: ActorKind
    roles: list[Role]
    """Those that have effect."""
    waiting: str | None
    """Why roles that were given have no effect yet."""
    method: str | None
    started_at: datetime | None
    until: datetime | None
    token: str | None = None


def session_routes(service: Service) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/v1/session", tags=["session"])
    _add_session(router, service)
    _add_password(router, service)
    return router


def _add_session(router: APIRouter, service: Service) -> None:
    @router.post(
        "",
        operation_id="sign_in",
        status_code=201,
        response_model=Me,
        openapi_extra=body_of(SignIn),
        responses=problems(*BODY, *PASSWORDS, OTHER_SITE),
    )
    async def sign_in_(request: Request) -> Response:
        """Begins a session; the token is in the answer, or in a cookie."""
        given = await read_members(request, SignIn)
        if given.cookie:
            refuse_other_sites(service, request.scope)
        started = await enter(service, request, given.name, given.password.get_secret_value())
        return await opened(service, request, started, cookie=given.cookie)

    @router.get("", operation_id="who_am_i")
    async def who_am_i(request: Request) -> Me:
        """Who asks, in which roles, and when the session ends."""
        return me(service, asker(request))

    @router.delete("", operation_id="sign_out", status_code=204, response_class=Response)
    async def sign_out_(request: Request) -> Response:
        """Ends the session."""
        by = asker(request)
        if (signed_in := by.signed_in) is not None:
            await writing(service, lambda transaction: sign_out(transaction, by.actor, signed_in))
        return take_away(service, request, Response(status_code=204))


def _add_password(router: APIRouter, service: Service) -> None:
    @router.post(
        "/password",
        operation_id="change_password",
        status_code=204,
        response_class=Response,
        openapi_extra=body_of(NewPassword),
        responses=problems(*BODY, *PASSWORDS),
    )
    async def change_password_(request: Request) -> Response:
        """Gives your account another password; all your sessions end."""
        given = await read_members(request, NewPassword)
        await change_password(service, request, given.old, given.new)
        return take_away(service, request, Response(status_code=204))


def me(service: Service, by: Asker, token: str | None = None) -> Me:
    """Who asks, as it is told."""
    actor, signed_in = by.actor, by.signed_in
    return Me(
        id=actor.id,
        name=actor.name,
        printed_name=actor.printed_name,
        kind=actor.kind,
        roles=sorted(actor.roles),
        waiting=actor.waiting.why if actor.waiting else None,
        method=signed_in.method if signed_in else None,
        started_at=signed_in.started_at if signed_in else None,
        until=signed_in.until(service.settings.ends) if signed_in else None,
        token=token,
    )


async def opened(service: Service, request: Request, started: Started, *, cookie: bool) -> Response:
    """The answer that hands over a session that has just begun. Raises DatabaseUnavailable."""
    by = Asker(started.actor, "cookie" if cookie else "token", started.signed_in)
    told = me(service, by, None if cookie else started.token)
    answer = JSONResponse(told.model_dump(mode="json"), 201, {"cache-control": "no-store"})
    return await hand_over(service, request, started, answer) if cookie else answer
