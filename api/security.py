"""Around every answer: headers that keep browsers from guessing, and a problem for whatever was refused."""

from __future__ import annotations

from typing import Protocol

from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.logs import where
from api.permissions import route_of
from api.problems import (
    INTERNAL_ERROR,
    INVALID_PARAMETER,
    NOT_FOUND,
    OTHER_HOST,
    Problem,
    ProblemError,
    refused_parameters,
)
from api.refusals import of_library
from api.service import Service
from api.settings import Settings
from policy_service.sentences import Sentence

POLICY = (
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
"""What a page may load and where it may send: nothing but what this service itself serves, and nothing inline."""
HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (
        b"content-security-policy",
        b"; ".join(POLICY),
    ),
]
"""On every answer. No other site may read one: there are no CORS headers."""
CACHED = b"cache-control"
NOT_STORED = (CACHED, b"no-store")
"""On every answer that does not say otherwise: most hold what concerns somebody, and none needs to be kept."""


class Tell(Protocol):
    """What tells a problem to whoever asked."""

    def __call__(self, problem: Problem, scope: Scope, **more: object) -> Response:
        """The answer; `more` is for the log."""
        ...


def headers_of(settings: Settings) -> list[tuple[bytes, bytes]]:
    """The headers of every answer, with those that are set."""
    hsts = settings.strict_transport_security
    return [*HEADERS, *([(b"strict-transport-security", hsts.encode())] if hsts else [])]


class Guard:
    """The outermost layer of the service."""

    def __init__(self, app: ASGIApp, service: Service, tell: Tell | None = None) -> None:
        self.app = app
        self.service = service
        self.tell = tell or service.tell
        self._headers = headers_of(service.settings)
        self._hosts = service.settings.hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request; an unforeseen error is logged without what the caller sent, and told without its cause."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = False

        async def send_guarded(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                given = message["headers"]
                kept = [] if any(name.lower() == CACHED for name, _ in given) else [NOT_STORED]
                message["headers"] = [*given, *kept, *self._headers]
            await send(message)

        try:
            refuse_nul(scope)
            refuse_other_hosts(scope, self._hosts)
            await self.app(scope, receive, send_guarded)
        except ClientDisconnect:
            self.service.log.info("client_disconnected", route=route_of(scope))
        except ProblemError as error:
            await self.tell(error.problem, scope)(scope, receive, send_guarded)
        except Exception as error:  # noqa: BLE001  # the last line: the caller gets an answer, the log a place
            answer = self._answer(error, scope)
            if not started:
                await answer(scope, receive, send_guarded)

    def _answer(self, error: Exception, scope: Scope) -> Response:
        """What the library refused, in its own words; of anything else only that it happened."""
        if (problem := of_library(error, self.service.clock.now())) is not None:
            return self.tell(problem, scope)
        failed = Problem(INTERNAL_ERROR, Sentence("the service failed; its log says where"))
        return self.tell(failed, scope, error=type(error).__name__, where=where(error))


def refuse_other_hosts(scope: Scope, hosts: frozenset[str]) -> None:
    """Raises ProblemError when a request names another host than those that are allowed, where some are."""
    if not hosts:
        return
    named = [value.decode("latin-1").lower() for name, value in scope["headers"] if name == b"host"]
    if len(named) != 1 or _without_port(named[0]) not in hosts:
        raise ProblemError(OTHER_HOST, Sentence("the request does not name a host that is served here"))


def _without_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return name if colon and (port.isdecimal() or not port) else host


def refuse_nul(scope: Scope) -> None:
    """Raises ProblemError when an address holds the one character that PostgreSQL cannot even look for."""
    if "\0" in scope["path"]:
        raise ProblemError(NOT_FOUND, Sentence("no such address"))
    if b"%00" in scope["query_string"] or b"\0" in scope["query_string"]:
        told = refused_parameters([Sentence("a parameter holds the character NUL")])
        raise ProblemError(INVALID_PARAMETER, told, problems=[])
