"""`/v1/session/oidc`: to the provider of identities and back, to sign in or to confirm who you are."""

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from api.authentication import asker, cookies_of, is_secure
from api.openapi import problems
from api.problems import INVALID_PARAMETER, NOT_ALLOWED, NOT_FOUND, PROVIDER_UNAVAILABLE, SIGN_IN_REFUSED, ProblemError
from api.rest.session import Me, opened
from api.service import Service
from api.transactions import writing
from policy_service.identity.entrance import confirm_elsewhere, sign_in_elsewhere
from policy_service.identity.flows import LASTS, begin, finish, refuse_stray
from policy_service.identity.refusals import ProviderRefused

if TYPE_CHECKING:
    from policy_service.identity.oidc import Provider

COOKIE = "policy_service_oidc"
PREFIX = "/v1/session/oidc"
REFUSALS = problems(NOT_FOUND, PROVIDER_UNAVAILABLE)
Text = Annotated[str, Query(max_length=4_096)]


def oidc_routes(service: Service) -> APIRouter:
    """The routes; without a provider in the settings there is nothing at them."""
    router = APIRouter(prefix=PREFIX, tags=["session"])
    _add_leaving(router, service)
    _add_coming_back(router, service)
    return router


def _add_leaving(router: APIRouter, service: Service) -> None:
    @router.get(
        "", operation_id="sign_in_elsewhere", status_code=303, response_class=RedirectResponse, responses=REFUSALS
    )
    async def leave(request: Request) -> Response:
        """Sends a browser to the provider of identities."""
        return await _sent(service, request, None)

    @router.post(
        "/confirm",
        operation_id="confirm_elsewhere",
        status_code=303,
        response_class=RedirectResponse,
        responses=REFUSALS,
    )
    async def leave_to_confirm(request: Request) -> Response:
        """Sends a browser to the provider to prove again who its owner is; the next signature takes that."""
        signed_in = asker(request).signed_in
        if signed_in is None:
            raise ProblemError(NOT_ALLOWED, "This is for a person who is signed in.")
        return await _sent(service, request, signed_in.id)


def _add_coming_back(router: APIRouter, service: Service) -> None:
    @router.get(
        "/callback",
        operation_id="come_back",
        response_model=Me,
        status_code=201,
        responses={
            204: {"description": "It was proved again who you are."},
            **REFUSALS,
            **problems(SIGN_IN_REFUSED, INVALID_PARAMETER),
        },
    )
    async def come_back(request: Request, state: Text = "", code: Text = "") -> Response:
        """Begins a session, or confirms one, when the provider says who it is."""
        provider, browser = _provider(service), cookies_of(request.scope).get(COOKIE, "")
        flow = refuse_stray(await writing(service, lambda transaction: finish(transaction, state, browser)))
        if not code:
            raise ProviderRefused("the provider of identities did not let you in")
        proved = await provider.person(code, flow, service.clock.now())
        if flow.session is not None:
            session = flow.session
            await writing(service, lambda t: confirm_elsewhere(t, proved.external, session))
            return Response(status_code=204)
        started = await writing(service, lambda t: sign_in_elsewhere(t, proved.external))
        return opened(service, request, started, cookie=True)


async def _sent(service: Service, request: Request, session: str | None) -> Response:
    provider = _provider(service)
    flow = await writing(service, lambda transaction: begin(transaction, session))
    answer = RedirectResponse(
        await provider.address(flow, confirm=session is not None), 303, {"cache-control": "no-store"}
    )
    answer.set_cookie(
        COOKIE,
        flow.browser,
        max_age=int(LASTS.total_seconds()),
        path=PREFIX,
        httponly=True,
        samesite="lax",  # the way back begins at the provider, which is another site
        secure=is_secure(service, request.scope),
    )
    return answer


def _provider(service: Service) -> "Provider":
    if service.provider is None:
        raise ProblemError(NOT_FOUND, "no provider of identities is set")
    return service.provider
