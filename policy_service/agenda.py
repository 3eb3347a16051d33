"""The agenda of a person: open tasks, what takes effect or ends soon, and recent events.

The cost does not grow with the number of changes, decisions or entries: each list is short, and uses an index.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Literal
from zoneinfo import ZoneInfo

from sqlmodel import Session

from policy_service.actor import Actor
from policy_service.approval import service as approval
from policy_service.approval.queries import OPEN, count_by_state, upcoming_changes
from policy_service.approval.service import Change, ChangeState, Suspension
from policy_service.audit.service import unsigned_count
from policy_service.decisions.block_store import count_unsealed
from policy_service.decisions.groups.outcome_counts import PolicyCounts, read_group_counts
from policy_service.decisions.override import Override
from policy_service.decisions.override_store import read_overrides
from policy_service.language.policy import Bilingual
from policy_service.messages import Message
from policy_service.registry import policy_cache
from policy_service.registry.catalogue import Catalogue
from policy_service.registry.recent_activations import (
    EndingActivation,
    RecentActivation,
    ending_activations,
    recent_activations,
)
from policy_service.signing_tasks import SigningTask, change_task, override_task, suspension_task
from policy_service.tasks import Tasks, read_tasks

MAX_ITEMS = 8
"""Maximum number of items in a list; other pages or operations return the whole list."""
WEEK, SOON = timedelta(days=7), timedelta(days=30)
"""What comes into force this week, and what ends soon."""
Readable = frozenset[Literal["changes", "groups", "overrides"]]
"""The lists that a person may read."""


@dataclass(frozen=True, slots=True)
class PendingTasks:
    """The tasks of a person."""

    to_sign: tuple[SigningTask, ...]
    """Changes, suspensions and overrides that they must sign, the earliest deadline first."""
    others: Tasks

    @property
    def has_others(self) -> bool:
        """True if there is a task other than signing, or a draft of theirs."""
        return bool(self.others.own or self.others.to_attest)


@dataclass(frozen=True, slots=True)
class EndingItem:
    """A version, a suspension or an override that ends soon."""

    kind: Message
    title: Bilingual
    """The title of the policy."""
    ends: EndingActivation | Suspension | Override

    @property
    def thing(self) -> Literal["versions", "suspensions", "overrides"]:
        """The kind of item."""
        match self.ends:
            case Suspension():
                return "suspensions"
            case Override():
                return "overrides"
            case _:
                return "versions"

    @property
    def name(self) -> str:
        """The policy, and the version or the override's subject."""
        about = f"· {self.ends.subject.id}" if isinstance(self.ends, Override) else self.ends.version
        return f"{self.ends.policy} {about}"


@dataclass(frozen=True, slots=True)
class RecentVersion:
    """A version that took effect, and its title."""

    title: Bilingual
    activation: RecentActivation


@dataclass(frozen=True, slots=True)
class ScheduledDay:
    """The versions that take effect on a day."""

    day: date
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Agenda:
    """The agenda of a person; None for what they may not read."""

    tasks: PendingTasks
    this_week: tuple[ScheduledDay, ...] | None
    """What takes effect within a week, by day."""
    later: tuple[ScheduledDay, ...] | None
    """What takes effect after that."""
    ending: tuple[EndingItem, ...]
    """What ends soon, the first end first."""
    counts: Mapping[ChangeState, int] | None
    groups: tuple[PolicyCounts, ...]
    """The number of subjects by outcome; empty for readers without permission."""
    activations: tuple[RecentVersion, ...]
    running_suspensions: tuple[Suspension, ...]
    """The active suspensions."""
    unsealed: int
    unsigned: int


def read_agenda(  # noqa: PLR0913  # where and when it is read, and for whom
    session: Session, catalogue: Catalogue, actor: Actor, now: datetime, zone: ZoneInfo, *, readable: Readable
) -> Agenda:
    """Return the agenda of a person who may read some lists; days are in `zone`. Raises DamagedRecord."""
    may_read_changes = "changes" in readable
    running = tuple(each for each in approval.read_suspensions(session) if each.is_active(now))
    state_counts = count_by_state(session) if may_read_changes else None
    upcoming = _by_day(upcoming_changes(session, now, limit=MAX_ITEMS), zone) if may_read_changes else None
    last_day = (now + WEEK).astimezone(zone).date()
    return Agenda(
        tasks=_pending_tasks(session, actor, now),
        this_week=tuple(each for each in upcoming if each.day <= last_day) if upcoming is not None else None,
        later=tuple(each for each in upcoming if each.day > last_day) if upcoming is not None else None,
        ending=_ending(session, catalogue, now, running, with_overrides="overrides" in readable),
        counts={state: state_counts[state] for state in ChangeState if state in OPEN}
        if state_counts is not None
        else None,
        groups=read_group_counts(session, catalogue, now) if "groups" in readable else (),
        activations=tuple(
            RecentVersion(_title(session, catalogue, each.policy, each.version), each)
            for each in recent_activations(session, now, limit=MAX_ITEMS)
        ),
        running_suspensions=running,
        unsealed=count_unsealed(session),
        unsigned=unsigned_count(session),
    )


def _pending_tasks(session: Session, actor: Actor, now: datetime) -> PendingTasks:
    tasks = read_tasks(session, actor, now)
    to_sign = (
        *(change_task(session, change) for change in tasks.to_sign),
        *map(suspension_task, tasks.to_ratify),
        *map(override_task, tasks.to_countersign),
    )
    return PendingTasks(tuple(sorted(to_sign, key=lambda task: (task.due is None, task.due))), tasks)


def _ending(
    session: Session, catalogue: Catalogue, now: datetime, running: Sequence[Suspension], *, with_overrides: bool
) -> tuple[EndingItem, ...]:
    """Return the versions, suspensions and overrides that end within `SOON`."""
    ending: list[tuple[Message, EndingActivation | Suspension | Override]] = [
        *((Message("Version"), each) for each in ending_activations(session, now, now + SOON, limit=MAX_ITEMS)),
        *((Message("Suspension"), each) for each in running),
    ]
    if with_overrides:
        overrides = read_overrides(session, active_at=now, ending_by=now + SOON, limit=MAX_ITEMS)
        ending += [(Message("Override"), each) for _, each in overrides]
    return tuple(
        EndingItem(kind, _title(session, catalogue, each.policy, each.version), each)
        for kind, each in sorted(ending, key=lambda item: item[1].until)[:MAX_ITEMS]
    )


def _title(session: Session, catalogue: Catalogue, policy: str, version: str) -> Bilingual:
    """Return a policy's title in one version."""
    return policy_cache.load_head(session, catalogue.snapshot(session).version(policy, version).digest).title


def _by_day(changes: Sequence[Change], zone: ZoneInfo) -> tuple[ScheduledDay, ...]:
    def day(change: Change) -> date:
        return change.frozen_submission.effective.start.astimezone(zone).date()

    return tuple(ScheduledDay(start_day, tuple(each)) for start_day, each in groupby(sorted(changes, key=day), key=day))
