"""Finds the re-evaluations that are due: of versions recently in force by which no subject was decided yet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlmodel import Session

from policy_service.decisions.in_force import OWN_DOMAIN
from policy_service.decisions.reevaluation import Reevaluation
from policy_service.jobs.model import Job, JobState
from policy_service.registry.model import Activation, ActivationKind
from policy_service.registry.service import activations_in_force

LOOK_BACK = timedelta(days=7)
"""How long after its day a version is still considered: the service may have been down."""
MAX_ATTEMPTS = 3
"""Maximum number of starts of a re-evaluation that failed or was interrupted."""


def due_reevaluations(
    session: Session, now: datetime, zone: ZoneInfo, max_age: int, jobs: Sequence[Job]
) -> list[Reevaluation]:
    """Return the re-evaluations to start.

    `jobs` are those started before; `max_age` is the maximum age of facts in days.
    """
    scopes = (
        Reevaluation(each.policy, each.effective.start.astimezone(zone).date(), max_age)
        for each in _recent(session, now)
    )
    return [scope for scope in scopes if _is_due(scope, jobs)]


def _recent(session: Session, now: datetime) -> Iterator[Activation]:
    """Yield recent activations, oldest first; without first imports, which concern no subject yet."""
    for each in sorted(activations_in_force(session, now).values(), key=lambda each: each.seq):
        is_recent = now - LOOK_BACK < each.effective.start
        about_subjects = not each.is_stop and not each.policy.startswith(f"{OWN_DOMAIN}/")
        if is_recent and about_subjects and each.kind is not ActivationKind.INITIAL:
            yield each


def _is_due(scope: Reevaluation, jobs: Sequence[Job]) -> bool:
    parameters = {"policy": scope.policy, "max_age": scope.max_age, "as_of": scope.as_of.isoformat()}
    states = [job.state for job in jobs if job.parameters == parameters]
    ended = {JobState.FAILED, JobState.INTERRUPTED}
    return len(states) < MAX_ATTEMPTS and ended.issuperset(states)
