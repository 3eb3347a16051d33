"""Forwards read-only requests to workers, which have the same routes as this process.

    AuthenticationMiddleware ──► ForwardingMiddleware ──► the routes of this process (decisions, writes)
                                           │
                                           └───────► a worker: the same routes on the same database

A page about a policy of a thousand rules takes seconds to build. Decisions must not wait that long, nor for another
thread that holds the interpreter's lock.

A worker only reads. Authentication and authorisation come first; a rejection is answered by the process that received
the request.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, lru_cache
from typing import Any, NamedTuple, NoReturn, TypeVar
from uuid import UUID

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.types import Message as AsgiMessage

from api.auth.authentication import STATE
from api.auth.permissions import EXPORT_PATHS, JOB_FILES, PERMISSIONS, ROW
from api.features.changes.new_change import MAX_TEXTS
from api.kit.forms import MAX_FORM_BYTES
from api.kit.rendering import Pages, RunInWorker
from api.routes import pages_of, routers_of
from api.service import Service, open_reader
from api.web.error_mapping import problem_of
from api.web.openapi import OpenApiDocument, documentation_routes
from api.web.problems import Problem, ProblemError, router_problem
from policy_service.clock import SystemClock
from policy_service.settings import Settings
from policy_service.workers.kind import WorkKind
from policy_service.workers.kinds import DRAFT_CHECKING, FILE_CHECKING, PRINTING, READING

Result = TypeVar("Result")

MAX_SERVICES = 4
"""Maximum number of services per worker; a process has one, except in tests."""
LOCAL_ROUTES = frozenset(
    {
        "/healthz",
        "/readyz",
        "/metrics",
        "/problems",
        "/problems/{name}",
        "/static/{name}",
        "/sign-in",
        "/v1/session",
        "/v1/session/oidc",
        "/v1/session/oidc/callback",
        "/",
        "/changes/{change}/draft",
        "/changes/{change}/movers.csv",
        "/changes/{change}/actual-effect.csv",
        "/v1/changes/{change}/simulation/movers",
        "/packs",
        "/reevaluations",
        "/subjects/merge",
        "/data-checks",
        "/runs",
        "/populations/new",
        "/benchmarks",
        "/v1/audit/verify",
        "/v1/jobs/{job}/file",
        "/v1/audit/export",
        *EXPORT_PATHS,
        *JOB_FILES,
    }
)
"""Routes read in this process: its own state, files of jobs, sign-in; and those that use workers themselves."""
FORWARDED: Mapping[tuple[str, str], WorkKind] = {
    **{row: READING for row in PERMISSIONS if row[0] == "GET" and row[1] not in LOCAL_ROUTES},
    ("POST", "/policies/{domain}/{policy}/try"): READING,
    ("POST", "/v1/decisions/{decision}/replay"): READING,
    ("POST", "/v1/policies/check"): FILE_CHECKING,
    ("POST", "/v1/policies/cross-groups"): FILE_CHECKING,
    ("GET", "/changes/{change}/report"): DRAFT_CHECKING,
    ("GET", "/v1/changes/{change}/report"): DRAFT_CHECKING,
    ("GET", "/changes/{change}/dossier.pdf"): PRINTING,
}
"""Every forwarded route, and its kind of work."""
FORWARDED_SCOPE = (
    *("type", "asgi", "http_version", "method", "scheme", "path", "raw_path", "query_string", "root_path", "headers"),
    *("client", "server"),
)
"""The parts of a request sent to the worker, besides the caller."""


class ForwardingMiddleware:
    """Forwards read-only requests to workers."""

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self.app = app
        self.service = service
        self._limit = MAX_TEXTS * service.settings.policy_body_limit + MAX_FORM_BYTES

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request. Raises ProblemError, ClientDisconnect, and what the worker does."""
        kind = FORWARDED.get(scope[ROW]) if scope["type"] == "http" else None
        if kind is None:
            await self.app(scope, receive, send)
            return
        service = self.service
        service.workers.pool(kind).refuse_when_busy()
        body = b"" if scope["method"] in {"GET", "HEAD"} else await _body(receive, self._limit)
        response = await service.work(
            kind, answer_request, service.settings, service.now(), forwarded_scope(scope), body
        )
        if isinstance(response, Problem):
            raise ProblemError.from_problem(response)
        await send({"type": "http.response.start", "status": response.status, "headers": list(response.headers)})
        await send({"type": "http.response.body", "body": response.body})


