"""The service in a worker: the same routes on the same database, which read and change nothing.

Authentication and authorisation precede this; a refusal is answered by the process that sent the request.
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
from starlette.requests import Request
from starlette.types import Message

from api.kit.rendering import Pages
from api.routes import pages_of, routers_of
from api.service import open_reader
from api.settings import Settings
from api.web.documentation import OpenApiDocument, documentation_routes
from api.web.error_mapping import library_problem
from api.web.problems import Problem, ProblemError, http_problem, parameter_problem
from policy_service.clock import SystemClock

Result = TypeVar("Result")

MAX_SERVICES = 4
"""Services that one worker reads for; a process has one, but where many are tested."""


class WorkerResponse(NamedTuple):
    """A whole answer."""

    status: int
    headers: Sequence[tuple[bytes, bytes]]
    body: bytes


@dataclass(slots=True)
class RequestClock:
    """The instant at which the request was sent here."""

    instant: datetime
    _system: SystemClock

    def now(self) -> datetime:
        return self.instant

    def new_id(self) -> UUID:
        return self._system.new_id()


@dataclass(frozen=True, slots=True)
class Reader:
    """One service, as this worker has it."""

    app: FastAPI
    pages: Pages
    clock: RequestClock


def answer_request(
    settings: Settings, now: datetime, scope: Mapping[str, Any], body: bytes
) -> WorkerResponse | Problem:
    """The answer to a request, or why there is none. Raises whatever is a fault of the service's own."""
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
    """Run `function` for a request; return its result or a problem. Raises what is a fault of the service's own."""
    reader = _reader(settings)
    reader.clock.instant = now
    return _result_or_problem(now, lambda: function(reader.pages, Request(dict(scope)), *arguments))


async def _respond(app: FastAPI, scope: dict[str, Any], body: bytes) -> WorkerResponse:
    messages = [{"type": "http.request", "body": body}]
    response = WorkerResponse(0, (), b"")
    pieces: list[bytes] = []

    async def receive() -> Message:
        return messages.pop() if messages else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
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
    except ProblemError as error:
        return error.problem
    except Exception as error:
        if (problem := library_problem(error, now)) is None:
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
        app.router.routes.extend(router.routes)  # to include a router is to build each of its routes twice
    for kind in (HTTPException, RequestValidationError):
        app.add_exception_handler(kind, _raise_problem)
    return Reader(app, pages, clock)


async def _raise_problem(request: Request, error: Exception) -> NoReturn:
    """Raise what the router rejects, for the process that sent the request."""
    match error:
        case RequestValidationError():
            raise ProblemError.from_problem(parameter_problem(error.errors())) from None
        case HTTPException():
            raise ProblemError.from_problem(http_problem(request, error)) from None
        case _:
            raise error


def warm_up(settings: Settings, now: datetime) -> None:
    """Make ready what pages need first: the service, its templates, the policies in force."""
    service = (reader := _reader(settings)).pages.service
    reader.pages.warm_up()
    with service.database.read() as session:
        service.catalogue.in_force(session, now)
