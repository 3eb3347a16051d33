"""Sessions of people: begun by a proof of who they are, ended by silence, by age, by signing out, or from outside.

| a session ends                                                                      | after      |
|-------------------------------------------------------------------------------------|------------|
| when nothing was asked with it                                                      | 30 minutes |
| in any case                                                                         | 12 hours   |
| when the person signs out, or the account's password, roles or state are changed   | at once    |

Both times are settings. A confirmation is a proof of who a person is in the middle of a session, for a signature.
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
"""When a session was last used, by its identifier, as far as is known."""


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """The limits of a session."""

    idle: timedelta = IDLE
    absolute: timedelta = ABSOLUTE


@dataclass(frozen=True, slots=True)
class UserSession:
    """A session that is open."""

    id: str
    account: str
    method: str
    started_at: datetime
    seen_at: datetime
    confirmed_at: datetime | None = None

    def latest_end(self, limits: SessionLimits) -> datetime:
        """Return when the session ends in any case."""
        return self.started_at + limits.absolute

    def ends_at(self, limits: SessionLimits) -> datetime:
        """Return when the session ends without further requests."""
        return min(self.seen_at + limits.idle, self.latest_end(limits))


@dataclass(frozen=True, slots=True)
class StartedSession:
    """A session that has just begun, and the token that opens it, which is known nowhere else."""

    token: str
    user_session: UserSession
    actor: Actor
    device: str | None = None
    """What the browser is known by from now on; an identity provider says nothing about browsers."""


def start_session(transaction: Transaction, account: Account, method: str) -> StartedSession:
    """Begin a session of a person who has proved to be the account's owner."""
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
    """Return the open session of a token; `last_use` knows of later uses than the one that was written down.

    Raises AuthenticationFailed.
    """
    row = session.exec(select(SessionRow).where(SessionRow.digest == digest_of(token))).first()
    if row is None or row.ended_at is not None or not _is_logged(session, row):
        raise AuthenticationFailed(Message("no such session is open: sign in"))
    user_session = _user_session(row, last_use(row.id))
    if now >= user_session.ends_at(limits):
        raise AuthenticationFailed(Message("the session has ended: sign in again"))
    return user_session


def _is_logged(session: Session, row: SessionRow) -> bool:
    """Return True if a session is as the newest entry about it says."""
    guard = guard_of(session)
    return guard is None or guard.row_matches(session, _SESSIONS, column_values(row), row.started_at)


def open_sessions(
    session: Session, account: str, now: datetime, limits: SessionLimits, last_use: LastUseLookup
) -> tuple[UserSession, ...]:
    """Return the sessions of an account that are open, the one used last first."""
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
    """End a session because its owner says so."""
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
    """Write down that the owner of a session proved again who they are. Raises AuthenticationFailed."""
    row = _open_row(transaction, session_id)
    row.confirmed_at = transaction.now
    transaction.session.flush()
    return transaction.now


def session_owner(transaction: Transaction, session_id: str) -> str:
    """Return the account whose session it is. Raises AuthenticationFailed."""
    return _open_row(transaction, session_id).account


def use_confirmation(transaction: Transaction, session_id: str) -> datetime | None:
    """Use a confirmation, good for one action; return when it was made. Raises AuthenticationFailed."""
    row = _open_row(transaction, session_id)
    confirmed_at, row.confirmed_at = row.confirmed_at, None
    transaction.session.flush()
    return confirmed_at


def record_session_use(transaction: Transaction, session_id: str, at: datetime) -> None:
    """Write down that something was asked with a session."""
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
