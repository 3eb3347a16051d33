"""`/openapi.json` and `/docs`: the OpenAPI document as JSON, and as a page without scripts.

Both are generated once for the versions in force, and cached as sent. The constant parts are in `openapi.json` beside
this module; the examples come from the policies served.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Sequence
from datetime import date
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
from api.web.problems import (
    BUSY,
    DATABASE_UNAVAILABLE,
    MEDIA_TYPE,
    NOT_ALLOWED,
    NOT_AUTHENTICATED,
    OTHER_SITE,
    PROBLEMS,
    ProblemType,
)
from api.web.transactions import run_read
from policy_service import Decider
from policy_service.clock import Clock, today
from policy_service.compilers.json_schema.example_request import example_request
from policy_service.decisions.answer import unrecorded_answer
from policy_service.decisions.replay import DECIDERS
from policy_service.decisions.request import DECISION_ID, MAX_POLICIES
from policy_service.language.policy import Policy
from policy_service.messages import plain_text
from policy_service.subject import ID_PATTERN, KIND, MAX_ID

Json = dict[str, Any]
FOLDER = Path(__file__).parent.parent
TITLE = "policy-service"
SUMMARY = "Business policies, decided exactly, with the reason in the answer"
PUBLIC = {"cache-control": "no-cache"}
"""Anyone who keeps it asks whether it is still so."""
DECISIONS = "/v1/decisions"
"""The route that is none of FastAPI's."""

_PARTS: Json = json.loads(Path(__file__).with_suffix(".json").read_text("utf-8"))
"""The parts that never change; what is null there, or an empty list, is put in below."""
SCHEMAS: Json = _PARTS["schemas"]
SCHEMAS["Problem"]["properties"]["type"]["enum"] = [kind.address for kind in PROBLEMS.values()]
_REQUEST: Json = SCHEMAS["DecisionRequest"]["properties"]
_REQUEST["subject"].update(maxLength=MAX_ID, pattern=ID_PATTERN)
_REQUEST["kind"]["pattern"] = f"^{KIND.pattern}$"
_REQUEST["policies"]["maxItems"] = MAX_POLICIES
_REQUEST["corrects"]["pattern"] = f"^{DECISION_ID.pattern}$"
CREDENTIALS: Json = _PARTS["credentials"]
OBJECT: Json = {"type": "object"}
BATCH: Json = _PARTS["batch"]
BATCH_ANSWER: Json = _PARTS["batch_answer"]
CHECK_BODY: Json = _PARTS["check_body"]
VERSION_ANSWERS: dict[int | str, Json] = {int(status): each for status, each in _PARTS["version_answers"].items()}


def problems(*kinds: ProblemType) -> dict[int | str, Json]:
    """Return the documented errors of a route, one entry a status."""
    responses: dict[int | str, Json] = {}
    for kind in dict.fromkeys(kinds):
        entry = responses.setdefault(
            kind.status, {"description": "", "content": {MEDIA_TYPE: {"schema": _reference("Problem")}}}
        )
        entry["description"] = "; ".join(filter(None, [entry["description"], f"`{kind.address}`: {kind.title}"]))
    return responses


def content(
    *media_types: str, description: str = "", schema: Json | None = None, refusals: Iterable[ProblemType] = ()
) -> Json:
    """Return the arguments of a route whose answer has no model: its media types, text unless a `schema` says more."""
    answer: Json = {"content": {name: {"schema": schema or {"type": "string"}} for name in media_types}}
    if description:
        answer["description"] = description
    return {"response_class": Response, "responses": {200: answer, **problems(*refusals)}}


def document_access(document: Json, table: PermissionTable) -> None:
    """Write into the document which credential each operation takes, and how it is refused without."""
    document["components"]["securitySchemes"] = CREDENTIALS
    refusals = problems(NOT_AUTHENTICATED, NOT_ALLOWED, OTHER_SITE, DATABASE_UNAVAILABLE, BUSY)
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if table.documented[method.upper(), path].authenticated:
                operation["security"] = [{name: []} for name in CREDENTIALS]
                responses = operation["responses"]
                for status, entry in refusals.items():
                    documented = responses.get(str(status), {}).get("description", "")
                    parts = (*documented.split("; "), *str(entry["description"]).split("; "))
                    description = "; ".join(dict.fromkeys(filter(None, parts)))
                    responses[str(status)] = {**entry, "description": description}