def worker_runner_of(service: Service) -> RunInWorker | None:
    """Return a runner that uses workers for requests answered here; None if there are none."""
    if not service.workers.are_processes:
        return None

    async def run_in_worker(
        kind: WorkKind, request: Request, function: Callable[..., Awaitable[Any]], arguments: Sequence[object]
    ) -> Any:  # noqa: ANN401  # whatever it finds
        about = (service.settings, service.now(), forwarded_scope(request.scope))
        result = await service.work(kind, run_for_request, *about, function, arguments)
        if isinstance(result, Problem):
            raise ProblemError.from_problem(result)
        return result

    return run_in_worker


def forwarded_scope(scope: Scope) -> dict[str, Any]:
    """Return a request in the form sent to a worker."""
    return {
        **{name: scope[name] for name in FORWARDED_SCOPE if name in scope},
        "state": {STATE: scope.get("state", {}).get(STATE)},
    }


async def _body(receive: Receive, limit: int) -> bytes:
    """Return the body, or enough of an oversized one for the route to reject it. Raises ClientDisconnect."""
    body, more = b"", True
    while more and len(body) <= limit:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


# ------------------------------------------------------------------------------------------------- in the worker


class WorkerResponse(NamedTuple):
    """A complete answer."""

    status: int
    headers: Sequence[tuple[bytes, bytes]]
    body: bytes


@dataclass(slots=True)
class RequestClock:
    """A clock that stands at the time of the request."""

    instant: datetime
    _system: SystemClock

    def now(self) -> datetime:
        return self.instant

    def new_id(self) -> UUID:
        return self._system.new_id()


@dataclass(frozen=True, slots=True)
class Reader:
    """One service in this worker."""

    app: FastAPI
    pages: Pages
    clock: RequestClock


def answer_request(
    settings: Settings, now: datetime, scope: Mapping[str, Any], body: bytes
) -> WorkerResponse | Problem:
    """Return the answer to a request, or its problem. Raises unexpected errors."""
    reader = _reader(settings)
    reader.clock.instant = now
    return _result_or_problem(now, lambda: _respond(reader.app, dict(scope), body))


def run_for_request(
    settings: Settings,
    now: datetime,
    scope: Mapping[str, Any],
    function: Callable[..., Awaitable[Result]],
    arguments: Sequence[Any],
) -> Result | Problem:
    """Run `function` for a request; return its result or a problem. Raises unexpected errors."""
    reader = _reader(settings)
    reader.clock.instant = now
    return _result_or_problem(now, lambda: function(reader.pages, Request(dict(scope)), *arguments))


async def _respond(app: FastAPI, scope: dict[str, Any], body: bytes) -> WorkerResponse:
    messages = [{"type": "http.request", "body": body}]
    response = WorkerResponse(0, (), b"")
    pieces: list[bytes] = []

    async def receive() -> AsgiMessage:
        return messages.pop() if messages else {"type": "http.disconnect"}

    async def send(message: AsgiMessage) -> None:
        nonlocal response
        if message["type"] == "http.response.start":
            response = WorkerResponse(message["status"], message["headers"], b"")
        else:
            pieces.append(message.get("body", b""))

    await app(scope, receive, send)
    return response._replace(body=b"".join(pieces))


def _result_or_problem(now: datetime, function: Callable[[], Awaitable[Result]]) -> Result | Problem:
    """Return the result, or the problem that prevents it."""

    async def run() -> Result:
        return await function()

    try:
        return _loop().run_until_complete(run())
    except Exception as error:
        if (problem := problem_of(error, now)) is None:
            raise
        return problem


@cache
def _loop() -> asyncio.AbstractEventLoop:
    return asyncio.new_event_loop()


@lru_cache(maxsize=MAX_SERVICES)
def _reader(settings: Settings) -> Reader:
    clock = RequestClock(SystemClock().now(), SystemClock())
    service = open_reader(settings, clock)
    pages = pages_of(service)
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    app.state.service, app.state.jobs = service, pages.jobs
    description = OpenApiDocument(service, lambda: app.routes)
    for router in (*routers_of(pages), documentation_routes(description, service)):
        app.router.routes.extend(router.routes)  # including a router would build each of its routes twice
    for kind in (HTTPException, RequestValidationError):
        app.add_exception_handler(kind, _raise_problem)
    return Reader(app, pages, clock)


async def _raise_problem(request: Request, error: Any) -> NoReturn:  # noqa: ANN401  # as it was registered for
    """Raise the router's rejection, for the process that received the request."""
    raise ProblemError.from_problem(router_problem(request, error)) from None


def warm_up(settings: Settings, now: datetime) -> None:
    """Load what pages need first: the service, its templates, the policies in force."""
    service = (reader := _reader(settings)).pages.service
    reader.pages.warm_up()
    with service.database.read() as session:
        service.catalogue.in_force(session, now)
