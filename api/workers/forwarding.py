"""Requests that only read are answered by workers, with the very routes that would answer them here.

    AuthenticationMiddleware ──► ForwardingMiddleware ──► the routes of this process (decisions, writes)
                                           │
                                           └───────► a worker: the same routes on the same database
                                           (`api/workers/reader.py`)

A page about a policy of a thousand rules takes seconds to make. Decisions must not stand still for that long, and not
for the time either that another thread keeps the interpreter's lock.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Receive, Scope, Send

from api.auth.authentication import STATE
from api.auth.permissions import EXPORT_PATHS, JOB_FILES, PERMISSIONS, ROW
from api.features.changes.editor_page import MAX_TEXTS
from api.kit.forms import MAX_FORM_BYTES
from api.kit.rendering import RunInWorker
from api.service import Service
from api.web.problems import Problem, ProblemError
from api.workers.reader import answer_request, run_for_request
from policy_service.workers.kind import WorkKind
from policy_service.workers.kinds import DRAFT_CHECKING, FILE_CHECKING, PRINTING, READING

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
"""What is read here: the state of this process, files of jobs, sign-in; and what sends its own work away."""
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
"""Every request that is answered by a worker, and what kind of work it is."""
FORWARDED_SCOPE = (
    *("type", "asgi", "http_version", "method", "scheme", "path", "raw_path", "query_string", "root_path", "headers"),
    *("client", "server"),
)
"""What of a request is sent to the worker, beside the caller."""


class ForwardingMiddleware:
    """Sends requests that only read to workers."""

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self.app = app
        self.service = service
        self._limit = MAX_TEXTS * service.settings.policy_body_limit + MAX_FORM_BYTES

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request. Raises ProblemError, ClientDisconnect, and what the worker does."""
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
    """Run in workers the work of requests that are answered here; None where there are none."""
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
    """A request as it is sent to a worker."""
    return {
        **{name: scope[name] for name in FORWARDED_SCOPE if name in scope},
        "state": {STATE: scope.get("state", {}).get(STATE)},
    }


async def _body(receive: Receive, limit: int) -> bytes:
    """The body, or as much of one that is too large as the route needs to see that. Raises ClientDisconnect."""
    body, more = b"", True
    while more and len(body) <= limit:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body
