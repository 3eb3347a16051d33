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

from api.auth.authentication import principal_of
from api.auth.browsers import device_cookie
from api.service import Service
from api.web.addresses import client_address
from api.web.problems import BUSY, CONFIRMATION_NEEDED, NOT_ALLOWED, ProblemError
from api.web.transactions import run_read
from policy_service.actor import Actor
from policy_service.identity import authentication, passwords
from policy_service.identity.errors import SignInFailed, SignInThrottled
from policy_service.identity.second_factor import enrolled_at
from policy_service.identity.sessions import OIDC, StartedSession
from policy_service.identity.throttle import Origin, network_of
from policy_service.messages import Message

MAX_CONCURRENT = 2
"""Passwords that are hashed at the same time, each in 64 MiB, in each of the two lines."""
MAX_WAITING = 32
"""Requests that may wait for that."""
CODE_HEADER = "one-time-code"
"""In which a program sends the code of a second factor."""
WRONG_PASSWORD = Message("The password is wrong.")
WRONG_CODE = Message("The password or the code is wrong, or the code was used before.")
Result = TypeVar("Result")
_anonymous_limiter, _session_limiter = CapacityLimiter(MAX_CONCURRENT), CapacityLimiter(MAX_CONCURRENT)
_sign_ins_by_network: Counter[str] = Counter()
"""How many strangers of each network are in their line."""


async def run_hashing(function: Callable[[], Result], limiter: CapacityLimiter = _session_limiter) -> Result:
    """Run a command that verifies or makes a password's hash. Raises ProblemError, and what the command raises."""
    if limiter.statistics().tasks_waiting >= MAX_WAITING:
        raise _too_many(MAX_WAITING)
    return await to_thread.run_sync(function, limiter=limiter)


async def hash_password(password: str) -> str:
    """Hash a new password. Raises ProblemError."""
    return await run_hashing(lambda: passwords.hash_password(password))


async def sign_in_with_password(service: Service, request: Request, name: str, password: str) -> StartedSession:
    """A session for anyone who gives the name and the password of an account.

    Raises ProblemError, SignInFailed, SignInThrottled, DatabaseUnavailable.
    """
    address = client_address(request.scope)
    origin = Origin(address, device=device_cookie(service, request.scope))
    with _log_failed_password(service, "sign_in_failed", address), _queue_slot(network_of(address)):
        return await run_hashing(
            lambda: authentication.sign_in(service.database, service.clock, name, password, origin), _anonymous_limiter
        )


async def reauthenticate(
    service: Service, request: Request, password: SecretStr | None, code: str | None = ""
) -> Actor:
    """Re-authenticate the caller for this action: by the password, or at the identity provider.

    Where a second factor is required, the password goes with a `code`, or with one in the header `One-Time-Code`; a
    `code` of None asks for none.

    Raises ProblemError, SignInThrottled, AuthenticationFailed, ReauthenticationRequired.
    """
    principal = principal_of(request)
    if principal.user_session is None:
        raise ProblemError(NOT_ALLOWED, Message("A program cannot confirm its identity; only a person can do this."))
    actor, user_session = principal.actor, principal.user_session
    if password is not None:
        secret, origin = password.get_secret_value(), Origin(session=user_session.id)
        has_factor = service.settings.second_factor == "required" and code is not None
        if has_factor:
            await _require_second_factor(service, actor)
        asked_code = (code or request.headers.get(CODE_HEADER, "")) if has_factor else None
        try:
            with _log_failed_password(service, "confirmation_failed", client_address(request.scope)):
                return await run_hashing(
                    lambda: authentication.reauthenticate(
                        service.database, service.clock, actor, secret, origin, asked_code
                    )
                )
        except SignInFailed:
            raise ProblemError(CONFIRMATION_NEEDED, WRONG_CODE if has_factor else WRONG_PASSWORD) from None
    if user_session.method != OIDC:
        raise ProblemError(CONFIRMATION_NEEDED, Message("Send your password with the request."))
    return await to_thread.run_sync(
        lambda: authentication.use_oidc_confirmation(service.database, service.clock, actor, user_session)
    )


async def _require_second_factor(service: Service, actor: Actor) -> None:
    if await run_read(service, lambda session: enrolled_at(session, actor.id)) is None:
        raise ProblemError(CONFIRMATION_NEEDED, Message("Set up your second factor first, under “My account”."))


async def change_password(service: Service, request: Request, old: SecretStr, new: SecretStr) -> None:
    """Give the account of the caller another password; all its sessions end.

    Raises ProblemError, IdentityValidationFailed, SignInFailed, SignInThrottled, DatabaseUnavailable.
    """
    principal = principal_of(request)
    secrets = old.get_secret_value(), new.get_secret_value()
    origin = Origin(
        client_address(request.scope), session=principal.user_session.id if principal.user_session else None
    )
    with _log_failed_password(service, "confirmation_failed", client_address(request.scope)):
        await run_hashing(
            lambda: authentication.change_password(
                service.database, service.clock, principal.actor, *secrets, origin, words=service.settings.words
            )
        )


@contextmanager
def _queue_slot(network: str) -> Iterator[None]:
    """While a stranger of a network is in the line. Raises ProblemError when too many of it are."""
    if _sign_ins_by_network[network] >= MAX_CONCURRENT + MAX_WAITING // 2:
        raise _too_many(MAX_WAITING // 2)
    _sign_ins_by_network[network] += 1
    try:
        yield
    finally:
        _sign_ins_by_network[network] -= 1
        if not _sign_ins_by_network[network]:
            del _sign_ins_by_network[network]


@contextmanager
def _log_failed_password(
    service: Service, event: Literal["sign_in_failed", "confirmation_failed"], address: str
) -> Iterator[None]:
    """Log a wrong password with the account, when the name is anyone's, and the address."""
    try:
        yield
    except (SignInFailed, SignInThrottled) as error:
        blocked = isinstance(error, SignInThrottled)
        service.log.warning(event, account=error.account, address=address, blocked=blocked)
        raise


def _too_many(count: int) -> ProblemError:
    detail = Message("{count} others wait to sign in", count=count)
    return ProblemError(BUSY, detail, headers={"Retry-After": "5"})
