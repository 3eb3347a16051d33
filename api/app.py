"""The HTTP service as one application: `create_app()`.

    uvicorn --factory api.app:create_app

Everything is loaded here, before the first request: an application that exists can decide.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from api.auditing import Auditor
from api.authentication import Gate
from api.background import in_background
from api.documentation import documentation_routes
from api.examining import Examiner
from api.interpreter import share_the_interpreter
from api.openapi import SCHEMAS, decisions_path, tell_access
from api.pages.rendering import Pages
from api.pages.routes import page_routes, telling
from api.permissions import Table
from api.problems import of_http, of_parameters
from api.rest.accounts import account_routes
from api.rest.api_keys import key_routes
from api.rest.audit import audit_routes
from api.rest.changes import change_routes
from api.rest.decision_batch import batch_routes
from api.rest.decision_records import record_routes
from api.rest.decisions import PATH, DecisionRoute
from api.rest.health import health_routes, problem_routes
from api.rest.oidc import oidc_routes
from api.rest.overrides import override_routes
from api.rest.policies import policy_routes
from api.rest.review import review_routes
from api.rest.session import session_routes
from api.rest.subjects import subject_routes
from api.rest.suspensions import suspension_routes
from api.security import Guard, Tell
from api.service import Service, open_service
from api.settings import Settings, read_settings
from policy_service.clock import Clock, SystemClock

TITLE = "policy-service"
SUMMARY = "Business policies, decided exactly, with the reason in the answer"


class Application(FastAPI):
    """FastAPI, with the decision route told in its OpenAPI document though it is not one of FastAPI's."""

    service: Service
    decisions: ASGIApp
    table: Table
    shown: Mapping[str, str]
    """The versions from which the document's examples were made."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request; one for a decision goes straight to its route, which saves half of its time."""
        if scope["type"] == "http" and scope["path"] == PATH and scope["method"] == "POST":
            await self.decisions(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI document, made once for the versions in force."""
        if self.openapi_schema is None or self.shown is not self.service.decisions.in_force.window.digests:
            self.shown, self.openapi_schema = self.service.decisions.in_force.window.digests, None
            document = super().openapi()
            document["components"]["schemas"] |= SCHEMAS
            document["paths"] = {PATH: decisions_path(self.service), **document["paths"]}
            tell_access(document, self.table)
            self.openapi_schema = document
        return self.openapi_schema


def create_app(settings: Settings | None = None, clock: Clock | None = None) -> FastAPI:
    """The application; without `settings` those of the environment.

    Raises SettingsRefusedError, UnlistedRoute, PolicyError and what else `open_service` does.
    """
    service = open_service(settings or read_settings(), clock or SystemClock())
    app = Application(
        title=TITLE,
        summary=SUMMARY,
        version=_version(),
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.service = service
    app.table = table = Table()
    access = table.rows["POST", PATH]
    app.decisions = Guard(Gate(DecisionRoute(service), service, lambda _: access), service)
    examiner = Examiner(service)
    auditor = Auditor(service)
    pages = Pages(service, examiner, auditor)
    tell = telling(pages)
    routers = (
        batch_routes(service),
        record_routes(service),
        subject_routes(service),
        override_routes(service),
        policy_routes(service),
        session_routes(service),
        oidc_routes(service),
        account_routes(service),
        key_routes(service),
        change_routes(service, examiner),
        review_routes(service, examiner),
        suspension_routes(service),
        audit_routes(service, auditor),
        health_routes(service),
        problem_routes(),
        documentation_routes(app.openapi),
        *page_routes(pages),
    )
    table.refuse_unlisted([*app.routes, *(route for router in routers for route in router.routes)])
    for router in routers:
        app.include_router(router)
    app.add_middleware(Gate, service=service, access=lambda scope: table.access(scope["method"], scope["path"]))
    app.add_middleware(Guard, service=service, tell=tell)
    app.router.lifespan_context = _lifespan(service, pages)
    for kind in (HTTPException, RequestValidationError):
        app.add_exception_handler(kind, _teller(tell))
    return app


def _lifespan(service: Service, pages: Pages) -> Callable[[FastAPI], Any]:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        share_the_interpreter()
        service.log.info("ready", engine=service.settings.engine, policies=sorted(service.decider.policies))
        service.sealer.start()
        async with in_background(service):
            yield
        await pages.jobs.close()
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


def _version() -> str:
    try:
        return version(TITLE)
    except PackageNotFoundError:  # run from a folder that nobody installed
        return "0"
