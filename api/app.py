"""The HTTP service as one application: `create_app()`.

    uvicorn --factory api.app:create_app

Everything is loaded here, before the first request: an application that exists can decide.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from api.addresses import Network, forwarded_address
from api.authentication import Gate
from api.background import in_background
from api.connections import Connections, Limits
from api.documentation import Description, documentation_routes
from api.forwarding import Forwarder, elsewhere_of
from api.interpreter import share_the_interpreter
from api.pages.rendering import Pages
from api.pages.routes import telling
from api.permissions import ROW, Table
from api.problems import Problem, of_http, of_parameters
from api.reader import warm_up
from api.rest.decisions import PATH, DecisionRoute
from api.routes import pages_of, routers_of
from api.security import Guard, Tell, headers_of
from api.service import Service, open_service
from api.settings import Settings, read_settings
from api.work import READING
from api.workers import SHARED, Workers
from policy_service.clock import Clock, SystemClock

DECIDE = ("POST", PATH)


class Application(FastAPI):
    """FastAPI, with a decision route that is none of FastAPI's."""

    service: Service
    decisions: Guard
    connections: Connections
    proxies: tuple[Network, ...]
    table: Table
    described: Description

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request; one for a decision goes straight to its route, which saves half of its time."""
        if scope["type"] != "http":
            await super().__call__(scope, receive, send)
            return
        if self.proxies:
            scope["client"] = forwarded_address(scope, self.proxies), 0
        answer: Callable[[Scope, Receive, Send], Coroutine[Any, Any, None]] = super().__call__
        if scope["path"] == PATH and scope["method"] == "POST":
            answer, scope[ROW] = self.decisions, DECIDE
        await self.service.loop_watch.run(scope, answer(scope, receive, send))

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI document."""
        with self.service.database.read() as session:
            return self.described.document(session)


def create_app(settings: Settings | None = None, clock: Clock | None = None, workers: Workers = SHARED) -> FastAPI:
    """The application; without `settings` those of the environment. `workers` do what takes long.

    Raises SettingsRefusedError, UnlistedRoute, PolicyError and what else `open_service` does.
    """
    service = open_service(settings or read_settings(), clock or SystemClock(), workers)
    app = Application(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    app.service = service
    app.proxies = service.settings.proxies
    app.connections = Connections(limits_of(service.settings), _refusal(service))
    app.table = table = Table()
    access = table.rows[DECIDE]
    app.decisions = Guard(Gate(DecisionRoute(service), service, lambda _: access), service)
    pages = pages_of(service, elsewhere_of(service))
    tell = telling(pages)
    app.described = Description(service, lambda: app.routes)
    routers = (*routers_of(service, pages), documentation_routes(app.described, service))
    table.refuse_unlisted([*app.routes, *(route for router in routers for route in router.routes)])
    for router in routers:
        app.include_router(router)
    if workers.are_processes:
        app.add_middleware(Forwarder, service=service)
    app.add_middleware(Gate, service=service, access=table.access_to)
    app.add_middleware(Guard, service=service, tell=tell)
    app.router.lifespan_context = _lifespan(service, pages)
    for kind in (HTTPException, RequestValidationError):
        app.add_exception_handler(kind, _teller(tell))
    return app


def _refusal(service: Service) -> Callable[[Problem, str | None], Response]:
    """What answers that which never becomes a request."""
    headers = headers_of(service.settings)

    def refuse(problem: Problem, address: str | None) -> Response:
        answer = service.refuse_connection(problem, address)
        answer.raw_headers.extend(headers)
        return answer

    return refuse


def limits_of(settings: Settings) -> Limits:
    """The bounds of connections that are set."""
    return Limits(
        connections=settings.connection_limit,
        head_seconds=settings.head_seconds,
        body_seconds=settings.body_seconds,
    )


def _lifespan(service: Service, pages: Pages) -> Callable[[FastAPI], Any]:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        share_the_interpreter()
        service.log.info("ready", engine=service.settings.engine, policies=sorted(service.decider.policies))
        service.sealer.start()
        service.workers.of(READING).begin(warm_up, service.settings, service.now())
        async with in_background(service):
            yield
        await pages.jobs.close()
        await run_in_threadpool(service.workers.close)
        await run_in_threadpool(service.close)
        service.log.info("closed")

    return lifespan


def _teller(tell: Tell) -> Callable[[Request, Exception], Awaitable[Response]]:
    """What turns an error of the router's into an answer."""

    async def answer(request: Request, error: Exception) -> Response:
        match error:
            case RequestValidationError():
                return tell(of_parameters(error), request.scope)
            case HTTPException():
                return tell(of_http(request, error), request.scope)
            case _:
                raise error

    return answer
