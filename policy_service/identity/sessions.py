"""Sessions of people: begin with authentication; end by inactivity, age, signing out, or a change of the account.

| a session ends                                                                      | after      |
|-------------------------------------------------------------------------------------|------------|
| when it was not used                                                      | 30 minutes |
| in any case                                                                         | 12 hours   |
| when the person signs out, or the account's password, roles or state are changed   | at once    |

Both times are settings. A confirmation is a re-authentication within a session, for a signature.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from policy_service.actor import Actor
from policy_service.audit.coverage import column_values
from policy_service.audit.events import SignedIn as SignedInEvent
from policy_service.audit.events import SignedOut
from policy_service.audit.guard import guard_of
from policy_service.audit.log import append
from policy_service.database import Transaction
from policy_service.database.declared import table_of
from policy_service.identity.account import Account
from policy_service.identity.errors import AuthenticationFailed
from policy_service.identity.tables import SessionRow
from policy_service.identity.tokens import digest_of, new_token
from policy_service.messages import Message

IDLE = timedelta(minutes=30)
ABSOLUTE = timedelta(hours=12)
PASSWORD = "password"  # noqa: S105  # the name of a method, not a secret
OIDC = "oidc"
_SESSIONS = table_of(SessionRow)
LastUseLookup = Callable[[str], datetime | None]
"""Returns when a session was last used, as far as known, by its identifier."""


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """The limits of a session."""

    idle: timedelta = IDLE
    absolute: timedelta = ABSOLUTE


@dataclass(frozen=True, slots=True)
class UserSession:
    """An open session."""

    id: str
    account: str
    method: str
    started_at: datetime
    seen_at: datetime
    confirmed_at: datetime | None = None

    def latest_end(self, limits: SessionLimits) -> datetime:
        """Return when the session ends at the latest."""
        return self.started_at + limits.absolute

    def ends_at(self, limits: SessionLimits) -> datetime:
        """Return when the session ends without further requests."""
        return min(self.seen_at + limits.idle, self.latest_end(limits))


@dataclass(frozen=True, slots=True)
class StartedSession:
    """A new session, and its token, which is stored nowhere."""

    token: str
    user_session: UserSession
    actor: Actor
    device: str | None = None
    """The token by which the browser is recognised later; None for sign-in by the identity provider."""


def start_session(transaction: Transaction, account: Account, method: str) -> StartedSession:
    """Begin a session of an authenticated person."""
    token, now = new_token(), transaction.now
    row = SessionRow(
        id=transaction.new_id(),
        digest=digest_of(token),
        account=account.id,
        method=method,
        started_at=now,
        last_used_at=now,
    )
    transaction.session.add(row)
    transaction.session.flush()
    append(transaction, account.actor(), SignedInEvent(account.id, method))
    return StartedSession(token, _user_session(row), account.actor())


def find_session(
    session: Session, token: str, now: datetime, limits: SessionLimits, last_use: LastUseLookup
) -> UserSession:
    """Return the open session of a token; `last_use` returns uses not yet written."""
    row = session.exec(select(SessionRow).where(SessionRow.digest == digest_of(token))).first()
    if row is None or row.ended_at is not None or not _is_logged(session, row):
        raise AuthenticationFailed(Message("no such session is open: sign in"))
    user_session = _user_session(row, last_use(row.id))
    if now >= user_session.ends_at(limits):
        raise AuthenticationFailed(Message("the session has ended: sign in again"))
    return user_session


def _is_logged(session: Session, row: SessionRow) -> bool:
    """Return True if a session matches the newest entry about it."""
    guard = guard_of(session)
    return guard is None or guard.row_matches(session, _SESSIONS, column_values(row), row.started_at)


def open_sessions(
    session: Session, account: str, now: datetime, limits: SessionLimits, last_use: LastUseLookup
) -> tuple[UserSession, ...]:
    """Return the open sessions of an account, the one used last first."""
    query = select(SessionRow).where(
        SessionRow.account == account,
        col(SessionRow.ended_at).is_(None),
        col(SessionRow.started_at) > now - limits.absolute,
    )
    sessions = [_user_session(row, last_use(row.id)) for row in session.exec(query)]
    still_open = [each for each in sessions if now < each.ends_at(limits)]
    return tuple(sorted(still_open, key=lambda each: (each.seen_at, each.id), reverse=True))


def end_others(transaction: Transaction, actor: Actor, keep: str | None) -> None:
    """End every session of the actor but one."""
    query = select(SessionRow).where(SessionRow.account == actor.id, col(SessionRow.ended_at).is_(None))
    others = [row for row in transaction.session.exec(query).all() if row.id != keep]
    for row in others:
        _end(transaction, row, "signed out")
    if others:
        append(transaction, actor, SignedOut(actor.id))


def sign_out(transaction: Transaction, actor: Actor, user_session: UserSession) -> None:
    """End a session at its owner's request."""
    row = transaction.session.get(SessionRow, user_session.id)
    if row is None or row.ended_at is not None:
        return
    _end(transaction, row, "signed out")
    append(transaction, actor, SignedOut(actor.id))


def end_all(transaction: Transaction, account: str, reason: str) -> None:
    """End every session of an account."""
    query = select(SessionRow).where(SessionRow.account == account, col(SessionRow.ended_at).is_(None))
    for row in transaction.session.exec(query).all():
        _end(transaction, row, reason)


def confirm(transaction: Transaction, session_id: str) -> datetime:
    """Record the re-authentication of the owner of a session. Raises AuthenticationFailed."""
    row = _open_row(transaction, session_id)
    row.confirmed_at = transaction.now
    transaction.session.flush()
    return transaction.now


def session_owner(transaction: Transaction, session_id: str) -> str:
    """Return the account of a session. Raises AuthenticationFailed."""
    return _open_row(transaction, session_id).account


def use_confirmation(transaction: Transaction, session_id: str) -> datetime | None:
    """Consume a confirmation, valid for one action; return its time. Raises AuthenticationFailed."""
    row = _open_row(transaction, session_id)
    confirmed_at, row.confirmed_at = row.confirmed_at, None
    transaction.session.flush()
    return confirmed_at


def record_session_use(transaction: Transaction, session_id: str, at: datetime) -> None:
    """Store that a session was used."""
    row = transaction.session.get(SessionRow, session_id)
    if row is not None and row.last_used_at < at:
        row.last_used_at = at


def _open_row(transaction: Transaction, session_id: str) -> SessionRow:
    row = transaction.session.get(SessionRow, session_id)
    if row is None or row.ended_at is not None:
        raise AuthenticationFailed(Message("no such session is open: sign in"))
    return row


def _end(transaction: Transaction, row: SessionRow, reason: str) -> None:
    row.ended_at, row.end_reason = transaction.now, reason
    transaction.session.flush()


def _user_session(row: SessionRow, seen_at: datetime | None = None) -> UserSession:
    seen = row.last_used_at if seen_at is None else max(seen_at, row.last_used_at)
    return UserSession(row.id, row.account, row.method, row.started_at, seen, row.confirmed_at)
