"""Which changes somebody wants to see: as a value, as SQL that leaves out nothing wanted, and as the exact question.

The state of a change is the fold of its actions and stands in no row, so SQL asks for actions:

| state                         | actions the change has                       | and has not                         |
|-------------------------------|----------------------------------------------|-------------------------------------|
| rejected, withdrawn, cancelled | the one of that name                        |                                     |
| scheduled                     | schedule                                     | cancel                              |
| draft                         |                                              | reject, withdraw, schedule, cancel  |
| submitted                     | submit                                       | the same                            |
| signed_off                    | sign_off                                     | the same                            |

The last three rows find too many, since a change can be sent back; whoever lists folds what was found and asks `takes`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, false, or_
from sqlmodel import col, select

from policy_service.actor import Actor
from policy_service.approval.change import Action, Change, Kind, State
from policy_service.approval.tables import ActionRow, ChangeRow, SubmittedRow, TitledRow
from policy_service.approval.verdicts import signing
from policy_service.approval.words import folded
from policy_service.approval.workflow import may

OPEN = frozenset({State.DRAFT, State.SUBMITTED, State.SIGNED_OFF})
"""The states in which a change waits for somebody."""
ENDS: Mapping[State, Action] = {
    State.REJECTED: Action.REJECT,
    State.WITHDRAWN: Action.WITHDRAW,
    State.SCHEDULED: Action.SCHEDULE,
    State.CANCELLED: Action.CANCEL,
}
"""The action that takes a change out of review, once, by the state it leads to."""
PASSED: Mapping[State, Action] = {State.SUBMITTED: Action.SUBMIT, State.SIGNED_OFF: Action.SIGN_OFF}
"""An action that a change in a state had at some time."""
SEARCHED = 8
"""Words of a title that SQL looks for; the others are looked for in what it finds."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which changes to list; what is empty or None does not matter."""

    states: frozenset[State] = frozenset()
    kind: Kind | None = None
    author: str | None = None
    """The identifier of an account."""
    policy: str | None = None
    """A policy that the change submitted, or goes back to. Files that were never submitted are not looked into."""
    text: str = ""
    """Words, each of which stands in the title, in capitals or not."""
    waiting_for: Actor | None = None
    """Somebody whose signature the change waits for."""
    now: datetime | None = None
    """The present instant: what waits for a signature has a day that lies ahead. None is before every day."""

    def takes(self, change: Change) -> bool:
        """Whether a change is wanted."""
        submission, draft = change.submission, change.draft
        touched = (*(submission.versions if submission else ()), *draft.versions)
        policies = {*(version.policy for version in touched), *draft.ends}
        return (
            (not self.states or change.state in self.states)
            and (self.kind is None or change.kind == self.kind)
            and (self.author is None or change.author.id == self.author)
            and (self.policy is None or self.policy in policies)
            and all(word in folded(change.draft.title) for word in folded(self.text).split())
            and (self.waiting_for is None or awaits(change, self.waiting_for, self.now))
        )

    def conditions(self) -> list[ColumnElement[bool]]:
        """What is true of the row of every change that is wanted, and of few others."""
        found: list[ColumnElement[bool]] = []
        if self.kind is not None:
            found.append(col(ChangeRow.kind) == self.kind)
        if self.author is not None:
            found.append(col(ChangeRow.author) == self.author)
        if self.policy is not None:
            found.append(_concerns(self.policy))
        if words := [word for word in folded(self.text).split() if word.isprintable()]:
            found.append(_titled(words[:SEARCHED]))
        if self.waiting_for is not None:
            found.append(in_state(State.SUBMITTED))
        if self.states == OPEN:
            found.append(is_open())
        elif self.states:
            found.append(or_(false(), *map(in_state, sorted(self.states))))
        return found


ALL = Wanted()
"""Every change."""


def awaits(change: Change, actor: Actor, now: datetime | None) -> bool:
    """Whether a change waits for a signature that the actor can give, once it is confirmed who that is."""
    if change.state is not State.SUBMITTED:
        return False
    now = now or change.acted[-1].at
    return signing(actor, now, lambda confirmed, role: may(change, Action.SIGN_OFF, confirmed, now, role=role)).allowed


def in_state(state: State) -> ColumnElement[bool]:
    """What is true of the row of every change in a state, see the table above."""
    if state in OPEN:
        return and_(is_open(), _ever([PASSED[state]])) if state in PASSED else is_open()
    if state is State.SCHEDULED:
        return and_(_ever([Action.SCHEDULE]), ~_ever([Action.CANCEL]))
    return _ever([ENDS[state]])


def is_open() -> ColumnElement[bool]:
    """What is true of the row of every change that is open, and of no other."""
    return ~_ever(ENDS.values())


def _ever(actions: Iterable[Action]) -> ColumnElement[bool]:
    """Whether one of the actions was ever done to the change."""
    done = select(ActionRow.change).where(col(ActionRow.action).in_(list(actions)))
    return _in(done)


def _concerns(policy: str) -> ColumnElement[bool]:
    """Whether the change submitted the policy, or may go back to it without having been submitted as it is now."""
    submitted = select(SubmittedRow.change).where(SubmittedRow.policy == policy)
    settled = _ever(action for state, action in ENDS.items() if state is not State.WITHDRAWN)
    return or_(_in(submitted), and_(col(ChangeRow.kind) == "rollback", ~settled))


def _titled(words: Iterable[str]) -> ColumnElement[bool]:
    """Whether the change ever had a title with these words."""
    query = select(TitledRow.change)
    for word in words:
        query = query.where(col(TitledRow.words).contains(word, autoescape=True))
    return _in(query)


def _in(changes: Any) -> ColumnElement[bool]:  # noqa: ANN401  # SQLModel's
    return col(ChangeRow.id).in_(changes)
