"""Sessions of browsers: handed over in a cookie that no page can read, and taken away again.

`SameSite=Lax` lets a director who follows a link from a mail arrive signed in. Whatever changes something comes from a
page of this very service in any case (`refuse_other_sites`), and what another site can make a browser fetch changes
nothing. A browser has one session: whoever signs in again leaves the one before.
"""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from api.authentication import Asker, cookie_name, cookies_of, is_secure, session_cookie
from api.service import Service
from api.transactions import writing
from policy_service.identity import devices
from policy_service.identity.entrance import admit
from policy_service.identity.refusals import NotSignedIn
from policy_service.identity.sessions import Started, sign_out

DEVICE = "policy_service_device"


def device_cookie(service: Service, scope: Scope) -> str | None:
    """What a browser says it is known by."""
    return cookies_of(scope).get(_device_name(service, scope)) or None


def _device_name(service: Service, scope: Scope) -> str:
    return f"__Host-{DEVICE}" if is_secure(service, scope) else DEVICE


async def signed_in_browser(service: Service, request: Request) -> Asker | None:
    """Whose session the browser has; None when it has none that is open. For pages that anybody may ask for.

    Looking does not count as asking: the session does not last longer by it. Raises DatabaseUnavailable.
    """
    if (token := session_cookie(service, request.scope)) is None:
        return None
    now, ends, seen = service.clock.now(), service.settings.ends, service.presence.seen
    try:
        actor, signed_in = await run_in_threadpool(admit, service.database, token, now, ends, seen)
    except NotSignedIn:
        return None
    return Asker(actor, "cookie", signed_in)


async def hand_over(service: Service, request: Request, started: Started, answer: Response) -> Response:
    """Puts a session that has just begun into an answer, and ends the one that the browser had before.

    Raises DatabaseUnavailable.
    """
    before = await signed_in_browser(service, request)
    if before is not None and (left := before.signed_in) is not None:
        await writing(service, lambda transaction: sign_out(transaction, before.actor, left))
    secure = is_secure(service, request.scope)
    name = cookie_name(service, request.scope)
    answer.set_cookie(name, started.token, httponly=True, samesite="lax", secure=secure)
    if started.device is not None:
        answer.set_cookie(
            _device_name(service, request.scope),
            devices.with_token(device_cookie(service, request.scope), started.device),
            max_age=int(devices.LASTS.total_seconds()),
            httponly=True,
            samesite="strict",
            secure=secure,
        )
    return answer


def take_away(service: Service, request: Request, answer: Response) -> Response:
    """Takes the cookie of a session from the browser that gets an answer."""
    secure = is_secure(service, request.scope)
    answer.delete_cookie(cookie_name(service, request.scope), httponly=True, samesite="lax", secure=secure)
    return answer
