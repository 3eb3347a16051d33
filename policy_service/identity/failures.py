"""Counts wrong passwords in the database, by digest, so that a restart resets nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import delete
from sqlmodel import Session, col, select

from policy_service.actor import SERVICE
from policy_service.audit.events import SignInBlocked as SignInBlockedEvent
from policy_service.audit.log import append
from policy_service.clock import timestamp
from policy_service.database import Transaction
from policy_service.identity.account import Account
from policy_service.identity.tables import FailureRow
from policy_service.identity.throttle import RETENTION, Counter, Failures, after_failure, log_counter


def blocked_until(session: Session, counters: Iterable[Counter], now: datetime) -> datetime | None:
    """Return until when one of these counters blocks sign-in; None if none does."""
    keys = [counter.key for counter in counters]
    rows = session.exec(select(FailureRow).where(col(FailureRow.name).in_(keys)))
    return max(filter(None, (_failures(row).wait_until(now) for row in rows)), default=None)


def record_failure(
    transaction: Transaction, name: str, counters: Sequence[Counter], account: Account | None
) -> datetime | None:
    """Count a wrong password; return until when the counters now block sign-in, or None.

    `account` is the account with that name, if any: only then is the log written.
    """
    session, now = transaction.session, transaction.now
    session.exec(delete(FailureRow).where(col(FailureRow.last_failed_at) < now - RETENTION))
    until = max(filter(None, (_count(transaction, counter) for counter in counters)), default=None)
    logged_until = blocked_until(session, [log_counter(name)], now)
    log_until = _count(transaction, log_counter(name))
    if log_until is not None and log_until != logged_until and account is not None:
        append(transaction, SERVICE, SignInBlockedEvent(account.id, account.name, timestamp(log_until)))
    return until


def reset_failures(transaction: Transaction, counter: Counter) -> None:
    """Reset a counter after the right password."""
    row = transaction.session.get(FailureRow, counter.key)
    if row is not None:
        transaction.session.delete(row)
        transaction.session.flush()


def _count(transaction: Transaction, counter: Counter) -> datetime | None:
    """Count a failure; return until when the counter blocks sign-in, or None."""
    session, now = transaction.session, transaction.now
    row = session.get(FailureRow, counter.key)
    updated = after_failure(None if row is None else _failures(row), now, counter.limit)
    row = row or FailureRow(name=counter.key, count=0, first_failed_at=now, last_failed_at=now, blocks=0)
    row.count, row.first_failed_at, row.last_failed_at = updated.count, updated.since, updated.last
    row.blocks, row.blocked_until = updated.blocks, updated.blocked_until
    session.add(row)
    session.flush()
    return updated.wait_until(now)


def _failures(row: FailureRow) -> Failures:
    return Failures(row.count, row.first_failed_at, row.last_failed_at, row.blocks, row.blocked_until)
