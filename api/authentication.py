"""Who asks: the API key or the session that comes with a request, and whether they may ask for this.

| credential                                 | of                  |
|--------------------------------------------|---------------------|
| `Authorization: Bearer psk_…`              | a machine           |
| `Authorization: Bearer` a session's token  | a person's program  |
| the cookie of a session                    | a person's browser  |

A browser sends its cookie whoever made it ask; so what changes something must come from a page of this very service,
which the browser tells under `Sec-Fetch-Site` or `Origin`.
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

from api.permissions import ASKER, Access, may_ask
from api.problems import NOT_ALLOWED, NOT_AUTHENTICATED, OTHER_SITE, ProblemError
from api.service import Service
from policy_service.actor import Actor
from policy_service.identity.entrance import admit
from policy_service.identity.refusals import NotSignedIn
from policy_service.identity.sessions import SignedIn
from policy_service.identity.tokens import is_key
from policy_service.sentences import Sentence

COOKIE = "policy_service_session"
SAFE = frozenset({"GET", "HEAD"})
STATE = ASKER
CHALLENGE = 'Bearer realm="policy-service"'


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks, and by what."""

    actor: Actor
    means: Literal["key", "token", "cookie"]
    signed_in: SignedIn | None = None
    """The session, of a person."""


class Gate:
    """Lets a request through to `app` when whoever sent it may ask for it; the routes find the asker in the state."""

    def __init__(self, app: ASGIApp, service: Service, access: Callable[[Scope], Access]) -> None:
        self.app = app
        self.service = service
        self.access = access
        self._looking: asyncio.Future[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request. Raises ProblemError."""
        if scope["type"] == "http":
            access = self.access(scope)
            if access.known:
                asker = await self.ask(scope)
                scope.setdefault("state", {})[STATE] = asker
                if (verdict := may_ask(asker.actor, access)) is not True:
                    raise ProblemError(NOT_ALLOWED, verdict)
        await self.app(scope, receive, send)

    async def ask(self, scope: Scope) -> Asker:
        """Who sent a request. Raises ProblemError when that cannot be told."""
        headers = dict(scope["headers"])
        try:
            if (given := headers.get(b"authorization")) is not None:
                return await self._by_header(given.decode("latin-1"))
            if (token := session_cookie(self.service, scope)) is not None:
                refuse_other_sites(self.service, scope)
                return await self._by_session(token, "cookie")
        except NotSignedIn as error:
            challenge = f'{CHALLENGE}, error="invalid_token"'
            raise ProblemError(NOT_AUTHENTICATED, str(error), headers={"WWW-Authenticate": challenge}) from None
        told = Sentence("no credential was sent")
        raise ProblemError(NOT_AUTHENTICATED, told, headers={"WWW-Authenticate": CHALLENGE})

    async def _by_header(self, given: str) -> Asker:
        scheme, _, credential = given.partition(" ")
        if scheme.lower() != "bearer":
            raise NotSignedIn(Sentence("expected `Authorization: Bearer` with an API key or a session's token"))
        if is_key(credential):
            return await self._by_key(credential)
        return await self._by_session(credential, "token")

    async def _by_key(self, text: str) -> Asker:
        service = self.service
        while service.key_ring.is_stale:
            await self._look()
        now = service.clock.now()
        actor = service.key_ring.check(text, now)
        service.presence.key(actor.id, now)
        return Asker(actor, "key")

    async def _look(self) -> None:
        """Looks what keys there are; one looks for all who wait.

        A look that is over is none to wait for: whoever did would go on at once, and ask again, and nobody else's turn
        would ever come.
        """
        if (looking := self._looking) is None or looking.done():
            looking = self._looking = asyncio.ensure_future(run_in_threadpool(self.service.key_ring.look))
        await asyncio.shield(looking)

    async def _by_session(self, token: str, means: Literal["token", "cookie"]) -> Asker:
        service = self.service
        now = service.clock.now()
        ends, seen = service.settings.ends, service.presence.seen
        actor, signed_in = await run_in_threadpool(admit, service.database, token, now, ends, seen)
        service.presence.session(signed_in.id, now)
        return Asker(actor, means, signed_in)


def asker(request: Request) -> Asker:
    """Who sent a request that the gate let through."""
    found: Asker = getattr(request.state, STATE)
    return found


def cookie_name(service: Service, scope: Scope) -> str:
    """The cookie's name: where there is TLS, one that no other host and no plain connection can set."""
    return f"__Host-{COOKIE}" if is_secure(service, scope) else COOKIE


def session_cookie(service: Service, scope: Scope) -> str | None:
    """The token in the cookie of a session."""
    return cookies_of(scope).get(cookie_name(service, scope)) or None


def cookies_of(scope: Scope) -> dict[str, str]:
    """The cookies of a request; none when they cannot be read."""
    text = "; ".join(value.decode("latin-1") for name, value in scope["headers"] if name == b"cookie")
    try:
        return {name: morsel.value for name, morsel in SimpleCookie(text).items()}
    except CookieError:
        return {}


def is_secure(service: Service, scope: Scope) -> bool:
    """Whether people reach the service over TLS."""
    public = service.settings.public_url
    return public.startswith("https:") if public is not None else scope["scheme"] == "https"


def refuse_other_sites(service: Service, scope: Scope) -> None:
    """Raises ProblemError when a browser was made to send something by another site, or does not say by which."""
    if scope["method"] in SAFE:
        return
    headers = dict(scope["headers"])
    site = headers.get(b"sec-fetch-site")
    origin = headers.get(b"origin")
    if site is not None:
        fine = site == b"same-origin"
    else:
        fine = origin is not None and urlsplit(origin.decode("latin-1")).netloc in _hosts(service, headers)
    if not fine:
        raise ProblemError(OTHER_SITE, Sentence("the browser does not say that a page of this service asks"))


def _hosts(service: Service, headers: dict[bytes, bytes]) -> set[str]:
    public = service.settings.public_url
    if public is not None:
        return {urlsplit(public).netloc}
    return {headers.get(b"host", b"").decode("latin-1")} - {""}
