"""The lives of changes: what is done to each of them, when; most end, and those that were begun last are open."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from policy_service.approval.change import Action, Kind

EDITED, SENT_BACK, ROLLED_BACK, DISCUSSED = 0.3, 0.1, 0.05, 0.25
"""Which shares of all changes are edited, sent back, rollbacks, commented on."""
FATES = ((Action.SCHEDULE, 75), (Action.REJECT, 10), (Action.WITHDRAW, 11), (Action.CANCEL, 4))
"""How changes end, of a hundred."""
AHEAD = timedelta(days=20)
"""How long after it is begun a change asks to be in force."""

MOST_SIGNERS = 3


@dataclass(frozen=True, slots=True, order=True)
class Step:
    """One thing that is done to one change."""

    at: datetime
    change: int
    action: Action


@dataclass(frozen=True, slots=True)
class Life:
    """A change before anything is done to it."""

    number: int
    kind: Kind
    policy: int
    effective: datetime
    steps: tuple[Step, ...]


def lives(count: int, policies: int, start: datetime, end: datetime, chance: random.Random) -> Iterator[Life]:
    """So many lives between two instants; whatever would be done later is left out."""
    for number in range(count):
        begun = start + (end - start) * number / count
        kind: Kind = "rollback" if chance.random() < ROLLED_BACK else "change"
        steps = [
            Step(at, number, action)
            for at, action in _timed(begun, _actions(chance), chance)
            if at < end or action is Action.CREATE
        ]
        effective = (begun + AHEAD).replace(minute=0, second=0, microsecond=number)
        yield Life(number, kind, chance.randrange(policies), effective, tuple(steps))


def _actions(chance: random.Random) -> Iterator[Action]:
    """What is done, in order; a signature when none is owed any more is left out by whoever does it."""
    yield Action.CREATE
    if chance.random() < EDITED:
        yield Action.EDIT
    if chance.random() < DISCUSSED:
        yield Action.COMMENT
    fate = chance.choices([fate for fate, _ in FATES], [share for _, share in FATES])[0]
    if fate is Action.WITHDRAW and chance.random() < EDITED:
        yield fate
        return
    yield Action.SUBMIT
    if chance.random() < SENT_BACK:
        yield from (Action.REQUEST_CHANGES, Action.EDIT, Action.SUBMIT)
    if fate in {Action.REJECT, Action.WITHDRAW}:
        yield fate
        return
    yield from (*(Action.SIGN_OFF,) * MOST_SIGNERS, Action.SCHEDULE)
    if fate is Action.CANCEL:
        yield fate


def _timed(begun: datetime, actions: Iterator[Action], chance: random.Random) -> Iterator[tuple[datetime, Action]]:
    """Each action at its time: a day or so after the one before."""
    at = begun
    for action in actions:
        yield at, action
        at += timedelta(hours=chance.uniform(2, 40))
