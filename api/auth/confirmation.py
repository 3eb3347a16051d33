"""Password verification for signing in, and for actions that require re-authentication."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from pydantic import SecretStr
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from api.auth.authentication import principal_of
from api.auth.browsers import device_cookie
from api.service import Service
from api.web.addresses import client_address
from api.web.problems import CONFIRMATION_NEEDED, NOT_ALLOWED, ProblemError
from api.web.transactions import run_read
from policy_service.actor import Actor
from policy_service.identity import authentication, passwords
from policy_service.identity.errors import SignInFailed, SignInThrottled
from policy_service.identity.hashing import run_hashing, run_sign_in
from policy_service.identity.second_factor import enrolled_at
from policy_service.identity.sessions import OIDC, StartedSession
from policy_service.identity.throttle import Origin, network_of
from policy_service.messages import Message

CODE_HEADER = "one-time-code"
"""The header in which a program sends the code of a second factor."""
WRONG_PASSWORD = Message("The password is wrong.")
WRONG_CODE = Message("The password or the code is wrong, or the code was used before.")


async def hash_password(password: str) -> str:
    """Hash a new password. Raises LineTooLong."""
    return await run_hashing(lambda: passwords.hash_password(password))


async def sign_in_with_password(service: Service, request: Request, name: str, password: str) -> StartedSession:
    """Return a session for the name and password of an account."""
    address = client_address(request.scope)
    origin = Origin(address, device=device_cookie(service, request.scope))
    with _log_failed_password(service, "sign_in_failed", address):
        return await run_sign_in(
            lambda: authentication.sign_in(service.database, service.clock, name, password, origin), network_of(address)
        )


async def reauthenticate(
    service: Service, request: Request, password: SecretStr | None, code: str | None = ""
) -> Actor:
    """Re-authenticate the caller for this action: by password, or at the identity provider.

    If a second factor is required, the password needs a `code`, or one in the header `One-Time-Code`; a `code` of None
    requires none.

    Raises ProblemError, LineTooLong, SignInThrottled, AuthenticationFailed, ReauthenticationRequired.
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
    return await run_in_threadpool(
        lambda: authentication.use_oidc_confirmation(service.database, service.clock, actor, user_session)
    )


async def _require_second_factor(service: Service, actor: Actor) -> None:
    if await run_read(service, lambda session: enrolled_at(session, actor.id)) is None:
        raise ProblemError(CONFIRMATION_NEEDED, Message("Set up your second factor first, under “My account”."))


async def change_password(service: Service, request: Request, old: SecretStr, new: SecretStr) -> None:
    """Set the password of the caller's account; all its sessions end."""
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
def _log_failed_password(
    service: Service, event: Literal["sign_in_failed", "confirmation_failed"], address: str
) -> Iterator[None]:
    """Log a wrong password with the address and, if the name exists, the account."""
    try:
        yield
    except (SignInFailed, SignInThrottled) as error:
        blocked = isinstance(error, SignInThrottled)
        service.log.warning(event, account=error.account, address=address, blocked=blocked)
        raise
