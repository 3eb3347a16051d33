"""Starts a re-evaluation by itself when a version has come into force, if `POLICY_SERVICE_REEVALUATION_DAYS` says so.

Every process looks once a minute at the versions that came into force lately. Jobs are on record, so each is started
once, whichever process sees it first. One that was interrupted is started again, a few times at most: it goes on where
it was.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import datetime, timedelta

from sqlmodel import Session
from starlette.concurrency import run_in_threadpool

from api.features.reevaluations.jobs import REEVALUATION, ReevaluationForm
from api.service import Service
from policy_service.actor import SERVICE
from policy_service.database import DatabaseUnavailable
from policy_service.decisions.in_force import OWN_DOMAIN
from policy_service.integrity import DamagedRecord
from policy_service.jobs.errors import TooManyJobs
from policy_service.jobs.model import Job, JobState
from policy_service.jobs.queries import list_jobs
from policy_service.jobs.runner import Jobs
from policy_service.registry.model import Activation, ActivationKind, all_active_at
from policy_service.registry.service import activations

LOOK_SECONDS = 60.0
"""Seconds between two looks."""
LOOK_BACK = timedelta(days=7)
"""How long after its day a version is still acted on: the service may have been down."""
MAX_ATTEMPTS = 3
"""How often a re-evaluation is started that failed or was interrupted."""
MAX_JOBS = 200
"""The newest jobs that are looked through."""


async def reevaluate_activated(service: Service, jobs: Jobs) -> None:
    """Start what is due now and once a minute, until it is cancelled."""
    while service.settings.reevaluation_days:
        try:
            for form in await run_in_threadpool(due_forms, service):
                await jobs.start(REEVALUATION, SERVICE, form)
        except TooManyJobs:
            pass  # one at a time: the next look starts the next
        except (DatabaseUnavailable, DamagedRecord) as error:
            service.log.warning("reevaluation_not_started", reason=str(error))
        await asyncio.sleep(LOOK_SECONDS)


def due_forms(service: Service) -> list[ReevaluationForm]:
    """The re-evaluations to start: of versions that came into force lately, and were not decided by yet."""
    now, settings = service.now(), service.settings
    with service.database.read() as session:
        jobs = _own_jobs(session)
        forms = [
            ReevaluationForm(
                policy=each.policy,
                max_age=settings.reevaluation_days,
                as_of=each.effective.start.astimezone(service.zone).date(),
            )
            for each in _recent(session, now)
        ]
    return [form for form in forms if _is_due(form, jobs)]


def _recent(session: Session, now: datetime) -> Iterator[Activation]:
    """The activations of late, the oldest first; a first import is about nobody yet."""
    for each in sorted(all_active_at(activations(session), now, now).values(), key=lambda each: each.seq):
        is_recent = now - LOOK_BACK < each.effective.start
        about_subjects = not each.is_stop and not each.policy.startswith(f"{OWN_DOMAIN}/")
        if is_recent and about_subjects and each.kind is not ActivationKind.INITIAL:
            yield each


def _own_jobs(session: Session) -> list[Job]:
    return list(list_jobs(session, SERVICE.id, [REEVALUATION.name], limit=MAX_JOBS).items)


def _is_due(form: ReevaluationForm, jobs: list[Job]) -> bool:
    states = [job.state for job in jobs if job.parameters == form.model_dump(mode="json", exclude_none=True)]
    ended = {JobState.FAILED, JobState.INTERRUPTED}
    return len(states) < MAX_ATTEMPTS and ended.issuperset(states)
