"""The last verdict on the log, for the readers of the log."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from api.features.audit.jobs import VERIFICATION
from api.workers.jobs import Jobs
from policy_service.audit.verdict import LogVerdict
from policy_service.jobs.queries import last_done


@dataclass(frozen=True, slots=True)
class LastVerdict:
    """A verdict, when it was reached and for whom."""

    verdict: LogVerdict
    at: datetime
    by: str


def last_verdict(session: Session, jobs: Jobs) -> LastVerdict | None:
    """Return the last verdict; None when none is on record that a process of the service wrote."""
    job = last_done(session, VERIFICATION.name)
    if job is None or job.ended_at is None or not jobs.is_genuine(job):
        return None
    return LastVerdict(jobs.result_of(job), job.ended_at, job.requested_by)
