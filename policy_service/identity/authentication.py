"""Sign-in, re-authentication and password change: read, verify the password outside any transaction, write the result.

Verifying a password takes a tenth of a second, during which no lock may be held. The throttle is checked again when the
result is written, so that concurrent guesses cannot exceed the limit.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

from sqlmodel import Session

from policy_service.actor import Actor
from policy_service.audit.guard import ACCOUNTS, guard_of
from policy_service.clock import Clock
from policy_service.database import Database, Transaction
from policy_service.identity import devices, failures, passwords, second_factor, sessions
from policy_service.identity.account import Account, ExternalIdentity
from policy_service.identity.errors import (
    AuthenticationFailed,
    IdentityValidationFailed,
    ProviderRejected,
    ReauthenticationRequired,
    SignInFailed,
    SignInThrottled,
)
from policy_service.identity.service import (
    find_account_by_external,
    find_account_by_name,
    password_field_error,
    read_account,
    set_password,
    store_hash,
    stored_hash,
)
from policy_service.identity.sessions import OIDC, PASSWORD, LastUseLookup, SessionLimits, StartedSession, UserSession
from policy_service.identity.throttle import Counter, Origin, counters
from policy_service.messages import Message


@dataclass(frozen=True, slots=True)
class PasswordAttempt:
    """A verified password: the name, the counters, the hash, and whether it matches."""

    name: str
    counters: tuple[Counter, ...]
    password_hash: str | None
    is_correct: bool
    new_hash: str | None = None
    """A new hash, if the stored one uses outdated parameters."""


SignInError = SignInFailed | SignInThrottled
ANYWHERE = Origin()
Result = TypeVar("Result")


def sign_in(database: Database, clock: Clock, name: str, password: str, origin: Origin = ANYWHERE) -> StartedSession:
    """Return a session for the name and password of an account."""
    attempt = attempt_password(database, clock, name, password, origin)
    with database.write(clock) as transaction:
        account_or_error = resolve_attempt(transaction, attempt)
        result = (
            sessions.start_session(transaction, account_or_error, PASSWORD)
            if isinstance(account_or_error, Account)
            else account_or_error
        )
        now = transaction.now
    started, password_hash = _unwrap(result), attempt.new_hash or attempt.password_hash
    return (
        replace(started, device=devices.issue_device_token(started.actor.id, password_hash, now))
        if password_hash is not None
        else started
    )


def reauthenticate(  # noqa: PLR0913, PLR0917  # who, by what, and where it comes from
    database: Database,
    clock: Clock,
    actor: Actor,
    password: str,
    origin: Origin = ANYWHERE,
    code: str | None = None,
) -> Actor:
    """Return the actor after verifying the password again; also a `code` unless it is None.

    A wrong code counts like a wrong password. Raises SignInFailed, SignInThrottled.
    """
    attempt = attempt_password(database, clock, actor.name, password, origin)
    with database.write(clock) as transaction:
        if attempt.is_correct and code is not None and not second_factor.use_code(transaction, actor.id, code):
            attempt = replace(attempt, is_correct=False)
        account_or_error = resolve_attempt(transaction, attempt)
        result = account_or_error.actor(transaction.now) if isinstance(account_or_error, Account) else account_or_error
    return _unwrap(result)


def use_oidc_confirmation(database: Database, clock: Clock, actor: Actor, user_session: UserSession) -> Actor:
    """Return the actor after consuming a confirmation by the identity provider.

    Raises ReauthenticationRequired if there is no fresh one.
    """
    with database.write(clock) as transaction:
        confirmed_actor = replace(actor, confirmed_at=sessions.use_confirmation(transaction, user_session.id))
        is_fresh = confirmed_actor.is_fresh(transaction.now)
    if not is_fresh:
        raise ReauthenticationRequired(
            Message("A signature needs a fresh proof of who you are: give your password, or confirm.")
        )
    return confirmed_actor


def change_password(  # noqa: PLR0913, PLR0917  # whose, from what to what, and where it comes from
    database: Database,
    clock: Clock,
    actor: Actor,
    old: str,
    new: str,
    origin: Origin = ANYWHERE,
    *,
    words: Iterable[str] = (),
) -> None:
    """Set the password of the actor's own account, and end all its sessions.

    The password must not contain the company's `words`. Raises IdentityValidationFailed, SignInFailed, SignInThrottled.
    """
    if (error := password_field_error(new, actor.name, actor.printed_name, *words)) is not None:
        raise IdentityValidationFailed([error])
    attempt = attempt_password(database, clock, actor.name, old, origin)
    password_hash = passwords.hash_password(new)
    with database.write(clock) as transaction:
        account_or_error = resolve_attempt(transaction, attempt)
        if isinstance(account_or_error, Account):
            set_password(transaction, account_or_error.actor(), account_or_error.id, password_hash)
    _unwrap(account_or_error)


def authenticate_session(
    database: Database, token: str, now: datetime, limits: SessionLimits, last_use: LastUseLookup
) -> tuple[Actor, UserSession]:
    """Return the owner of an open session, with the current roles, and the session. Raises AuthenticationFailed."""
    with database.read() as session:
        user_session = sessions.find_session(session, token, now, limits, last_use)
        _reject_unlogged_account(session, user_session.account)
        account = read_account(session, user_session.account)
    return account.actor(), user_session


def sign_in_with_oidc(transaction: Transaction, external: ExternalIdentity) -> StartedSession:
    """Return a session for a person identified by the identity provider. Raises ProviderRejected."""
    account = find_account_by_external(transaction.session, external)
    if account is None or not account.enabled:
        raise ProviderRejected(Message("no account is linked to you, or it is disabled: ask an administrator"))
    return sessions.start_session(transaction, account, OIDC)


def confirm_with_oidc(transaction: Transaction, external: ExternalIdentity, session_id: str) -> None:
    """Record that the identity provider re-authenticated the owner of a session.

    Raises ProviderRejected if it was another person, AuthenticationFailed.
    """
    account = find_account_by_external(transaction.session, external)
    if account is None or not account.enabled or sessions.session_owner(transaction, session_id) != account.id:
        raise ProviderRejected(Message("another person than the owner of this session proved their identity"))
    sessions.confirm(transaction, session_id)


def attempt_password(
    database: Database, clock: Clock, name: str, password: str, origin: Origin = ANYWHERE
) -> PasswordAttempt:
    """Verify a password, in the same time for an unknown name. Raises SignInThrottled, AuthenticationFailed."""
    with database.read() as session:
        account = find_account_by_name(session, name)
        if account is not None:
            _reject_unlogged_account(session, account.id)
        password_hash = stored_hash(session, account.id) if account is not None else None
        now, device = clock.now(), None
        if account is not None and password_hash is not None:
            device = devices.find_device(origin.device, account.id, password_hash, now)
        attempt_counters = counters(name, origin, device)
        until = failures.blocked_until(session, attempt_counters, now)
    if until is not None:
        raise SignInThrottled(until, account.name if account else None)
    is_correct = passwords.matches(password_hash or passwords.dummy_hash(), password) and password_hash is not None
    is_outdated = is_correct and password_hash is not None and passwords.is_outdated(password_hash)
    return PasswordAttempt(
        name, attempt_counters, password_hash, is_correct, passwords.hash_password(password) if is_outdated else None
    )


def resolve_attempt(transaction: Transaction, attempt: PasswordAttempt) -> Account | SignInError:
    """Return the account of the password, or why sign-in fails: returned, not raised, since it must be recorded."""
    session = transaction.session
    account = find_account_by_name(session, attempt.name)
    account_name = account.name if account else None
    if (until := failures.blocked_until(session, attempt.counters, transaction.now)) is not None:
        return SignInThrottled(until, account_name)
    if (
        attempt.is_correct
        and account is not None
        and account.enabled
        and stored_hash(session, account.id) == attempt.password_hash
    ):
        failures.reset_failures(transaction, attempt.counters[0])
        if attempt.new_hash is not None:
            store_hash(transaction, account.id, attempt.new_hash)
        return account
    until = failures.record_failure(transaction, attempt.name, attempt.counters, account)
    return SignInFailed(account_name) if until is None else SignInThrottled(until, account_name)


def _reject_unlogged_account(session: Session, account: str) -> None:
    """Reject sign-in by rows that the log does not record. Raises AuthenticationFailed."""
    guard = guard_of(session)
    if guard is not None and not guard.owner_matches(session, ACCOUNTS, account):
        raise AuthenticationFailed(Message("the account differs from the log: tell the administrator of the service"))


def _unwrap(result: Result | SignInError) -> Result:
    """Return the result, or raise it if it is an error, after it was recorded."""
    if isinstance(result, SignInFailed | SignInThrottled):
        raise result
    return result
