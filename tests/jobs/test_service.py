"""The rows of jobs: one that has ended stays as it is, and a job is no part of the record."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from policy_service.database import Database, transaction_count
from policy_service.jobs.errors import TooManyJobs
from policy_service.jobs.model import Job, JobProblem, JobState
from policy_service.jobs.queries import expired_jobs, last_done, list_jobs, read_job, running_processes
from policy_service.jobs.service import (
    MAX_RUNNING_JOBS,
    end_job,
    interrupt_jobs,
    remove_jobs,
    report_progress,
    start_job,
)
from policy_service.messages import Message
from policy_service.paging import InvalidCursor, Page
from tests.databases import BACKENDS, START, fresh_database

PROCESS = "0" * 36


@pytest.fixture(scope="module", params=BACKENDS)
def shared(request: pytest.FixtureRequest) -> Iterator[Database]:
    with fresh_database(request.param) as database:
        yield database


@pytest.fixture
def database(shared: Database) -> Iterator[Database]:
    yield shared
    with shared.write_unlogged() as session:
        session.connection().exec_driver_sql("DELETE FROM job")


def job(number: int, kind: str = "export", account: str = "ann") -> Job:
    at = START + timedelta(seconds=number)
    return Job(f"{number:036}", kind, account, "Ann", {"policy": "a/b"}, JobState.RUNNING, at)


def started(database: Database, *jobs: Job, alone: bool = False) -> None:
    with database.write_unlogged() as session:
        for each in jobs:
            start_job(session, each, PROCESS, alone=alone)


def read(database: Database, one: Job) -> Job:
    with database.read() as session:
        result = read_job(session, one.id, one.account)
    assert result is not None
    return result


def test_a_job_is_found_by_its_account_and_kind_alone(database: Database) -> None:
    one = job(1)
    started(database, one)
    assert read(database, one) == one
    with database.read() as session:
        assert read_job(session, one.id, "ben") is None
        assert read_job(session, one.id, "ann", "pack") is None
        assert read_job(session, "none", "ann") is None
        assert list_jobs(session, "ben", ["export"]).items == list_jobs(session, "ann", ["pack"]).items == ()


def test_a_job_says_how_far_it_is_and_how_long_it_took() -> None:
    one, now = job(1), START + timedelta(seconds=61)
    assert (one.percent, one.duration(now)) == (0, timedelta(minutes=1))
    assert replace(one, completed=1, total=3).percent == 33
    ended = replace(one, completed=4, total=3, ended_at=START + timedelta(seconds=3))
    assert (ended.percent, ended.duration(now)) == (100, timedelta(seconds=2))


def test_jobs_are_listed_newest_first_page_by_page(database: Database) -> None:
    jobs = [job(number, kind) for number, kind in enumerate(("export", "pack", "export"))]
    started(database, *jobs)
    with database.read() as session:
        assert list_jobs(session, "ann", ["export", "pack"]).items == tuple(jobs[::-1])
        assert list_jobs(session, "ann", ["export", "pack"], sort="started").items == tuple(jobs)
        first = list_jobs(session, "ann", ["export"], limit=1)
        assert first.items == (jobs[2],)
        assert list_jobs(session, "ann", ["export"], limit=1, cursor=first.next_cursor) == Page((jobs[0],))
        with pytest.raises(InvalidCursor):
            list_jobs(session, "ann", ["export"], sort="started", cursor=first.next_cursor)


@pytest.mark.parametrize("state", [each for each in JobState if each is not JobState.RUNNING])
def test_one_that_has_ended_stays_as_it_is(database: Database, state: JobState) -> None:
    one = job(1)
    started(database, one)
    problem = JobProblem("busy", Message("the log is being read whole already"))
    ended = replace(one, state=state, ended_at=START, completed=1, total=2, problem=problem, mac="m")
    with database.write_unlogged() as session:
        assert report_progress(session, one.id, 1, 2, START)
        assert end_job(session, ended)
        assert not report_progress(session, one.id, 2, 2, START)
        assert not end_job(session, replace(ended, state=JobState.FAILED, ended_at=START + timedelta(1)))
        assert interrupt_jobs(session, [PROCESS], START) == []
    assert read(database, one) == ended


def test_the_jobs_of_a_process_that_is_gone_are_interrupted(database: Database) -> None:
    one, other = job(1), job(2)
    started(database, one)
    with database.write_unlogged() as session:
        start_job(session, other, "1" * 36, alone=False)
        assert report_progress(session, other.id, 1, 2, START + timedelta(hours=1))
    with database.read() as session:
        assert running_processes(session) == {PROCESS: one.started_at, "1" * 36: START + timedelta(hours=1)}
    with database.write_unlogged() as session:
        assert interrupt_jobs(session, [PROCESS], START) == [one.id]
    assert (read(database, one).state, read(database, other).state) == (JobState.INTERRUPTED, JobState.RUNNING)


def test_a_kind_that_runs_alone_is_started_once(database: Database) -> None:
    started(database, job(1), alone=True)
    with pytest.raises(TooManyJobs, match="Another job of this kind"):
        started(database, job(2, account="ben"), alone=True)
    started(database, job(3, "pack"), alone=True)


def test_an_account_has_only_so_many_at_a_time(database: Database) -> None:
    started(database, *(job(number) for number in range(MAX_RUNNING_JOBS)))
    with pytest.raises(TooManyJobs, match="4 of your jobs are running"):
        started(database, job(9))
    started(database, job(9, account="ben"))


def test_each_kind_is_kept_for_its_time(database: Database) -> None:
    keep, jobs = {"export": timedelta(hours=1)}, [job(1), job(2, "pack"), job(3)]
    started(database, *jobs)
    with database.write_unlogged() as session:
        for each in jobs[:2]:
            end_job(session, replace(each, state=JobState.DONE, ended_at=START))
    for hours, removed in ((1, [jobs[0].id]), (2, [jobs[0].id, jobs[1].id])):
        with database.read() as session:
            assert sorted(expired_jobs(session, keep, timedelta(hours=2), START + timedelta(hours=hours))) == removed
    with database.read() as session:
        assert last_done(session, "export") is not None
    with database.write_unlogged() as session:
        remove_jobs(session, [jobs[0].id])
    with database.read() as session:
        assert last_done(session, "export") is None
        assert read_job(session, jobs[2].id, "ann") == jobs[2]


def test_a_job_moves_no_lane(database: Database) -> None:
    with database.read() as session:
        before = transaction_count(session)
    started(database, job(1))
    with database.read() as session:
        assert transaction_count(session) == before
