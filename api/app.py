"""The HTTP service as one application: `create_app()`.

    uvicorn --factory api.app:create_app

Everything is loaded before the first request: once created, the application can decide.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from api.auth.authentication import AuthenticationMiddleware
from api.auth.permissions import ROW, PermissionTable, route_of
from api.features.decisions.endpoints import PATH, DecisionRoute
from api.features.populations.registration import keep_up
from api.features.reevaluations.jobs import reevaluate_activated
from api.kit.rendering import Pages
from api.page_routes import problem_renderer
from api.routes import pages_of, routers_of
from api.service import Service, open_service
from api.web.addresses import forwarded_address
from api.web.connections import Connections, Limits
from api.web.openapi import OpenApiDocument, documentation_routes
from api.web.problems import Problem, router_problem
from api.web.security import ProblemRenderer, SecurityMiddleware, headers_of
from api.workers.background import background_tasks, check_file
from api.workers.forwarding import ForwardingMiddleware, warm_up, worker_runner_of
from policy_service.clock import Clock, SystemClock
from policy_service.jobs.runner import Jobs
from policy_service.settings import Network, Settings, read_settings
from policy_service.workers.interpreter import tune_interpreter
from policy_service.workers.kinds import READING
from policy_service.workers.pool import SHARED, Workers

DECIDE = ("POST", PATH)


class Application(FastAPI):
    """FastAPI with a decision route that bypasses FastAPI."""

    service: Service
    decision_route: SecurityMiddleware
    connections: Connections
    proxies: tuple[Network, ...]
    table: PermissionTable
    openapi_document: OpenApiDocument
    jobs: Jobs

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; a decision goes directly to its route, which halves its time."""
        if scope["type"] != "http":
            await super().__call__(scope, receive, send)
            return
        if self.proxies:
            scope["client"] = forwarded_address(scope, self.proxies), 0
        handle: Callable[[Scope, Receive, Send], Coroutine[Any, Any, None]] = super().__call__
        if scope["path"] == PATH and scope["method"] == "POST":
            handle, scope[ROW] = self.decision_route, DECIDE
        await self.service.loop_watch.run(handle(scope, receive, send), partial(route_of, scope))

    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI document."""
        with self.service.database.read() as session:
            return self.openapi_document.document(session)


def create_app(settings: Settings | None = None, clock: Clock | None = None, workers: Workers = SHARED) -> FastAPI:
    """Return the application, with `settings` or those of the environment. `workers` run long work.

    Raises InvalidSettingsError, UnlistedRoute, PolicyError and what `open_service` does.
    """
    service = open_service(settings or read_settings(), clock or SystemClock(), workers)
    app = Application(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    app.service = app.state.service = service
    app.proxies = service.settings.proxies
    app.connections = Connections(limits_of(service.settings), _connection_problem_renderer(service))
    app.table = table = PermissionTable()
    access = table.rows[DECIDE]
    app.decision_route = SecurityMiddleware(
        AuthenticationMiddleware(DecisionRoute(service), service, lambda _: access), service
    )
    pages = pages_of(service, worker_runner_of(service))
    app.jobs = app.state.jobs = pages.jobs
    render_problem = problem_renderer(pages)
    app.openapi_document = OpenApiDocument(service, lambda: app.routes)
    routers = (*routers_of(pages), documentation_routes(app.openapi_document, service))
    table.refuse_unlisted([*app.routes, *(route for router in routers for route in router.routes)])
    for router in routers:
        app.router.routes.extend(router.routes)  # including a router would build each of its routes twice
    if workers.are_processes:
        app.add_middleware(ForwardingMiddleware, service=service)
    app.add_middleware(AuthenticationMiddleware, service=service, access=table.access_to)
    app.add_middleware(SecurityMiddleware, service=service, render_problem=render_problem)
    app.router.lifespan_context = _lifespan(service, pages)
    for kind in (HTTPException, RequestValidationError):
        app.add_exception_handler(kind, _error_handler(render_problem))
    return app


def _connection_problem_renderer(service: Service) -> Callable[[Problem, str | None], Response]:
    """Return the renderer of problems that occur before there is a request."""
    headers = headers_of(service.settings)

    def render(problem: Problem, address: str | None) -> Response:
        response = service.render_connection_problem(problem, address)
        response.raw_headers.extend(headers)
        return response

    return render


def limits_of(settings: Settings) -> Limits:
    """Return the limits of connections from the settings."""
    return Limits(
        connections=settings.connection_limit,
        head_seconds=settings.head_seconds,
        body_seconds=settings.body_seconds,
    )


def _lifespan(service: Service, pages: Pages) -> Callable[[FastAPI], Any]:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        tune_interpreter()
        service.log.info("service_started", engine=service.settings.engine, policies=sorted(service.decider.policies))
        service.sealer.start()
        service.workers.pool(READING).begin(warm_up, service.settings, service.now())
        reevaluating = reevaluate_activated(service, pages.jobs)
        others = (pages.jobs.maintain(), reevaluating, keep_up(service), check_file(service))
        async with background_tasks(service, *others):
            yield
        await pages.jobs.close()
        await run_in_threadpool(service.workers.close)
        await run_in_threadpool(service.close)
        service.log.info("service_stopped")

    return lifespan


def _error_handler(render_problem: ProblemRenderer) -> Callable[[Request, Exception], Awaitable[Response]]:
    """Return the handler that turns an error of the router into a response."""

    async def handle_error(request: Request, error: Any) -> Response:  # noqa: ANN401  # as it was registered for
        return render_problem(router_problem(request, error), request.scope)

    return handle_error
