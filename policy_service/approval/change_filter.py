"""The filter of changes: as a value, as SQL that drops no match, and as the exact test of one change.

The state of a change is the fold of its actions and stands in no row, so SQL asks for actions:

| state                         | actions the change has                       | and has not                         |
|-------------------------------|----------------------------------------------|-------------------------------------|
| rejected, withdrawn, cancelled | the one of that name                        |                                     |
| scheduled                     | schedule                                     | cancel                              |
| draft                         |                                              | reject, withdraw, schedule, cancel  |
| under_analysis                | analyse                                      | the same                            |
| submitted                     | submit                                       | the same                            |
| signed_off                    | sign_off                                     | the same                            |

The last four rows find too many, since a change can be sent back; whoever lists folds what was found and asks `takes`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, false, or_
from sqlmodel import col, select

from policy_service.actor import Actor
from policy_service.approval.change import Action, Change, ChangeKind, ChangeState
from policy_service.approval.permissions import sign_permission
from policy_service.approval.tables import ActionRow, ChangeRow, ChangeTitleRow, SubmittedVersionRow
from policy_service.approval.validation import search_form
from policy_service.approval.workflow import check_permission

OPEN = frozenset({ChangeState.DRAFT, ChangeState.UNDER_ANALYSIS, ChangeState.SUBMITTED, ChangeState.SIGNED_OFF})
"""The states in which a change waits for a person, or will when it is analysed."""
CLOSING_ACTIONS: Mapping[ChangeState, Action] = {
    ChangeState.REJECTED: Action.REJECT,
    ChangeState.WITHDRAWN: Action.WITHDRAW,
    ChangeState.SCHEDULED: Action.SCHEDULE,
    ChangeState.CANCELLED: Action.CANCEL,
}
"""The action that takes a change out of review, once, by the state it leads to."""
REACHING_ACTIONS: Mapping[ChangeState, Action] = {
    ChangeState.UNDER_ANALYSIS: Action.ANALYSE,
    ChangeState.SUBMITTED: Action.SUBMIT,
    ChangeState.SIGNED_OFF: Action.SIGN_OFF,
}
"""An action that a change in a state had at some time."""
MAX_SEARCH_WORDS = 8
"""Words of a title that SQL looks for; the others are looked for in what it finds."""


@dataclass(frozen=True, slots=True)
class ChangeFilter:
    """The filter of a list of changes; an empty field or None does not filter."""

    states: frozenset[ChangeState] = frozenset()
    kind: ChangeKind | None = None
    author: str | None = None
    """The identifier of an account."""
    policy: str | None = None
    """A policy that the change submitted, or goes back to. Files that were never submitted are not looked into."""
    text: str = ""
    """Words, each of which stands in the title, in capitals or not."""
    signer: Actor | None = None
    """A person whose signature the change waits for."""
    now: datetime | None = None
    """The present instant: what waits for a signature has a day that lies ahead. None is before every day."""

    def matches(self, change: Change) -> bool:
        """Return True if a change is wanted."""
        submission, draft = change.submission, change.draft
        versions = (*(submission.versions if submission else ()), *draft.versions)
        policies = {*(version.policy for version in versions), *draft.ends}
        return (
            (not self.states or change.state in self.states)
            and (self.kind is None or change.kind == self.kind)
            and (self.author is None or change.author.id == self.author)
            and (self.policy is None or self.policy in policies)
            and all(word in search_form(change.draft.title) for word in search_form(self.text).split())
            and (self.signer is None or awaits_signature_of(change, self.signer, self.now))
        )

    def conditions(self) -> list[ColumnElement[bool]]:
        """Build conditions that every matching change satisfies, and few others."""
        conditions: list[ColumnElement[bool]] = []
        if self.kind is not None:
            conditions.append(col(ChangeRow.kind) == self.kind)
        if self.author is not None:
            conditions.append(col(ChangeRow.author) == self.author)
        if self.policy is not None:
            conditions.append(_concerns_policy(self.policy))
        if words := [word for word in search_form(self.text).split() if word.isprintable()]:
            conditions.append(_title_contains(words[:MAX_SEARCH_WORDS]))
        if self.signer is not None:
            conditions.append(state_condition(ChangeState.SUBMITTED))
        if self.states == OPEN:
            conditions.append(open_condition())
        elif self.states:
            conditions.append(or_(false(), *map(state_condition, sorted(self.states))))
        return conditions


NO_FILTER = ChangeFilter()
"""Every change."""


def awaits_signature_of(change: Change, actor: Actor, now: datetime | None) -> bool:
    """Return True if a change waits for a signature that the actor can give, once it is confirmed who that is."""
    if change.state is not ChangeState.SUBMITTED:
        return False
    now = now or change.actions[-1].at
    return sign_permission(
        actor, now, lambda confirmed, role: check_permission(change, Action.SIGN_OFF, confirmed, now, role=role)
    ).allowed


def state_condition(state: ChangeState) -> ColumnElement[bool]:
    """Build the condition on the row of every change in a state, see the table above."""
    if state in OPEN:
        return (
            and_(open_condition(), _had_action([REACHING_ACTIONS[state]]))
            if state in REACHING_ACTIONS
            else open_condition()
        )
    if state is ChangeState.SCHEDULED:
        return and_(_had_action([Action.SCHEDULE]), ~_had_action([Action.CANCEL]))
    return _had_action([CLOSING_ACTIONS[state]])


def open_condition() -> ColumnElement[bool]:
    """Build the condition on the row of every open change, and of no other."""
    return ~_had_action(CLOSING_ACTIONS.values())


def _had_action(actions: Iterable[Action]) -> ColumnElement[bool]:
    """Build the condition that one of the actions was ever done to the change."""
    query = select(ActionRow.change).where(col(ActionRow.action).in_(list(actions)))
    return _id_in(query)


def _concerns_policy(policy: str) -> ColumnElement[bool]:
    """Build the condition that the change submitted the policy, or may name its version without being submitted."""
    submissions = select(SubmittedVersionRow.change).where(SubmittedVersionRow.policy == policy)
    is_final = _had_action(action for state, action in CLOSING_ACTIONS.items() if state is not ChangeState.WITHDRAWN)
    return or_(_id_in(submissions), and_(col(ChangeRow.kind) != "change", ~is_final))


def _title_contains(words: Iterable[str]) -> ColumnElement[bool]:
    """Build the condition that the change ever had a title with these words."""
    query = select(ChangeTitleRow.change)
    for word in words:
        query = query.where(col(ChangeTitleRow.search_text).contains(word, autoescape=True))
    return _id_in(query)


def _id_in(changes: Any) -> ColumnElement[bool]:  # noqa: ANN401  # SQLModel's
    return col(ChangeRow.id).in_(changes)
