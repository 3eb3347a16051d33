"""`/v1/session`: sign in, sign out, change the password, and describe the caller."""

from datetime import datetime
from typing import Annotated

from pydantic import BeforeValidator, Field, StrictBool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from api.auth.authentication import Principal, principal_of, refuse_other_sites
from api.auth.browsers import delete_session_cookie, end_session_of, set_session_cookie
from api.auth.confirmation import change_password, sign_in_with_password
from api.service import Service
from api.web.json_body import read_json_body, request_body
from api.web.openapi import problems
from api.web.problems import BUSY, OTHER_SITE, SIGN_IN_REFUSED, TOO_MANY_ATTEMPTS
from api.web.rest_router import RestRouter, ServiceOf
from api.web.schemas import BODY_PROBLEMS, Answer, Model, Password
from policy_service.actor import ActorKind, Role
from policy_service.identity.sessions import StartedSession

PASSWORD_PROBLEMS = (SIGN_IN_REFUSED, TOO_MANY_ATTEMPTS, BUSY)


class SignIn(Model):
    """Name and password; with `cookie` a browser gets the token in a cookie that no page can read."""

    name: Annotated[str, Field(min_length=1, max_length=100)]
    password: Password
    cookie: StrictBool = False


class NewPassword(Model):
    """The current password, and the new one."""

    old: Password
    new: Password


class Me(Answer):
    """The caller, the roles, and the end of the session without further requests."""

    id: str
    name: str
    printed_name: str
    kind: ActorKind
    roles: Annotated[list[Role], BeforeValidator(sorted)]
    """The effective roles."""
    waiting: str | None
    """Why roles are not effective yet."""
    method: str | None
    started_at: datetime | None
    until: datetime | None
    token: str | None = None


router = RestRouter("/v1/session", "session")


@router.post(
    "",
    operation_id="sign_in",
    status_code=201,
    response_model=Me,
    openapi_extra=request_body(SignIn),
    responses=problems(*BODY_PROBLEMS, *PASSWORD_PROBLEMS, OTHER_SITE),
)
async def sign_in_(service: ServiceOf, request: Request) -> Response:
    """Begin a session; the token is in the answer, or in a cookie."""
    body = await read_json_body(request, SignIn)
    if body.cookie:
        refuse_other_sites(service, request.scope)
    started = await sign_in_with_password(service, request, body.name, body.password.get_secret_value())
    return await session_response(service, request, started, cookie=body.cookie)


@router.get("")
async def who_am_i(service: ServiceOf, request: Request) -> Me:
    """Return the caller, the roles, and the end of the session."""
    return me_model(service, principal_of(request))


@router.delete("", operation_id="sign_out", status_code=204, response_class=Response)
async def sign_out_(service: ServiceOf, request: Request) -> Response:
    """End the session."""
    await end_session_of(service, principal_of(request))
    return delete_session_cookie(service, request, Response(status_code=204))


@router.post(
    "/password",
    operation_id="change_password",
    status_code=204,
    response_class=Response,
    openapi_extra=request_body(NewPassword),
    responses=problems(*BODY_PROBLEMS, *PASSWORD_PROBLEMS),
)
async def change_password_(service: ServiceOf, request: Request) -> Response:
    """Set the password of your account; all your sessions end."""
    body = await read_json_body(request, NewPassword)
    await change_password(service, request, body.old, body.new)
    return delete_session_cookie(service, request, Response(status_code=204))


def me_model(service: Service, principal: Principal, token: str | None = None) -> Me:
    """Return the description of the caller."""
    actor, user_session = principal.actor, principal.user_session
    return Me.from_value(
        actor,
        waiting=actor.pending_roles.reason if actor.pending_roles else None,
        method=user_session.method if user_session else None,
        started_at=user_session.started_at if user_session else None,
        until=user_session.ends_at(service.settings.session_limits) if user_session else None,
        token=token,
    )


async def session_response(service: Service, request: Request, started: StartedSession, *, cookie: bool) -> Response:
    """Return the response with a new session. Raises DatabaseUnavailable."""
    principal = Principal(started.actor, "cookie" if cookie else "token", started.user_session)
    model = me_model(service, principal, None if cookie else started.token)
    response = JSONResponse(model.model_dump(mode="json"), 201, {"cache-control": "no-store"})
    return await set_session_cookie(service, request, started, response) if cookie else response