def _lift_definitions(document: Json) -> None:
    """Put the definitions of request bodies where their references point; the schemas of routes are shared, so copy."""
    schemas = document["components"]["schemas"]
    for operation in (operation for methods in document["paths"].values() for operation in methods.values()):
        if "requestBody" not in operation:
            continue
        content = {}
        for media_type, entry in operation["requestBody"]["content"].items():
            schema = dict(entry.get("schema", {}))
            for name, definition in schema.pop("$defs", {}).items():
                schemas.setdefault(name, definition)
            content[media_type] = {**entry, "schema": schema}
        operation["requestBody"] = {**operation["requestBody"], "content": content}


def _reference(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def decisions_path(decider: Decider, clock: Clock, day: date) -> Json:
    """Return the path item of `POST /v1/decisions`, with examples that are decided on a day."""
    requests = request_examples(decider, day)
    refusals = [
        PROBLEMS[name]
        for name in (
            *("malformed-json", "body-too-large", "unsupported-media-type", "request-refused", "facts-refused"),
            *("invalid-parameter", "idempotency-key-reused", "request-in-flight", "not-ready", "busy"),
        )
    ]
    return {
        "post": {
            "operationId": "decide",
            "tags": ["decisions"],
            "summary": "Decide about one subject",
            "description": (
                "Policies that those asked for need are decided too, and answered when they decide. "
                "What is answered is on record, unless it is a preview."
            ),
            "parameters": [_PARTS["idempotency_key"], _PARTS["record"]],
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": _reference("DecisionRequest"), "examples": requests}},
            },
            "responses": {
                "200": {
                    "description": "What was decided",
                    "content": {
                        "application/json": {
                            "schema": _reference("DecisionAnswer"),
                            "examples": answer_examples(decider, clock, requests),
                        }
                    },
                },
                **{str(status): entry for status, entry in problems(*refusals, PROBLEMS["internal-error"]).items()},
            },
        }
    }


def request_examples(decider: Decider, day: date) -> Json:
    """For each policy a request that decides it, from the policy's own examples."""
    policies = decider.policies
    examples = {id_: example_request(policy, policies, day) for id_, policy in sorted(policies.items())}
    return {
        id_: {"summary": policies[id_].title.en, "value": value} for id_, value in examples.items() if value is not None
    }


def answer_examples(decider: Decider, clock: Clock, requests: Json) -> Json:
    """Return the answers to those requests, made by deciding them."""
    return {id_: {"value": example_answer(decider, clock, each["value"])} for id_, each in requests.items()}


def example_answer(decider: Decider, clock: Clock, request: Json) -> Json:
    """Return the response to an example request."""
    as_of, policies = date.fromisoformat(request["as_of"]), request["policies"]
    decision = decider.decide(request["facts"], as_of=as_of, policies=policies, kind=request["kind"])
    return unrecorded_answer(decision, request["subject"], request["kind"], clock)


class OpenApiDocument:
    """The OpenAPI document of routes, generated and cached for the versions in force.

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
        """Return the document. Slow when it is not known yet."""
        return self._current(session)[1]

    def encoded(self, session: Session) -> tuple[bytes, bytes]:
        """Return the document as JSON, and its page. Slow when they are not known yet."""
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
            _lift_definitions(self._base)
            document_access(self._base, table)
        path = decisions_path(DECIDERS.get(policies), service.clock, today(service.clock, service.zone))
        decision_document = {**self._base, "paths": {DECISIONS: path}}
        document_access(decision_document, table)
        listed = self._base["paths"].get(DECISIONS, {})
        return {**decision_document, "paths": {**self._base["paths"], DECISIONS: {**path, **listed}}}


def documentation_routes(openapi_document: OpenApiDocument, service: Service) -> APIRouter:
    """Return the document, and its page."""
    router = APIRouter(include_in_schema=False)

    @router.get("/openapi.json")
    async def openapi() -> Response:
        """Return the document."""
        document, _ = await run_read(service, openapi_document.encoded)
        return Response(document, headers=PUBLIC, media_type="application/json")

    @router.get("/docs")
    async def docs() -> Response:
        """Return the page."""
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
