"""`/v1/session/oidc`: sign-in and re-authentication at the identity provider.

After its return a browser is redirected to the address of this service that it gave as `next`, stored in a cookie
meanwhile. A program gets its answer at the callback.
"""

from html import escape
from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote, unquote, urlsplit

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from api.auth.authentication import cookies_of, is_secure, principal_of
from api.auth.browsers import set_session_cookie
from api.features.session.endpoints import Me, session_response
from api.service import Service
from api.web.openapi import problems
from api.web.parameters import MAX_ADDRESS, safe_redirect_address
from api.web.problems import (
    INVALID_PARAMETER,
    NOT_ALLOWED,
    NOT_FOUND,
    PROVIDER_UNAVAILABLE,
    SIGN_IN_REFUSED,
    ProblemError,
)
from api.web.rest_router import ServiceOf
from api.web.transactions import run_write
from policy_service.identity.authentication import confirm_with_oidc, sign_in_with_oidc
from policy_service.identity.errors import ProviderRejected
from policy_service.identity.flows import LIFETIME, begin, finish, require_flow

if TYPE_CHECKING:
    from policy_service.identity.oidc import Provider

NO_STORE = {"cache-control": "no-store"}
COOKIE = "policy_service_oidc"
NEXT = "policy_service_oidc_next"
"""The cookie with the address for the final redirect."""
PREFIX = "/v1/session/oidc"
PROVIDER_PROBLEMS = problems(NOT_FOUND, PROVIDER_UNAVAILABLE, INVALID_PARAMETER)
# Together they fit into an address of 64 KiB, however their characters are written there.
State = Annotated[str, Query(max_length=256, description="the state that was sent to the identity provider")]
Code = Annotated[str, Query(max_length=4_096, description="the code from the identity provider")]
Next = Annotated[
    str | None,
    Query(alias="next", max_length=MAX_ADDRESS, description="the address of this service to continue at, for browsers"),
]


router = APIRouter(prefix=PREFIX, tags=["session"], default_response_class=RedirectResponse)
"""Empty if the settings have no provider."""


@router.get("", operation_id="sign_in_elsewhere", status_code=303, responses=PROVIDER_PROBLEMS)
async def leave(service: ServiceOf, request: Request, following: Next = None) -> Response:
    """Redirect a browser to the identity provider."""
    return await _start_flow(service, request, None, following)


@router.post("/confirm", operation_id="confirm_elsewhere", status_code=303, responses=PROVIDER_PROBLEMS)
async def leave_to_confirm(service: ServiceOf, request: Request, following: Next = None) -> Response:
    """Redirect a browser to the provider for re-authentication, to be used by the next signature."""
    signed_in = principal_of(request).user_session
    if signed_in is None:
        raise ProblemError(NOT_ALLOWED, "This is for a person who is signed in.")
    return await _start_flow(service, request, signed_in.id, following)


@router.get(
    "/callback",
    operation_id="come_back",
    response_class=JSONResponse,
    response_model=Me,
    status_code=201,
    responses={
        204: {"description": "It was proved again who you are."},
        303: {"description": "The same, for a browser, which is led on."},
        **PROVIDER_PROBLEMS,
        **problems(SIGN_IN_REFUSED),
    },
)
async def come_back(service: ServiceOf, request: Request, state: State = "", code: Code = "") -> Response:
    """Begin or confirm a session, once the provider has identified the person."""
    provider, browser = _provider(service), cookies_of(request.scope).get(COOKIE, "")
    flow = require_flow(await run_write(service, lambda transaction: finish(transaction, state, browser)))
    if not code:
        raise ProviderRejected("the identity provider did not let you in")
    identity = await provider.exchange_code(code, flow, service.clock.now())
    if flow.session is not None:
        session = flow.session
        await run_write(service, lambda t: confirm_with_oidc(t, identity.external, session))
        return _redirect_back(request) if _wants_page(request) else Response(status_code=204)
    started = await run_write(service, lambda t: sign_in_with_oidc(t, identity.external))
    if _wants_page(request):
        return await set_session_cookie(service, request, started, _redirect_back(request))
    return await session_response(service, request, started, cookie=True)


def _wants_page(request: Request) -> bool:
    return "text/html" in request.headers.get("accept", "")


def _redirect_back(request: Request) -> Response:
    """Redirect a browser to its stored address, never to another site."""
    address = unquote(cookies_of(request.scope).get(NEXT, ""))
    response = RedirectResponse(safe_redirect_address(address), 303, NO_STORE)
    for name in (COOKIE, NEXT):
        response.delete_cookie(name, path=PREFIX)
    return response


async def _start_flow(service: Service, request: Request, session: str | None, next_address: str | None) -> Response:
    provider = _provider(service)
    flow = await run_write(service, lambda transaction: begin(transaction, session))
    response = _redirect_to_provider(request, await provider.authorization_url(flow, confirm=session is not None))
    for name, value in ((COOKIE, flow.browser), (NEXT, quote(safe_redirect_address(next_address), safe=""))):
        response.set_cookie(
            name,
            value,
            max_age=int(LIFETIME.total_seconds()),
            path=PREFIX,
            httponly=True,
            samesite="lax",  # the way back begins at the provider, which is another site
            secure=is_secure(service, request.scope),
        )
    return response


def _redirect_to_provider(request: Request, address: str) -> Response:
    """Redirect a browser to the provider.

    After a form a redirect is not possible, since `form-action 'self'` applies to redirects too: the browser gets a
    page that continues by itself, or by its only link.
    """
    if request.method == "GET" or not _wants_page(request):
        return RedirectResponse(address, 303, NO_STORE)
    host = escape(urlsplit(address).netloc)
    page = f'<!DOCTYPE html><title>{host}</title><p><a href="{escape(address)}">{host}</a></p>'
    return HTMLResponse(page, headers={"refresh": f"0; url={address}", **NO_STORE})


def _provider(service: Service) -> "Provider":
    if service.provider is None:
        raise ProblemError(NOT_FOUND, "no identity provider is set")
    return service.provider
