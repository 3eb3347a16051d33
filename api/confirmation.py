"""Passwords on their way in: tried few at a time, in threads, at a pace for each address; and acts that need one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from anyio import CapacityLimiter, to_thread
from pydantic import SecretStr
from starlette.requests import Request

from api.authentication import asker
from api.problems import BUSY, CONFIRMATION_NEEDED, NOT_ALLOWED, ProblemError
from api.refusals import too_many
from api.service import Service
from policy_service.actor import Actor
from policy_service.identity.entrance import confirm, confirmed_elsewhere
from policy_service.identity.refusals import SignInRefused
from policy_service.identity.sessions import OIDC
from policy_service.sentences import Sentence

AT_ONCE = 2
"""Passwords that are hashed at the same time, each in 64 MiB."""
WAITING = 32
"""Requests that may wait for that."""
Result = TypeVar("Result")
_limiter = CapacityLimiter(AT_ONCE)


async def hashing(service: Service, request: Request, act: Callable[[], Result]) -> Result:
    """What an act gives that tries or makes a password's hash. Raises ProblemError, and what the act does."""
    address = request.client.host if request.client else ""
    if (wait := service.addresses.wait(address, service.clock.now())) is not None:
        error = too_many(Sentence("too many passwords came from this address"), wait.total_seconds())
        raise ProblemError(error.kind, error.detail, headers=error.headers)
    if _limiter.statistics().tasks_waiting >= WAITING:
        told = Sentence("{count} others wait to sign in", count=WAITING)
        raise ProblemError(BUSY, told, headers={"Retry-After": "5"})
    return await to_thread.run_sync(act, limiter=_limiter)


async def confirmed_actor(service: Service, request: Request, password: SecretStr | None) -> Actor:
    """Who asks, having just proved it for this very act: by the password, or at the provider of identities.

    Raises ProblemError, SignInBlocked, NotSignedIn, NotConfirmed.
    """
    by = asker(request)
    if by.signed_in is None:
        raise ProblemError(NOT_ALLOWED, Sentence("A machine cannot confirm who it is; this is for a person."))
    actor, signed_in = by.actor, by.signed_in
    if password is not None:
        secret = password.get_secret_value()
        try:
            return await hashing(service, request, lambda: confirm(service.database, service.clock, actor, secret))
        except SignInRefused:
            raise ProblemError(CONFIRMATION_NEEDED, Sentence("The password is wrong.")) from None
    if signed_in.method != OIDC:
        raise ProblemError(CONFIRMATION_NEEDED, Sentence("Send your password with the request."))
    return await to_thread.run_sync(lambda: confirmed_elsewhere(service.database, service.clock, actor, signed_in))
