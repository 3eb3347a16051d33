"""The outermost layer: security headers for every answer, and problems for rejected requests."""

from __future__ import annotations

from typing import Protocol

from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.types import Message as AsgiMessage

from api.auth.permissions import route_of
from api.service import Service
from api.web.error_mapping import problem_or_fault
from api.web.problems import (
    INVALID_PARAMETER,
    NOT_FOUND,
    OTHER_HOST,
    Problem,
    ProblemError,
    invalid_parameters_detail,
)
from policy_service.messages import Message
from policy_service.settings import Settings

CONTENT_SECURITY_POLICY = (
    b"default-src 'none'",
    b"script-src 'self'",
    b"style-src 'self'",
    b"img-src 'self'",
    b"font-src 'self'",
    b"connect-src 'self'",
    b"form-action 'self'",
    b"frame-ancestors 'none'",
    b"base-uri 'none'",
)
"""A page may only load from, and send to, this service, and nothing inline."""
HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (
        b"content-security-policy",
        b"; ".join(CONTENT_SECURITY_POLICY),
    ),
]
"""Sent with every answer. There are no CORS headers, so no other site can read one."""
CACHE_CONTROL = b"cache-control"
NO_STORE = (CACHE_CONTROL, b"no-store")
"""Sent with every answer without its own caching header, since most contain personal data."""


class ProblemRenderer(Protocol):
    """The renderer of a problem for the client."""

    def __call__(self, problem: Problem, scope: Scope, **log_fields: object) -> Response:
        """Return the answer; `log_fields` are for the log."""
        ...


def headers_of(settings: Settings) -> list[tuple[bytes, bytes]]:
    """Return the headers of every answer, with those that are set."""
    hsts = settings.strict_transport_security
    return [*HEADERS, *([(b"strict-transport-security", hsts.encode())] if hsts else [])]


class SecurityMiddleware:
    """The outermost layer of the service."""

    def __init__(self, app: ASGIApp, service: Service, render_problem: ProblemRenderer | None = None) -> None:
        self.app = app
        self.service = service
        self.render_problem = render_problem or service.render_problem
        self._headers = headers_of(service.settings)
        self._hosts = service.settings.hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; an unforeseen error is logged without the content of the request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if scope["method"] == "HEAD":  # the server, which knows what was asked, sends no body
            scope = {**scope, "method": "GET"}
        started = False

        async def send_with_headers(message: AsgiMessage) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = message["headers"]
                cache_control = [] if any(name.lower() == CACHE_CONTROL for name, _ in headers) else [NO_STORE]
                message["headers"] = [*headers, *cache_control, *self._headers]
            await send(message)

        try:
            refuse_nul(scope)
            refuse_other_hosts(scope, self._hosts)
            await self.app(scope, receive, send_with_headers)
        except ClientDisconnect:
            self.service.log.info("client_disconnected", route=route_of(scope))
        except Exception as error:  # noqa: BLE001  # the last line: the caller gets an answer, the log a place
            problem, log_fields = problem_or_fault(error, self.service.clock.now())
            response = self.render_problem(problem, scope, **log_fields)
            if not started:
                await response(scope, receive, send_with_headers)


def refuse_other_hosts(scope: Scope, hosts: frozenset[str]) -> None:
    """Raise ProblemError if a request names a host that is not allowed, if hosts are configured."""
    if not hosts:
        return
    host_headers = [value.decode("latin-1").lower() for name, value in scope["headers"] if name == b"host"]
    if len(host_headers) != 1 or _without_port(host_headers[0]) not in hosts:
        raise ProblemError(OTHER_HOST, Message("the request does not name a host that is served here"))


def _without_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return name if colon and (port.isdecimal() or not port) else host


def refuse_nul(scope: Scope) -> None:
    """Raise ProblemError if an address contains NUL, for which PostgreSQL cannot search."""
    if "\0" in scope["path"]:
        raise ProblemError(NOT_FOUND, Message("no such address"))
    if b"%00" in scope["query_string"] or b"\0" in scope["query_string"]:
        detail = invalid_parameters_detail([Message("a parameter holds the character NUL")])
        raise ProblemError(INVALID_PARAMETER, detail, problems=[])
