"""Reads a filtered page of overrides, with the validity of their signatures."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlmodel import Session, col

from policy_service.decisions.override import Override
from policy_service.decisions.override_store import read_overrides
from policy_service.decisions.state_tables import OverrideRow
from policy_service.overrides.signature_validity import with_signature_validity
from policy_service.paging import Page, both_ways, numbered_page

OverrideStatus = Literal["running", "waiting", "over"]
"""The status: applies, awaits signatures, or over. A provisional override has both of the first two."""
OverrideSort = Literal["recorded", "-recorded"]
"""By the time of recording; with `-` newest first."""
_ORDERS = both_ways("recorded", col(OverrideRow.seq))


@dataclass(frozen=True, slots=True)
class OverrideFilter:
    """Filters of a list of overrides; None matches any."""

    subject: str | None = None
    """The identifier."""
    kind: str | None = None
    """The kind of the subject."""
    policy: str | None = None
    status: OverrideStatus | None = None


def list_overrides(  # noqa: PLR0913  # which, in which order, how many
    session: Session,
    criteria: OverrideFilter,
    now: datetime,
    *,
    sort: OverrideSort = "-recorded",
    cursor: str | None = None,
    limit: int = 50,
) -> Page[Override]:
    """Return a page of the overrides that match the filter. Raises InvalidSubject, InvalidCursor, DamagedRecord."""
    order = _ORDERS[sort]
    at = {criteria.status: now}
    page = numbered_page(
        order,
        cursor,
        limit,
        lambda after, count: read_overrides(
            session,
            subject=criteria.subject,
            kind=criteria.kind,
            policy=criteria.policy,
            active_at=at.get("running"),
            over_at=at.get("over"),
            waiting_at=at.get("waiting"),
            after=after,
            newest_first=order.descending,
            limit=count,
        ),
    )
    return Page(tuple(with_signature_validity(session, page.items, now)), page.next_cursor)
