"""`/openapi.json` and `/docs`: the OpenAPI document, and the same as one page without scripts.

Both are made once for the versions in force, and kept as they are sent.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import msgspec
from fastapi import APIRouter
from fastapi.openapi.utils import get_openapi
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from sqlmodel import Session
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute

from api.faces import spell_out
from api.openapi import SCHEMAS, decisions_path, tell_access
from api.permissions import Table
from api.service import Service
from api.transactions import reading
from policy_service.clock import today
from policy_service.decisions.replay import DECIDERS
from policy_service.language.policy import Policy
from policy_service.sentences import plain

Json = dict[str, Any]
HERE = Path(__file__).parent
TITLE = "policy-service"
SUMMARY = "Business policies, decided exactly, with the reason in the answer"
PUBLIC = {"cache-control": "no-cache"}
"""Whoever keeps it asks whether it is still so."""
DECISIONS = "/v1/decisions"
"""The route that is none of FastAPI's."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that can be asked for, as the page shows it."""

    method: str
    path: str
    summary: str
    description: str
    parameters: list[dict[str, Any]]
    request: str | None
    answers: list[dict[str, Any]]


class Description:
    """The OpenAPI document of routes, for the versions in force; made once for them, and kept as it is sent.

    The examples are decided by the definition, which all evaluators match, so that any process can make them.
    """

    def __init__(self, service: Service, routes: Callable[[], Sequence[BaseRoute]]) -> None:
        self._service, self._routes = service, routes
        self._pages = Environment(
            loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined
        )
        self._common: Json | None = None
        self._known: tuple[tuple[str, ...], Json, bytes, bytes] | None = None
        self._lock = threading.Lock()

    def document(self, session: Session) -> Json:
        """The document. Slow when it is not known yet."""
        return self._made(session)[1]

    def sent(self, session: Session) -> tuple[bytes, bytes]:
        """The document as JSON, and its page. Slow when they are not known yet."""
        _, _, document, page = self._made(session)
        return document, page

    def _made(self, session: Session) -> tuple[tuple[str, ...], Json, bytes, bytes]:
        service = self._service
        policies = list(service.catalogue.in_force(session, service.now()).values())
        digests = tuple(policy.digest for policy in policies)
        with self._lock:
            if self._known is None or self._known[0] != digests:
                document = self._describe(policies)
                template = self._pages.get_template("docs.html")
                page = spell_out(template.render(info=document["info"], operations=list(operations(document))))
                written = msgspec.json.encode(document, enc_hook=plain)
                self._known = digests, document, written, page.encode()
            return self._known

    def _describe(self, policies: Sequence[Policy]) -> Json:
        service, table = self._service, Table()
        if self._common is None:
            self._common = get_openapi(title=TITLE, version=_version(), summary=SUMMARY, routes=self._routes())
            self._common["components"]["schemas"] |= SCHEMAS
            tell_access(self._common, table)
        path = decisions_path(DECIDERS.of(policies), service.clock, today(service.clock, service.zone))
        deciding = {**self._common, "paths": {DECISIONS: path}}
        tell_access(deciding, table)
        return {**deciding, "paths": {**deciding["paths"], **self._common["paths"]}}


def documentation_routes(description: Description, service: Service) -> APIRouter:
    """The document, and its page."""
    router = APIRouter(include_in_schema=False)

    @router.get("/openapi.json")
    async def openapi() -> Response:
        """The document."""
        document, _ = await reading(service, description.sent)
        return Response(document, headers=PUBLIC, media_type="application/json")

    @router.get("/docs")
    async def docs() -> Response:
        """The page."""
        _, page = await reading(service, description.sent)
        return HTMLResponse(page, headers=PUBLIC)

    return router


def operations(document: dict[str, Any]) -> Iterator[Operation]:
    """Everything that can be asked for, in the order of the document."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield Operation(
                method.upper(),
                path,
                operation.get("summary", ""),
                operation.get("description", ""),
                operation.get("parameters", []),
                _example(operation.get("requestBody", {})),
                [
                    {"status": status, "description": each.get("description", ""), "example": _example(each)}
                    for status, each in operation["responses"].items()
                ],
            )


def _example(body: dict[str, Any]) -> str | None:
    for content in body.get("content", {}).values():
        for example in content.get("examples", {}).values():
            return json.dumps(example["value"], ensure_ascii=False, indent=2)
    return None


def _version() -> str:
    try:
        return version(TITLE)
    except PackageNotFoundError:  # run from a folder that nobody installed
        return "0"
