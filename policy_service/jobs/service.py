"""All writes of jobs, in sessions of `Database.write_unlogged`: jobs are not part of the record.

    start_job ──► running ──► end_job: done, failed, cancelled, interrupted

An ended job never changes: `report_progress` and `end_job` return whether it was still running.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, func, update
from sqlmodel import Session, col, select

from policy_service.database.declared import table_of
from policy_service.jobs.encoding import encode_json
from policy_service.jobs.errors import TooManyJobs
from policy_service.jobs.model import Job, JobState
from policy_service.jobs.tables import JobRow
from policy_service.messages import Message

MAX_RUNNING_JOBS = 4
"""Maximum number of running jobs of one account."""
_JOB = table_of(JobRow)
_IS_RUNNING = _JOB.c.state == JobState.RUNNING


def start_job(session: Session, job: Job, process: str, *, alone: bool) -> None:
    """Store a running job. Raises TooManyJobs if the account has too many, or the kind runs `alone`."""
    if alone and _count_running(session, _JOB.c.kind == job.kind):
        raise TooManyJobs(Message("Another job of this kind is running. Start it again when that has ended."))
    running = _count_running(session, _JOB.c.account == job.account)
    if running >= MAX_RUNNING_JOBS:
        raise TooManyJobs(Message("{count} of your jobs are running. Wait until one has ended.", count=running))
    session.add(
        JobRow(
            id=job.id,
            kind=job.kind,
            account=job.account,
            requested_by=job.requested_by,
            parameters=encode_json(job.parameters),
            state=job.state.value,
            started_at=job.started_at,
            file_name=job.file_name,
            process=process,
            seen_at=job.started_at,
        )
    )
    session.flush()


def report_progress(session: Session, job_id: str, completed: int, total: int | None, now: datetime) -> bool:
    """Store the progress of a job, and that its process lives. Return True if it is still running."""
    values = {"completed": completed, "total": total, "seen_at": now}
    statement = update(_JOB).where(_JOB.c.id == job_id, _IS_RUNNING).values(values)
    return session.connection().execute(statement).rowcount == 1


def end_job(session: Session, job: Job) -> bool:
    """Store the final state of a job. Return True if it was still running."""
    statement = (
        update(_JOB)
        .where(_JOB.c.id == job.id, _IS_RUNNING)
        .values(
            state=job.state.value,
            completed=job.completed,
            total=job.total,
            ended_at=job.ended_at,
            result=job.result_json,
            file_size=job.file_size,
            problem=None if job.problem is None else encode_json(job.problem),
            mac=job.mac,
        )
    )
    return session.connection().execute(statement).rowcount == 1


def interrupt_jobs(session: Session, processes: Sequence[str], now: datetime) -> list[str]:
    """Mark the jobs of dead processes as interrupted. Return their ids."""
    is_theirs = (_IS_RUNNING, _JOB.c.process.in_(processes))
    ids = list(session.exec(select(JobRow.id).where(*is_theirs)))
    session.connection().execute(update(_JOB).where(*is_theirs).values(state=JobState.INTERRUPTED.value, ended_at=now))
    return ids


def remove_jobs(session: Session, ids: Sequence[str]) -> None:
    """Delete jobs."""
    session.connection().execute(delete(_JOB).where(_JOB.c.id.in_(ids)))


def _count_running(session: Session, where: object) -> int:
    return session.exec(select(func.count(col(JobRow.id))).where(_IS_RUNNING, where)).one()  # type: ignore[arg-type]
