"""Lists matching changes page by page, by creation or last action.

SQL selects a superset of the matching changes, in order; only these are folded and tested exactly.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

import sqlalchemy
from sqlalchemy import ColumnElement, ScalarSelect, Select, String, func, type_coerce
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from policy_service.actor import Actor, Role
from policy_service.approval.change import Action, Change, ChangeState
from policy_service.approval.change_filter import CLOSING_ACTIONS, NO_FILTER, OPEN, ChangeFilter, open_condition
from policy_service.approval.store import fold_rows, read_changes
from policy_service.approval.tables import ActionRow, ChangeRow
from policy_service.clock import timestamp
from policy_service.database import cached
from policy_service.paging import Order, Page
from policy_service.registry.tables import ActivationRow, CancellationRow

MAX_PAGE = 100
"""Maximum number of changes per page."""
ChangeSort = Literal["created", "-created", "acted", "-acted"]
"""By creation or last action; with `-` newest first."""
STATE_AFTER: Mapping[str, ChangeState] = {
    Action.CREATE: ChangeState.DRAFT,
    Action.EDIT: ChangeState.DRAFT,
    Action.REQUEST_CHANGES: ChangeState.DRAFT,
    Action.ANALYSE: ChangeState.UNDER_ANALYSIS,
    Action.END_ANALYSIS: ChangeState.DRAFT,
    Action.SUBMIT: ChangeState.SUBMITTED,
}
"""The state after an action, if it does not depend on missing signatures."""


def list_changes(
    session: Session,
    criteria: ChangeFilter = NO_FILTER,
    *,
    sort: ChangeSort = "-acted",
    cursor: str | None = None,
    limit: int = 20,
) -> Page[Change]:
    """Return a page of the changes that match the filter, at most MAX_PAGE. Raises InvalidCursor, DamagedRecord."""
    limit = max(1, min(limit, MAX_PAGE))
    matches: list[Change] = []
    last_cursor: str | None = None
    for change, candidate_cursor in _candidates(session, criteria, sort, cursor, limit + 1):
        if not criteria.matches(change):
            continue
        if len(matches) == limit:
            return Page(tuple(matches), last_cursor)
        matches.append(change)
        last_cursor = candidate_cursor
    return Page(tuple(matches))


def awaiting_signature(session: Session, actor: Actor, now: datetime, *, limit: int = 20) -> Page[Change]:
    """Return the changes that await the actor's signature, the longest-waiting first."""
    return list_changes(session, ChangeFilter(signer=actor, now=now), sort="acted", limit=limit)


def awaiting_author(session: Session, actor: Actor, *, limit: int = 20) -> tuple[Change, ...]:
    """Return the actor's own drafts and fully signed, unscheduled changes, newest first."""
    criteria = ChangeFilter(states=frozenset({ChangeState.DRAFT, ChangeState.SIGNED_OFF}), author=actor.id)
    return list_changes(session, criteria, limit=limit).items if Role.AUTHOR in actor.roles else ()


def upcoming_changes(session: Session, now: datetime, *, limit: int = 20) -> tuple[Change, ...]:
    """Return the scheduled changes that have not begun, by their day."""
    cancelled = select(CancellationRow.activation).where(CancellationRow.activation == ActivationRow.id).exists()
    first_start = func.min(ActivationRow.effective_from)
    query = (
        select(ActivationRow.change)
        .where(col(ActivationRow.effective_from) > now, col(ActivationRow.change).is_not(None), ~cancelled)
        .group_by(col(ActivationRow.change))
        .order_by(first_start, col(ActivationRow.change))
        .limit(max(1, min(limit, MAX_PAGE)))
    )
    names = [name for name in session.exec(query) if name is not None]
    changes_by_id = {change.id: change for change in read_changes(session, names)}
    return tuple(changes_by_id[name] for name in names)


def count_by_state(session: Session) -> Mapping[ChangeState, int]:
    """Count the changes in each state."""
    return cached(session, "changes-by-state", _count_by_state)


def _count_by_state(session: Session) -> Mapping[ChangeState, int]:
    counts, in_review = dict.fromkeys(ChangeState, 0), list[str]()
    for state, action in CLOSING_ACTIONS.items():
        query = select(func.count()).select_from(ActionRow).where(ActionRow.action == action)
        counts[state] = session.exec(query).one()
    counts[ChangeState.SCHEDULED] -= counts[ChangeState.CANCELLED]
    for change, action in session.connection().execute(_open_with_last_action()):
        if action in STATE_AFTER:
            counts[STATE_AFTER[action]] += 1
        else:
            in_review.append(change)
    for each in read_changes(session, in_review):
        counts[each.state] += 1
    return MappingProxyType(counts)


# -------------------------------------------------------------------------------------------------- the rows


class _Candidate(NamedTuple):
    """A change that may match, and the cursor after it."""

    change: Change
    cursor: str


def _candidates(
    session: Session, criteria: ChangeFilter, sort: ChangeSort, cursor: str | None, batch_size: int
) -> Iterator[_Candidate]:
    """Yield changes that may match, in order, in batches that grow."""
    by_action = sort in {"acted", "-acted"}
    if by_action:
        query, *columns = _with_last_instant(criteria.conditions())
    else:
        query, columns = select(ChangeRow).where(*criteria.conditions()), [col(ChangeRow.id)]  # which count up
    order = Order(sort, tuple(columns), descending=sort.startswith("-"))
    query = query.order_by(*order.clauses())
    while True:
        after = query if cursor is None else query.where(order.after(cursor))
        rows = session.exec(after.limit(batch_size)).all()
        for change in fold_rows(session, rows):
            position = (timestamp(change.actions[-1].at), change.id) if by_action else (change.id,)
            cursor = order.cursor(position)
            yield _Candidate(change, cursor)
        if len(rows) < batch_size:
            return
        batch_size = min(2 * batch_size, MAX_PAGE)


def _with_last_instant(
    conditions: Sequence[ColumnElement[bool]],
) -> tuple[SelectOfScalar[ChangeRow], Any, Any]:
    """Return a query of changes, the time of each one's last action, and a tie-breaker.

    Without conditions, the actions are read by time until there are enough; otherwise the matching changes are selected
    first.
    """
    if conditions:
        at = _last_value(ActionRow.at)
        return select(ChangeRow).where(*conditions), type_coerce(at, String), col(ChangeRow.id)
    later = aliased(ActionRow)
    number, change = col(ActionRow.number), col(ActionRow.change)
    following = select(later.number).where(later.change == change, later.number == number + 1)
    query = select(ChangeRow).join(ActionRow, change == col(ChangeRow.id)).where(~following.exists())
    return query, type_coerce(col(ActionRow.at), String), change


def _open_with_last_action() -> Select[Any]:
    """Return a query of the identifier and last action of every open change."""
    return sqlalchemy.select(col(ChangeRow.id), _last_value(ActionRow.action)).where(open_condition())


def _last_value(column: Any) -> ScalarSelect[Any]:  # noqa: ANN401  # SQLModel's
    """Return a query of a column's value in the last action of a change."""
    query = sqlalchemy.select(column).where(col(ActionRow.change) == col(ChangeRow.id))
    return query.order_by(col(ActionRow.number).desc()).limit(1).correlate(ChangeRow).scalar_subquery()
