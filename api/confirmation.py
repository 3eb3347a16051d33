"""Passwords on their way in: hashed few at a time, in threads; signing in, and acts that need a password.

Strangers stand in a line of their own, so that they keep nobody waiting who is signed in; and those of one network take
at most half of its places.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal, TypeVar

from anyio import CapacityLimiter, to_thread
from pydantic import SecretStr
from starlette.requests import Request

from api.addresses import address_of
from api.authentication import asker
from api.browsers import device_cookie
from api.problems import BUSY, CONFIRMATION_NEEDED, NOT_ALLOWED, ProblemError
from api.service import Service
from policy_service.actor import Actor
from policy_service.identity import entrance
from policy_service.identity.refusals import SignInBlocked, SignInRefused
from policy_service.identity.sessions import OIDC, Started
from policy_service.identity.throttle import Origin, network_of
from policy_service.sentences import Sentence

AT_ONCE = 2
"""Passwords that are hashed at the same time, each in 64 MiB, in each of the two lines."""
WAITING = 32
"""Requests that may wait for that."""
Result = TypeVar("Result")
_strangers, _signed_in = CapacityLimiter(AT_ONCE), CapacityLimiter(AT_ONCE)
_networks: Counter[str] = Counter()
"""How many strangers of each network are in their line."""


async def hashing(act: Callable[[], Result], line: CapacityLimiter = _signed_in) -> Result:
    """What an act gives that tries or makes a password's hash. Raises ProblemError, and what the act does."""
    if line.statistics().tasks_waiting >= WAITING:
        raise _too_many(WAITING)
    return await to_thread.run_sync(act, limiter=line)


async def enter(service: Service, request: Request, name: str, password: str) -> Started:
    """A session for whoever gives the name and the password of an account.

    Raises ProblemError, SignInRefused, SignInBlocked, DatabaseUnavailable.
    """
    address = address_of(request.scope)
    origin = Origin(address, device=device_cookie(service, request.scope))
    with _noted(service, "sign_in_failed", address), _in_line(network_of(address)):
        return await hashing(
            lambda: entrance.sign_in(service.database, service.clock, name, password, origin), _strangers
        )


async def confirmed_actor(service: Service, request: Request, password: SecretStr | None) -> Actor:
    """Who asks, having just proved it for this very act: by the password, or at the provider of identities.

    Raises ProblemError, SignInBlocked, NotSignedIn, NotConfirmed.
    """
    by = asker(request)
    if by.signed_in is None:
        raise ProblemError(NOT_ALLOWED, Sentence("A machine cannot confirm who it is; this is for a person."))
    actor, signed_in = by.actor, by.signed_in
    if password is not None:
        secret, origin = password.get_secret_value(), Origin(session=signed_in.id)
        try:
            with _noted(service, "confirmation_failed", address_of(request.scope)):
                return await hashing(lambda: entrance.confirm(service.database, service.clock, actor, secret, origin))
        except SignInRefused:
            raise ProblemError(CONFIRMATION_NEEDED, Sentence("The password is wrong.")) from None
    if signed_in.method != OIDC:
        raise ProblemError(CONFIRMATION_NEEDED, Sentence("Send your password with the request."))
    return await to_thread.run_sync(
        lambda: entrance.confirmed_elsewhere(service.database, service.clock, actor, signed_in)
    )


async def change_password(service: Service, request: Request, old: SecretStr, new: SecretStr) -> None:
    """Gives the account of whoever asks another password; all its sessions end.

    Raises ProblemError, Malformed, SignInRefused, SignInBlocked, DatabaseUnavailable.
    """
    by = asker(request)
    secrets = old.get_secret_value(), new.get_secret_value()
    origin = Origin(address_of(request.scope), session=by.signed_in.id if by.signed_in else None)
    with _noted(service, "confirmation_failed", address_of(request.scope)):
        await hashing(
            lambda: entrance.change_password(
                service.database, service.clock, by.actor, *secrets, origin, words=service.settings.words
            )
        )


@contextmanager
def _in_line(network: str) -> Iterator[None]:
    """While a stranger of a network is in the line. Raises ProblemError when too many of it are."""
    if _networks[network] >= AT_ONCE + WAITING // 2:
        raise _too_many(WAITING // 2)
    _networks[network] += 1
    try:
        yield
    finally:
        _networks[network] -= 1
        if not _networks[network]:
            del _networks[network]


@contextmanager
def _noted(service: Service, event: Literal["sign_in_failed", "confirmation_failed"], address: str) -> Iterator[None]:
    """Logs a wrong password with the account, when the name is anybody's, and the address."""
    try:
        yield
    except (SignInRefused, SignInBlocked) as refusal:
        blocked = isinstance(refusal, SignInBlocked)
        service.log.warning(event, account=refusal.account, address=address, blocked=blocked)
        raise


def _too_many(count: int) -> ProblemError:
    told = Sentence("{count} others wait to sign in", count=count)
    return ProblemError(BUSY, told, headers={"Retry-After": "5"})
