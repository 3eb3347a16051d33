"""Remembers wrong passwords, by name, in the database: a restart forgives nothing."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete
from sqlmodel import Session, col

from policy_service.actor import SERVICE
from policy_service.audit.events import SignInBlocked as SignInBlockedEvent
from policy_service.audit.log import append
from policy_service.clock import timestamp
from policy_service.database import Transaction
from policy_service.identity.account import Account
from policy_service.identity.tables import FailureRow
from policy_service.identity.throttle import FORGIVEN, Failures, after_failure, key_of


def blocked_until(session: Session, name: str, now: datetime) -> datetime | None:
    """Until when nobody is let in under a name; None when somebody may be."""
    row = session.get(FailureRow, key_of(name))
    return None if row is None else _failures(row).blocked(now)


def remember(transaction: Transaction, name: str, account: Account | None) -> datetime | None:
    """Counts a wrong password; until when the name is blocked by it, if it is.

    `account` is whose name it is, when it is anybody's: only then is there something to tell the log.
    """
    session, now = transaction.session, transaction.now
    session.exec(delete(FailureRow).where(col(FailureRow.last) < now - FORGIVEN))
    key = key_of(name)
    row = session.get(FailureRow, key)
    after = after_failure(None if row is None else _failures(row), now)
    row = row or FailureRow(name=key, count=0, since=now, last=now, blocks=0)
    row.count, row.since, row.last = after.count, after.since, after.last
    row.blocks, row.blocked_until = after.blocks, after.blocked_until
    session.add(row)
    session.flush()
    until = after.blocked(now)
    if until is not None and account is not None:
        append(transaction, SERVICE, SignInBlockedEvent(account.id, account.name, timestamp(until)))
    return until


def forgive(transaction: Transaction, name: str) -> None:
    """Forgets the wrong passwords for a name: the right one was given."""
    row = transaction.session.get(FailureRow, key_of(name))
    if row is not None:
        transaction.session.delete(row)
        transaction.session.flush()


def _failures(row: FailureRow) -> Failures:
    return Failures(row.count, row.since, row.last, row.blocks, row.blocked_until)
