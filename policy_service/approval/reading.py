"""Lists changes a page at a time: those that are wanted, by when they were begun or last acted on.

SQL finds the changes that may be wanted, in order, and only those are folded; what folding them says is what counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

import sqlalchemy
from sqlalchemy import ColumnElement, ScalarSelect, Select, String, func, literal, type_coerce
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from policy_service.actor import Actor
from policy_service.approval.change import Action, Change, State
from policy_service.approval.store import changes_named, fold_rows
from policy_service.approval.tables import ActionRow, ChangeRow
from policy_service.approval.wanted import ALL, ENDS, OPEN, Wanted, is_open
from policy_service.clock import timestamp
from policy_service.database import remembered
from policy_service.registry.tables import ActivationRow, CancellationRow

__all__ = ["MAX_PAGE", "OPEN", "Page", "Sort", "Wanted", "changes", "counts", "soon", "waiting_for"]

MAX_PAGE = 100
"""Changes of one page."""
Sort = Literal["created", "-created", "acted", "-acted"]
"""By when a change was begun, or last acted on; with `-` the newest first."""
LEAVES: Mapping[str, State] = {
    Action.CREATE: State.DRAFT,
    Action.EDIT: State.DRAFT,
    Action.REQUEST_CHANGES: State.DRAFT,
    Action.SUBMIT: State.SUBMITTED,
}
"""The state that an action leaves a change in, where that does not depend on who owes a signature."""


@dataclass(frozen=True, slots=True)
class Page:
    """Some changes, and where the next page begins; None at the end."""

    changes: tuple[Change, ...]
    cursor: str | None


def changes(
    session: Session,
    wanted: Wanted = ALL,
    *,
    sort: Sort = "-created",
    cursor: str | None = None,
    limit: int = 20,
) -> Page:
    """The changes that are wanted, in order, behind the cursor of the page before, which was sorted alike."""
    limit = max(1, min(limit, MAX_PAGE))
    found: list[Change] = []
    last: str | None = None
    for change, place in _candidates(session, wanted, sort, cursor, limit + 1):
        if not wanted.takes(change):
            continue
        if len(found) == limit:
            return Page(tuple(found), last)
        found.append(change)
        last = place
    return Page(tuple(found), None)


def waiting_for(session: Session, actor: Actor, now: datetime, *, limit: int = 20) -> Page:
    """The changes that wait for a signature of this actor, the one that waits longest first."""
    return changes(session, Wanted(waiting_for=actor, now=now), sort="acted", limit=limit)


def soon(session: Session, now: datetime, *, limit: int = 20) -> tuple[Change, ...]:
    """The scheduled changes that have not begun, by their day."""
    cancelled = select(CancellationRow.activation).where(CancellationRow.activation == ActivationRow.id).exists()
    begins = func.min(ActivationRow.effective_from)
    query = (
        select(ActivationRow.change)
        .where(col(ActivationRow.effective_from) > now, col(ActivationRow.change).is_not(None), ~cancelled)
        .group_by(col(ActivationRow.change))
        .order_by(begins, col(ActivationRow.change))
        .limit(max(1, min(limit, MAX_PAGE)))
    )
    names = [name for name in session.exec(query) if name is not None]
    named = {change.id: change for change in changes_named(session, names)}
    return tuple(named[name] for name in names)


def counts(session: Session) -> Mapping[State, int]:
    """How many changes are in each state."""
    return remembered(session, "changes-by-state", _counted)


def _counted(session: Session) -> Mapping[State, int]:
    found, signed = dict.fromkeys(State, 0), list[str]()
    for state, action in ENDS.items():
        acted = select(func.count()).select_from(ActionRow).where(ActionRow.action == action)
        found[state] = session.exec(acted).one()
    found[State.SCHEDULED] -= found[State.CANCELLED]
    for change, action in session.connection().execute(_open_with_last_action()):
        if action in LEAVES:
            found[LEAVES[action]] += 1
        else:
            signed.append(change)
    for each in changes_named(session, signed):
        found[each.state] += 1
    return MappingProxyType(found)


# -------------------------------------------------------------------------------------------------- the rows


class _Found(NamedTuple):
    """A change that may be wanted, and its place in the order."""

    change: Change
    place: str


def _candidates(session: Session, wanted: Wanted, sort: Sort, cursor: str | None, some: int) -> Iterator[_Found]:
    """The changes that may be wanted, in order; the more are asked for, the more are read at a time."""
    by_action = sort in {"acted", "-acted"}
    while True:
        query = (_by_action if by_action else _by_beginning)(wanted, cursor, newest_first=sort.startswith("-"))
        rows = session.exec(query.limit(some)).all()
        for change in fold_rows(session, rows):
            cursor = f"{timestamp(change.acted[-1].at)} {change.id}" if by_action else change.id
            yield _Found(change, cursor)
        if len(rows) < some:
            return
        some = min(2 * some, MAX_PAGE)


def _by_beginning(wanted: Wanted, cursor: str | None, *, newest_first: bool) -> SelectOfScalar[ChangeRow]:
    """The rows of changes, in the order of their identifiers, which count up."""
    id_ = col(ChangeRow.id)
    query = select(ChangeRow).where(*wanted.conditions()).order_by(id_.desc() if newest_first else id_.asc())
    if cursor is not None:
        query = query.where(id_ < cursor if newest_first else id_ > cursor)
    return query


def _by_action(wanted: Wanted, cursor: str | None, *, newest_first: bool) -> SelectOfScalar[ChangeRow]:
    """The rows of changes, in the order of the last action of each."""
    query, at, id_ = _with_last_instant(wanted.conditions())
    query = query.order_by(*((each.desc() if newest_first else each.asc()) for each in (at, id_)))
    if cursor is not None:
        seen, _, name = cursor.partition(" ")
        here, there = sqlalchemy.tuple_(at, id_), sqlalchemy.tuple_(literal(seen), literal(name))
        query = query.where(here < there if newest_first else here > there)
    return query


def _with_last_instant(
    conditions: Sequence[ColumnElement[bool]],
) -> tuple[SelectOfScalar[ChangeRow], Any, Any]:
    """Rows of changes, with the instant of the last action of each, and what tells two of the same instant apart.

    When all are wanted, the actions are gone through in the order of time until there are enough; otherwise the changes
    that fulfil the conditions are found first.
    """
    if conditions:
        at = _last(ActionRow.at)
        return select(ChangeRow).where(*conditions), type_coerce(at, String), col(ChangeRow.id)
    later = aliased(ActionRow)
    number, change = col(ActionRow.number), col(ActionRow.change)
    following = select(later.number).where(later.change == change, later.number == number + 1)
    query = select(ChangeRow).join(ActionRow, change == col(ChangeRow.id)).where(~following.exists())
    return query, type_coerce(col(ActionRow.at), String), change


def _open_with_last_action() -> Select[Any]:
    """The identifier and the last action of every change that is open."""
    return sqlalchemy.select(col(ChangeRow.id), _last(ActionRow.action)).where(is_open())


def _last(column: Any) -> ScalarSelect[Any]:  # noqa: ANN401  # SQLModel's
    """What a column says of the last action of a change."""
    query = sqlalchemy.select(column).where(col(ActionRow.change) == col(ChangeRow.id))
    return query.order_by(col(ActionRow.number).desc()).limit(1).correlate(ChangeRow).scalar_subquery()
