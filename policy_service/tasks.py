"""A person's tasks: the changes, suspensions, overrides and accounts that await them.

The home page lists them, and the menu of every page counts them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlmodel import Session

from policy_service.actor import Actor, Role
from policy_service.approval.change import Action, Change, ChangeState
from policy_service.approval.permissions import ratify_permission
from policy_service.approval.queries import awaiting_author, awaiting_signature
from policy_service.approval.suspension import Suspension
from policy_service.approval.suspension_queries import read_suspensions
from policy_service.database import cached
from policy_service.decisions.override import Override, signing_roles
from policy_service.decisions.override_store import read_overrides
from policy_service.identity.account import Account
from policy_service.identity.service import awaiting_attestation
from policy_service.overrides.signature_validity import with_signature_validity

MAX_TASKS = 9
"""Maximum number of tasks of a kind that are read and counted."""


class TaskKind(StrEnum):
    """The kind of a task."""

    CHANGE = "change"
    SUSPENSION = "suspension"
    OVERRIDE = "override"
    ACCOUNT = "account"


@dataclass(frozen=True, slots=True)
class Tasks:
    """The tasks of a person, at most MAX_TASKS of each kind."""

    to_sign: tuple[Change, ...]
    """The longest-waiting first, as in the next two."""
    to_ratify: tuple[Suspension, ...]
    to_countersign: tuple[Override, ...]
    own: tuple[Change, ...]
    """The person's changes that are drafts or await scheduling, the one acted on last first."""
    to_attest: tuple[Account, ...]

    @property
    def returned(self) -> tuple[Change, ...]:
        """The person's drafts that were sent back, and only edited since."""
        return tuple(change for change in self.own if _was_returned(change))

    @property
    def drafts(self) -> tuple[Change, ...]:
        """The person's other drafts."""
        return tuple(each for each in self.own if each.state is ChangeState.DRAFT and not _was_returned(each))

    @property
    def to_schedule(self) -> tuple[Change, ...]:
        """The person's fully signed changes that are not scheduled yet."""
        return tuple(change for change in self.own if change.state is ChangeState.SIGNED_OFF)

    def deadlines(self) -> Iterator[tuple[TaskKind, datetime | None]]:
        """Yield the kind of each task, and its deadline; drafts count only if they were sent back."""
        yield from ((TaskKind.CHANGE, signing_deadline(change)) for change in self.to_sign)
        yield from ((TaskKind.CHANGE, None) for _ in (*self.returned, *self.to_schedule))
        yield from ((TaskKind.SUSPENSION, suspension.until) for suspension in self.to_ratify)
        yield from ((TaskKind.OVERRIDE, override.lapses_at or override.until) for override in self.to_countersign)
        yield from ((TaskKind.ACCOUNT, None) for _ in self.to_attest)


def signing_deadline(change: Change) -> datetime | None:
    """Return the deadline for signing a change; None for first versions, which are in force already."""
    return None if change.kind == "first_versions" else change.frozen_submission.effective.start


def read_tasks(session: Session, actor: Actor, now: datetime) -> Tasks:
    """Return the tasks of a person. Raises DamagedRecord."""
    overrides = with_signature_validity(session, [each for _, each in read_overrides(session, waiting_at=now)], now)
    attests = bool(actor.roles & {Role.COMPLIANCE, Role.ADMINISTRATOR})
    return Tasks(
        to_sign=awaiting_signature(session, actor, now, limit=MAX_TASKS).items,
        to_ratify=tuple(
            each
            for each in read_suspensions(session)
            if each.is_active(now) and each.ratification is None and ratify_permission(each, actor, now).allowed
        )[:MAX_TASKS],
        to_countersign=tuple(each for each in overrides if signing_roles(each, actor, now))[:MAX_TASKS],
        own=awaiting_author(session, actor, limit=MAX_TASKS),
        to_attest=awaiting_attestation(session, actor)[:MAX_TASKS] if attests else (),
    )


def count_tasks(session: Session, actor: Actor, now: datetime) -> Mapping[TaskKind, int]:
    """Count the tasks of a person by kind; cached until the log grows. Raises DamagedRecord."""
    deadlines = cached(session, f"tasks-of:{actor.id}", lambda _: tuple(read_tasks(session, actor, now).deadlines()))
    return Counter(kind for kind, until in deadlines if until is None or until > now)


def _was_returned(change: Change) -> bool:
    actions = [acted.action for acted in change.actions if acted.action is not Action.EDIT]
    return change.state is ChangeState.DRAFT and actions[-1] is Action.REQUEST_CHANGES
