"""`/openapi.json` and `/docs`: the OpenAPI document, and the same as one page without scripts.

Both are made once for the versions in force, and kept as they are sent.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
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

from api.auth.permissions import PermissionTable
from api.faces import spell_out
from api.service import Service
from api.web.openapi import SCHEMAS, decisions_path, document_access
from api.web.transactions import run_read
from policy_service.clock import today
from policy_service.decisions.replay import DECIDERS
from policy_service.language.policy import Policy
from policy_service.messages import plain_text

Json = dict[str, Any]
FOLDER = Path(__file__).parent.parent
TITLE = "policy-service"
SUMMARY = "Business policies, decided exactly, with the reason in the answer"
PUBLIC = {"cache-control": "no-cache"}
"""Anyone who keeps it asks whether it is still so."""
DECISIONS = "/v1/decisions"
"""The route that is none of FastAPI's."""


class OpenApiDocument:
    """The OpenAPI document of routes, for the versions in force; made once for them, and kept as it is sent.

    The examples are decided by the definition, which all evaluators match, so that any process can make them.
    """

    def __init__(self, service: Service, routes: Callable[[], Sequence[BaseRoute]]) -> None:
        self._service, self._routes = service, routes
        self._pages = Environment(
            loader=FileSystemLoader(FOLDER / "templates"), autoescape=True, undefined=StrictUndefined
        )
        self._pages.filters["first_example"] = _first_example
        self._base: Json | None = None
        self._cached: tuple[tuple[str, ...], Json, bytes, bytes] | None = None
        self._lock = threading.Lock()

    def document(self, session: Session) -> Json:
        """The document. Slow when it is not known yet."""
        return self._current(session)[1]

    def encoded(self, session: Session) -> tuple[bytes, bytes]:
        """The document as JSON, and its page. Slow when they are not known yet."""
        _, _, document, page = self._current(session)
        return document, page

    def _current(self, session: Session) -> tuple[tuple[str, ...], Json, bytes, bytes]:
        service = self._service
        policies = list(service.catalogue.in_force(session, service.now()).values())
        digests = tuple(policy.digest for policy in policies)
        with self._lock:
            if self._cached is None or self._cached[0] != digests:
                document = self._build(policies)
                template = self._pages.get_template("docs.html")
                page = spell_out(template.render(document=document))
                encoded = msgspec.json.encode(document, enc_hook=plain_text)
                self._cached = digests, document, encoded, page.encode()
            return self._cached

    def _build(self, policies: Sequence[Policy]) -> Json:
        service, table = self._service, PermissionTable()
        if self._base is None:
            self._base = get_openapi(title=TITLE, version=_version(), summary=SUMMARY, routes=self._routes())
            self._base["components"]["schemas"] |= SCHEMAS
            document_access(self._base, table)
        path = decisions_path(DECIDERS.get(policies), service.clock, today(service.clock, service.zone))
        decision_document = {**self._base, "paths": {DECISIONS: path}}
        document_access(decision_document, table)
        listed = self._base["paths"].get(DECISIONS, {})
        return {**decision_document, "paths": {**self._base["paths"], DECISIONS: {**path, **listed}}}


def documentation_routes(openapi_document: OpenApiDocument, service: Service) -> APIRouter:
    """The document, and its page."""
    router = APIRouter(include_in_schema=False)

    @router.get("/openapi.json")
    async def openapi() -> Response:
        """The document."""
        document, _ = await run_read(service, openapi_document.encoded)
        return Response(document, headers=PUBLIC, media_type="application/json")

    @router.get("/docs")
    async def docs() -> Response:
        """The page."""
        _, page = await run_read(service, openapi_document.encoded)
        return HTMLResponse(page, headers=PUBLIC)

    return router


def _first_example(body: dict[str, Any]) -> str | None:
    """Return the first example of a body, as JSON."""
    for content in body.get("content", {}).values():
        for example in content.get("examples", {}).values():
            return json.dumps(example["value"], ensure_ascii=False, indent=2)
    return None


def _version() -> str:
    try:
        return version(TITLE)
    except PackageNotFoundError:  # run from a folder that nobody installed
        return "0"
