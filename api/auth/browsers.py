"""Sessions of browsers, in a cookie that no page can read.

With `SameSite=Lax` a director who follows a link in a mail is signed in. Writes are only accepted from pages of this
service (`refuse_other_sites`), and requests that another site can cause change nothing. A browser has one session:
signing in again ends the earlier one.
"""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from api.auth.authentication import Principal, cookie_name, cookies_of, is_secure, session_cookie
from api.service import Service
from api.web.transactions import run_write
from policy_service.identity import devices
from policy_service.identity.authentication import authenticate_session
from policy_service.identity.errors import AuthenticationFailed
from policy_service.identity.sessions import StartedSession, sign_out

DEVICE = "policy_service_device"


def device_cookie(service: Service, scope: Scope) -> str | None:
    """Return the device token sent by a browser."""
    return cookies_of(scope).get(_device_name(service, scope)) or None


def _device_name(service: Service, scope: Scope) -> str:
    return f"__Host-{DEVICE}" if is_secure(service, scope) else DEVICE


async def browser_principal(service: Service, request: Request) -> Principal | None:
    """Return the principal of the browser's session, for public pages; None without an open session.

    This does not count as use, and does not extend the session. Raises DatabaseUnavailable.
    """
    if (token := session_cookie(service, request.scope)) is None:
        return None
    now, limits, last_seen = service.clock.now(), service.settings.session_limits, service.last_used.session_last_used
    try:
        actor, user_session = await run_in_threadpool(
            authenticate_session, service.database, token, now, limits, last_seen
        )
    except AuthenticationFailed:
        return None
    return Principal(actor, "cookie", user_session)


async def set_session_cookie(
    service: Service, request: Request, started: StartedSession, response: Response
) -> Response:
    """Put a new session into a response, and end the browser's earlier one."""
    if (previous := await browser_principal(service, request)) is not None:
        await end_session_of(service, previous)
    secure = is_secure(service, request.scope)
    name = cookie_name(service, request.scope)
    response.set_cookie(name, started.token, httponly=True, samesite="lax", secure=secure)
    if started.device is not None:
        response.set_cookie(
            _device_name(service, request.scope),
            devices.with_token(device_cookie(service, request.scope), started.device),
            max_age=int(devices.LIFETIME.total_seconds()),
            httponly=True,
            samesite="strict",
            secure=secure,
        )
    return response


async def end_session_of(service: Service, principal: Principal) -> None:
    """End the session that a principal came with, if any."""
    if (user_session := principal.user_session) is not None:
        await run_write(service, lambda transaction: sign_out(transaction, principal.actor, user_session))


def delete_session_cookie(service: Service, request: Request, response: Response) -> Response:
    """Delete the session cookie of the browser that gets the response."""
    secure = is_secure(service, request.scope)
    response.delete_cookie(cookie_name(service, request.scope), httponly=True, samesite="lax", secure=secure)
    return response
