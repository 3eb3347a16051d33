"""Reads suspensions: one by its identifier, those of a policy, or a filtered page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlmodel import Session, and_, col, func, not_, select

from policy_service.actor import Role
from policy_service.approval.change import Person
from policy_service.approval.errors import UnknownChange
from policy_service.approval.suspension import Signature, Suspension, SuspensionEnd
from policy_service.approval.tables import RatificationRow, SuspensionEndRow, SuspensionRow
from policy_service.canonical import check_digest
from policy_service.database import Instant
from policy_service.integrity import reading_row
from policy_service.messages import Message
from policy_service.paging import Page, both_ways, fetch

SuspensionStatus = Literal["running", "unratified", "over"]
"""The status of a suspension: ratified and active, active with one signature, or over."""
SuspensionSort = Literal["begun", "-begun"]
"""By the beginning; with `-` newest first."""
_ORDERS = both_ways("begun", col(SuspensionRow.at), col(SuspensionRow.id))


@dataclass(frozen=True, slots=True)
class SuspensionFilter:
    """Filters of a list of suspensions; None matches any."""

    policy: str | None = None
    status: SuspensionStatus | None = None


def list_suspensions(  # noqa: PLR0913  # which, in which order, how many
    session: Session,
    criteria: SuspensionFilter,
    now: datetime,
    *,
    sort: SuspensionSort = "-begun",
    cursor: str | None = None,
    limit: int = 50,
) -> Page[Suspension]:
    """Return a page of the suspensions that match the filter. Raises InvalidCursor, DamagedRecord."""
    row, ratification, end = SuspensionRow, RatificationRow, SuspensionEndRow
    query = (
        select(row, ratification, end)
        .join(ratification, col(ratification.suspension) == col(row.id), isouter=True)
        .join(end, col(end.suspension) == col(row.id), isouter=True)
    )
    is_active = and_(
        col(end.suspension).is_(None), func.coalesce(col(ratification.until), col(row.until), type_=Instant()) > now
    )
    if criteria.policy is not None:
        query = query.where(col(row.policy) == criteria.policy)
    conditions = {
        None: (),
        "running": (is_active,),
        "unratified": (is_active, col(ratification.suspension).is_(None)),
        "over": (not_(is_active),),
    }
    query = query.where(*conditions[criteria.status])
    return fetch(session, query, _ORDERS[sort], suspension_from_rows, after=cursor, limit=limit)


def read_suspensions(session: Session, policy: str | None = None) -> list[Suspension]:
    """Return the suspensions of a policy, or of all, oldest first."""
    query = select(SuspensionRow).order_by(col(SuspensionRow.at), col(SuspensionRow.id))
    rows = session.exec(query if policy is None else query.where(SuspensionRow.policy == policy)).all()
    suspension_ids = [row.id for row in rows]
    ratification_rows = session.exec(select(RatificationRow).where(col(RatificationRow.suspension).in_(suspension_ids)))
    end_rows = session.exec(select(SuspensionEndRow).where(col(SuspensionEndRow.suspension).in_(suspension_ids)))
    ratifications = {row.suspension: row for row in ratification_rows}
    ends = {row.suspension: row for row in end_rows}
    return [suspension_from_rows(row, ratifications.get(row.id), ends.get(row.id)) for row in rows]


def read_suspension(session: Session, suspension: str) -> Suspension:
    """Return one suspension. Raises UnknownChange."""
    row = session.get(SuspensionRow, suspension)
    if row is None:
        raise UnknownChange(Message("There is no suspension {suspension}.", suspension=repr(suspension[:40])))
    return suspension_from_rows(
        row, session.get(RatificationRow, suspension), session.get(SuspensionEndRow, suspension)
    )


def suspension_from_rows(
    row: SuspensionRow, ratification: RatificationRow | None, end_row: SuspensionEndRow | None
) -> Suspension:
    """Return a suspension from its rows. Raises DamagedRecord."""
    end = (
        SuspensionEnd(Person(end_row.actor, end_row.actor_name, end_row.printed_name), end_row.reason, end_row.at)
        if end_row
        else None
    )
    with reading_row("suspension", row.id):
        digest, fallback_digest = check_digest(row.digest), check_digest(row.fallback_digest)
    return Suspension(
        row.id,
        row.policy,
        row.version,
        digest,
        None if fallback_digest == digest else row.fallback,
        None if fallback_digest == digest else fallback_digest,
        _signature(row),
        _signature(ratification) if ratification else None,
        end,
    )


def _signature(row: SuspensionRow | RatificationRow) -> Signature:
    by = Person(row.actor, row.actor_name, row.printed_name)
    with reading_row(row.__tablename__, row.suspension if isinstance(row, RatificationRow) else row.id):
        return Signature(by, Role(row.role), row.reason, row.at, row.until)
