"""The lives of changes: what is done to each of them, when; most end, and those that were begun last are open."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from policy_service.approval.change import Action, ChangeKind

EDITED_SHARE, SENT_BACK_SHARE, ROLLBACK_SHARE, COMMENTED_SHARE = 0.3, 0.1, 0.05, 0.25
"""Which shares of all changes are edited, sent back, rollbacks, commented on."""
OUTCOMES = ((Action.SCHEDULE, 75), (Action.REJECT, 10), (Action.WITHDRAW, 11), (Action.CANCEL, 4))
"""How changes end, of a hundred."""
LEAD_TIME = timedelta(days=20)
"""How long after it is begun a change asks to be in force."""

MAX_SIGNERS = 3


@dataclass(frozen=True, slots=True, order=True)
class PlannedAction:
    """One thing that is done to one change."""

    at: datetime
    change: int
    action: Action


@dataclass(frozen=True, slots=True)
class ChangePlan:
    """A change before anything is done to it."""

    number: int
    kind: ChangeKind
    policy: int
    effective: datetime
    steps: tuple[PlannedAction, ...]


def plan_changes(count: int, policies: int, start: datetime, end: datetime, rng: random.Random) -> Iterator[ChangePlan]:
    """So many lives between two instants; whatever would be done later is left out."""
    for number in range(count):
        begins_at = start + (end - start) * number / count
        kind: ChangeKind = "rollback" if rng.random() < ROLLBACK_SHARE else "change"
        steps = [
            PlannedAction(at, number, action)
            for at, action in _timed(begins_at, _actions(rng), rng)
            if at < end or action is Action.CREATE
        ]
        effective = (begins_at + LEAD_TIME).replace(minute=0, second=0, microsecond=number)
        yield ChangePlan(number, kind, rng.randrange(policies), effective, tuple(steps))


def _actions(rng: random.Random) -> Iterator[Action]:
    """Return the actions, in order; a signature that is not owed any more is left out by the caller."""
    yield Action.CREATE
    if rng.random() < EDITED_SHARE:
        yield Action.EDIT
    if rng.random() < COMMENTED_SHARE:
        yield Action.COMMENT
    outcome = rng.choices([each for each, _ in OUTCOMES], [share for _, share in OUTCOMES])[0]
    if outcome is Action.WITHDRAW and rng.random() < EDITED_SHARE:
        yield outcome
        return
    yield Action.SUBMIT
    if rng.random() < SENT_BACK_SHARE:
        yield from (Action.REQUEST_CHANGES, Action.EDIT, Action.SUBMIT)
    if outcome in {Action.REJECT, Action.WITHDRAW}:
        yield outcome
        return
    yield from (*(Action.SIGN_OFF,) * MAX_SIGNERS, Action.SCHEDULE)
    if outcome is Action.CANCEL:
        yield outcome


def _timed(begins_at: datetime, actions: Iterator[Action], rng: random.Random) -> Iterator[tuple[datetime, Action]]:
    """Each action at its time: a day or so after the one before."""
    at = begins_at
    for action in actions:
        yield at, action
        at += timedelta(hours=rng.uniform(2, 40))
