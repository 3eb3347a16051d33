"""All reads of jobs."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Literal

from sqlmodel import Session, col, func, or_, select

from policy_service.integrity import reading_row
from policy_service.jobs.encoding import decode_json
from policy_service.jobs.model import Job, JobProblem, JobState
from policy_service.jobs.tables import JobRow
from policy_service.paging import Page, both_ways, fetch

JobSort = Literal["started", "-started"]
"""By start time; with `-` newest first."""
_ORDERS = both_ways("started", col(JobRow.started_at), col(JobRow.id))


def read_job(
    session: Session, job_id: str, account: str, kind: str | None = None, *, shared: Collection[str] = ()
) -> Job | None:
    """Return a job of the account or of a shared kind; None if there is none (any more). Raises DamagedRecord."""
    row = session.get(JobRow, job_id)
    if row is None or kind not in {None, row.kind} or (row.account != account and row.kind not in shared):
        return None
    return _job(row)


def read_jobs(session: Session, ids: Collection[str]) -> list[Job]:
    """Return the jobs with these identifiers, of all accounts. Raises DamagedRecord."""
    return [_job(row) for row in session.exec(select(JobRow).where(col(JobRow.id).in_(ids)))]


def list_jobs(  # noqa: PLR0913  # which, in which order, how many
    session: Session,
    account: str,
    kinds: Collection[str],
    *,
    shared: Collection[str] = (),
    sort: JobSort = "-started",
    cursor: str | None = None,
    limit: int = 50,
) -> Page[Job]:
    """Return a page of the jobs of some kinds that the account started, or anyone if the kind is shared.

    Raises InvalidCursor, DamagedRecord.
    """
    is_found = or_(col(JobRow.account) == account, col(JobRow.kind).in_(shared))
    query = select(JobRow).where(is_found, col(JobRow.kind).in_(kinds))
    return fetch(session, query, _ORDERS[sort], _job, after=cursor, limit=limit)


def last_done(session: Session, kind: str) -> Job | None:
    """Return the last finished job of the kind, of any account; None if there is none."""
    query = select(JobRow).where(JobRow.kind == kind, JobRow.state == JobState.DONE)
    row = session.exec(query.order_by(col(JobRow.ended_at).desc(), col(JobRow.id).desc()).limit(1)).first()
    return None if row is None else _job(row)


def running_processes(session: Session) -> dict[str, datetime | None]:
    """Return the processes that have running jobs, each with when it last wrote the progress of one."""
    query = select(JobRow.process, func.max(JobRow.seen_at)).where(JobRow.state == JobState.RUNNING)
    return dict(session.exec(query.group_by(JobRow.process)).all())


def expired_jobs(session: Session, keep: Mapping[str, timedelta], default: timedelta, now: datetime) -> list[str]:
    """Return the jobs that ended longer ago than their kind's retention time."""
    ended = session.exec(select(JobRow.id, JobRow.kind, JobRow.ended_at).where(col(JobRow.ended_at).is_not(None)))
    return [id_ for id_, kind, at in ended if at is not None and at + keep.get(kind, default) <= now]


def ended_jobs(session: Session, kinds: Collection[str], until: datetime | None) -> list[str]:
    """Return the ended jobs of some kinds that started by an instant, if given."""
    if until is None:
        return []
    query = select(JobRow.id).where(col(JobRow.kind).in_(kinds), col(JobRow.ended_at).is_not(None))
    return list(session.exec(query.where(col(JobRow.started_at) <= until)))


def _job(row: JobRow) -> Job:
    with reading_row("job", row.id):
        return Job(
            row.id,
            row.kind,
            row.account,
            row.requested_by,
            decode_json(row.parameters),
            JobState(row.state),
            row.started_at,
            row.ended_at,
            row.completed,
            row.total,
            row.result,
            row.file_name,
            row.file_size,
            None if row.problem is None else JobProblem(**decode_json(row.problem)),
            row.mac,
        )
