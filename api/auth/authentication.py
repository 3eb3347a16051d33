"""Authenticates the caller by the API key or session of a request, and checks the permission.

| credential                                 | of                  |
|--------------------------------------------|---------------------|
| `Authorization: Bearer psk_…`              | a machine           |
| `Authorization: Bearer` a session's token  | a person's program  |
| the cookie of a session                    | a person's browser  |

A browser sends its cookie whichever site causes the request. So a write must come from a page of this service, as
stated by the browser in `Sec-Fetch-Site` or `Origin`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import Literal
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from api.auth.permissions import PRINCIPAL
from api.service import Service
from api.web.problems import CHALLENGE, NOT_ALLOWED, NOT_AUTHENTICATED, OTHER_SITE, ProblemError
from policy_service.access import Access, check_permission
from policy_service.actor import Actor
from policy_service.identity.authentication import authenticate_session
from policy_service.identity.errors import AuthenticationFailed
from policy_service.identity.sessions import UserSession
from policy_service.identity.tokens import is_key_like
from policy_service.messages import Message

COOKIE = "policy_service_session"
SAFE = frozenset({"GET", "HEAD"})
STATE = PRINCIPAL


@dataclass(frozen=True, slots=True)
class Principal:
    """An authenticated caller, and the kind of its credential."""

    actor: Actor
    credential: Literal["key", "token", "cookie"]
    user_session: UserSession | None = None
    """The session of a person."""


class AuthenticationMiddleware:
    """Authenticates a request, checks the permission, and stores the principal in the request's state."""

    def __init__(self, app: ASGIApp, service: Service, access: Callable[[Scope], Access]) -> None:
        self.app = app
        self.service = service
        self.access = access
        self._key_refresh: asyncio.Future[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request. Raises ProblemError."""
        if scope["type"] == "http":
            access = self.access(scope)
            if access.authenticated:
                principal = await self.authenticate(scope)
                scope.setdefault("state", {})[STATE] = principal
                if (permission := check_permission(principal.actor, access)) is not True:
                    raise ProblemError(NOT_ALLOWED, permission)
        await self.app(scope, receive, send)

    async def authenticate(self, scope: Scope) -> Principal:
        """Authenticate a request. Raises ProblemError on failure."""
        headers = dict(scope["headers"])
        try:
            if (authorization := headers.get(b"authorization")) is not None:
                return await self._authenticate_header(authorization.decode("latin-1"))
            if (token := session_cookie(self.service, scope)) is not None:
                refuse_other_sites(self.service, scope)
                return await self._authenticate_session(token, "cookie")
        except AuthenticationFailed as error:
            challenge = f'{CHALLENGE}, error="invalid_token"'
            raise ProblemError(NOT_AUTHENTICATED, str(error), headers={"WWW-Authenticate": challenge}) from None
        detail = Message("no credential was sent")
        raise ProblemError(NOT_AUTHENTICATED, detail, headers={"WWW-Authenticate": CHALLENGE})

    async def _authenticate_header(self, authorization: str) -> Principal:
        scheme, _, credential = authorization.partition(" ")
        if scheme.lower() != "bearer":
            raise AuthenticationFailed(Message("expected `Authorization: Bearer` with an API key or a session's token"))
        if is_key_like(credential):
            return await self._authenticate_key(credential)
        return await self._authenticate_session(credential, "token")

    async def _authenticate_key(self, text: str) -> Principal:
        service = self.service
        while service.key_ring.is_stale:
            await self._refresh_keys()
        now = service.clock.now()
        actor = service.key_ring.authenticate(text, now)
        service.last_used.record_key_use(actor.id, now)
        return Principal(actor, "key")

    async def _refresh_keys(self) -> None:
        """Refresh the key ring; concurrent callers share one refresh.

        A finished refresh must not be awaited again: its caller would retry at once without yielding, and no other task
        would run.
        """
        if (refresh := self._key_refresh) is None or refresh.done():
            refresh = self._key_refresh = asyncio.ensure_future(run_in_threadpool(self.service.key_ring.refresh))
        await asyncio.shield(refresh)

    async def _authenticate_session(self, token: str, credential: Literal["token", "cookie"]) -> Principal:
        service = self.service
        now = service.clock.now()
        limits, last_seen = service.settings.session_limits, service.last_used.session_last_used
        actor, user_session = await run_in_threadpool(
            authenticate_session, service.database, token, now, limits, last_seen
        )
        service.last_used.record_session_use(user_session.id, now)
        return Principal(actor, credential, user_session)


def principal_of(request: Request) -> Principal:
    """Return the principal of an authenticated request."""
    principal: Principal = getattr(request.state, STATE)
    return principal


def cookie_name(service: Service, scope: Scope) -> str:
    """Return the cookie's name: with TLS, one that no other host and no plain connection can set."""
    return f"__Host-{COOKIE}" if is_secure(service, scope) else COOKIE


def session_cookie(service: Service, scope: Scope) -> str | None:
    """Return the session token in the cookie."""
    return cookies_of(scope).get(cookie_name(service, scope)) or None


def cookies_of(scope: Scope) -> dict[str, str]:
    """Return the cookies of a request; none if they cannot be parsed."""
    text = "; ".join(value.decode("latin-1") for name, value in scope["headers"] if name == b"cookie")
    try:
        return {name: morsel.value for name, morsel in SimpleCookie(text).items()}
    except CookieError:
        return {}


def is_secure(service: Service, scope: Scope) -> bool:
    """Return True if people reach the service over TLS."""
    public = service.settings.public_url
    return public.startswith("https:") if public is not None else scope["scheme"] == "https"


def refuse_other_sites(service: Service, scope: Scope) -> None:
    """Raise ProblemError if a browser's request comes from another site, or does not state its site."""
    if scope["method"] in SAFE:
        return
    headers = dict(scope["headers"])
    site = headers.get(b"sec-fetch-site")
    origin = headers.get(b"origin")
    if site is not None:
        is_same_origin = site == b"same-origin"
    else:
        is_same_origin = origin is not None and urlsplit(origin.decode("latin-1")).netloc in _hosts(service, headers)
    if not is_same_origin:
        raise ProblemError(
            OTHER_SITE, Message("the browser does not say that the request comes from a page of this service")
        )


def _hosts(service: Service, headers: dict[bytes, bytes]) -> set[str]:
    public = service.settings.public_url
    if public is not None:
        return {urlsplit(public).netloc}
    return {headers.get(b"host", b"").decode("latin-1")} - {""}
