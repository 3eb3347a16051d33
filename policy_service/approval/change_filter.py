"""The filter of changes: as a value, as SQL that may return too much, and as an exact test of one change.

The state of a change is the fold of its actions and is not stored, so SQL selects by actions:

| state                         | actions the change has                       | and has not                         |
|-------------------------------|----------------------------------------------|-------------------------------------|
| rejected, withdrawn, cancelled | the one of that name                        |                                     |
| scheduled                     | schedule                                     | cancel                              |
| draft                         |                                              | reject, withdraw, schedule, cancel  |
| under_analysis                | analyse                                      | the same                            |
| submitted                     | submit                                       | the same                            |
| signed_off                    | sign_off                                     | the same                            |

The last four rows select too many, since a change can be sent back; after folding, a list applies `matches`.
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
"""The states in which a change awaits a person, or will after the analysis."""
CLOSING_ACTIONS: Mapping[ChangeState, Action] = {
    ChangeState.REJECTED: Action.REJECT,
    ChangeState.WITHDRAWN: Action.WITHDRAW,
    ChangeState.SCHEDULED: Action.SCHEDULE,
    ChangeState.CANCELLED: Action.CANCEL,
}
"""The action that ends the review for good, by the state it leads to."""
REACHING_ACTIONS: Mapping[ChangeState, Action] = {
    ChangeState.UNDER_ANALYSIS: Action.ANALYSE,
    ChangeState.SUBMITTED: Action.SUBMIT,
    ChangeState.SIGNED_OFF: Action.SIGN_OFF,
}
"""For each state, an action that a change in it must have."""
MAX_SEARCH_WORDS = 8
"""Maximum number of title words that SQL searches for; the exact test covers the others."""


@dataclass(frozen=True, slots=True)
class ChangeFilter:
    """Filters of a list of changes; an empty field or None matches any."""

    states: frozenset[ChangeState] = frozenset()
    kind: ChangeKind | None = None
    author: str | None = None
    """The identifier of an account."""
    policy: str | None = None
    """A policy submitted or rolled back by the change; drafts never submitted are not searched."""
    text: str = ""
    """Words that the title must contain, in any case."""
    signer: Actor | None = None
    """A person whose signature the change awaits."""
    now: datetime | None = None
    """The current instant, since a change can only be signed before its day; None counts as before every day."""

    def matches(self, change: Change) -> bool:
        """Return True if a change matches."""
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
        """Return SQL conditions that every matching change satisfies, and few others."""
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
    """Return True if a change awaits a signature that the actor, after re-authentication, can give."""
    if change.state is not ChangeState.SUBMITTED:
        return False
    now = now or change.actions[-1].at
    return sign_permission(
        actor, now, lambda confirmed, role: check_permission(change, Action.SIGN_OFF, confirmed, now, role=role)
    ).allowed


def state_condition(state: ChangeState) -> ColumnElement[bool]:
    """Return the condition that selects every change in a state; see the table above."""
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
    """Return the condition that selects exactly the open changes."""
    return ~_had_action(CLOSING_ACTIONS.values())


def _had_action(actions: Iterable[Action]) -> ColumnElement[bool]:
    """Return the condition that the change ever had one of the actions."""
    query = select(ActionRow.change).where(col(ActionRow.action).in_(list(actions)))
    return _id_in(query)


def _concerns_policy(policy: str) -> ColumnElement[bool]:
    """Return the condition that the change submitted the policy, or may name it without a submission."""
    submissions = select(SubmittedVersionRow.change).where(SubmittedVersionRow.policy == policy)
    is_final = _had_action(action for state, action in CLOSING_ACTIONS.items() if state is not ChangeState.WITHDRAWN)
    return or_(_id_in(submissions), and_(col(ChangeRow.kind) != "change", ~is_final))


def _title_contains(words: Iterable[str]) -> ColumnElement[bool]:
    """Return the condition that the change ever had a title with these words."""
    query = select(ChangeTitleRow.change)
    for word in words:
        query = query.where(col(ChangeTitleRow.search_text).contains(word, autoescape=True))
    return _id_in(query)


def _id_in(changes: Any) -> ColumnElement[bool]:  # noqa: ANN401  # SQLModel's
    return col(ChangeRow.id).in_(changes)
