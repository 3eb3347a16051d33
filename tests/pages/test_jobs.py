"""What holds for every kind of job: all processes see it, it is cancelled, interrupted, started again, and removed."""

from __future__ import annotations

import asyncio
import errno
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from api.app import Application, create_app
from api.routes import JOB_KINDS
from policy_service.database import DatabaseUnavailable
from policy_service.jobs import runner as job_workers
from policy_service.jobs.kind import AnyKind, JobContext
from policy_service.jobs.model import Job, JobState
from policy_service.jobs.queries import read_jobs
from policy_service.jobs.runner import Jobs
from policy_service.jobs.service import start_job
from policy_service.jobs.tables import JobRow
from policy_service.workers.pool import InlineWorkers, Result
from tests.api.client import assert_problem, portal
from tests.api.company import Company, company
from tests.approval.world import TIER
from tests.pages.decisions.deciding import decided
from tests.pages.visitor import Seen, Visitor

pytestmark = pytest.mark.one_in(3)

PATIENCE = 60.0
STARTED: dict[str, tuple[str, dict[str, Any]]] = {
    "verification": ("/audit/verifications", {}),
    "export": ("/audit/exports", {}),
    "pack": ("/packs", {"policy": TIER, "sample": "3"}),
    "reevaluation": ("/reevaluations", {"policy": TIER}),
    "data-check": ("/data-checks", {}),
    "run": ("/runs", {"policy": TIER}),
}
"""How each kind is started from its page: the path, and the fields of the form."""
BY_CHANGES = {"analysis"}
"""The kinds that the submission of a change starts; tests/api/test_analysis.py asks for them."""
BY_AUTHORS = {"renewal"}
"""The kinds that compliance may not start; tests/pages/benchmarks asks for them."""
BY_NAME = {kind.name: kind for kind in JOB_KINDS}
every_kind = pytest.mark.parametrize("name", STARTED)


class HeldWorkers(InlineWorkers):
    """Does nothing until it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.go = threading.Event()

    async def run(self, seconds: float, work: Callable[..., Result], *arguments: object) -> Result:
        while not self.go.is_set():  # noqa: ASYNC110  # an event of threads, for any loop
            await asyncio.sleep(0.01)
        return await super().run(seconds, work, *arguments)


@dataclass
class Two:
    """Two processes on one database: jobs of the first go on when they are let; the second does them at once."""

    first: Company
    second: Company
    held: HeldWorkers

    @property
    def folder(self) -> Path:
        return self.first.app.service.settings.jobs

    def start(self, name: str, here: Company | None = None) -> tuple[Visitor, Seen]:
        """The page of a job that compliance started."""
        path, fields = STARTED[name]
        visitor = Visitor(here or self.first, "compliance")
        form = "#ask" if visitor.get(path).has("#ask") else "#start"
        return visitor, visitor.send(visitor.get(path), form, **fields)

    def files(self) -> set[str]:
        return {file.name for file in self.folder.glob("*") if not file.suffix}


@pytest.fixture(scope="module")
def processes() -> Iterator[Two]:
    held = HeldWorkers()
    with company(workers=held) as first, pytest.MonkeyPatch.context() as patch:
        patch.setattr(job_workers, "WATCH_SECONDS", 0.05)
        decided(first, "C1", TIER, orders=60)
        app = create_app(first.app.service.settings, first.clock, InlineWorkers())
        assert isinstance(app, Application)
        with closing(app.service):
            yield Two(first, replace(first, app=app), held)


@pytest.fixture
def two(processes: Two) -> Iterator[Two]:
    """Both, without jobs."""
    processes.held.go.clear()
    yield processes
    processes.held.go.set()
    for each in (processes.first, processes.second):
        portal().call(each.app.jobs.close)
    with processes.first.database.write_unlogged() as session:
        session.connection().exec_driver_sql("DELETE FROM job")
    for file in processes.folder.glob("*"):
        file.unlink()


def until(visitor: Visitor, page: Seen, condition: Callable[[Seen], bool]) -> Seen:
    """The page once this is so."""
    deadline = time.monotonic() + PATIENCE
    while not condition(page):
        assert time.monotonic() < deadline, page.text()
        time.sleep(0.05)
        page = visitor.get(page.address)
    return page


def is_over(page: Seen) -> bool:
    return not page.has("progress")


def eventually(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_every_kind_is_looked_at() -> None:
    assert STARTED.keys() | BY_CHANGES | BY_AUTHORS == BY_NAME.keys()


@every_kind
def test_every_process_sees_the_same_job_to_its_end(two: Two, name: str) -> None:
    kind: AnyKind = BY_NAME[name]
    visitor, page = two.start(name)
    assert page.has("progress")
    elsewhere = Visitor(two.second, "compliance")
    assert elsewhere.get(page.address).has("progress")
    assert Visitor(two.second, "both").get(page.address).status == (200 if kind.shared else 404)
    two.held.go.set()
    page = until(visitor, page, is_over)
    assert page.status == 200
    assert page.has("#work h2"), page.text()
    assert elsewhere.get(page.address).text("#work") == page.text("#work")
    assert elsewhere.get(STARTED[name][0]).has(f'a[href="{page.address}"]')
    job = two.second.did("GET", f"/v1/jobs/{page.address.rpartition('/')[2]}", "compliance")
    assert (job["kind"], job["state"]) == (name, "done")
    if kind.file is not None:
        files = [each.get(f"{page.address}/file") for each in (visitor, elsewhere)]
        assert files[0].body == files[1].body
        assert job["file"]["size"] == len(files[0].body) > 0
        assert Visitor(two.first, "both").get(f"{page.address}/file").status == (200 if kind.shared else 404)
    else:
        assert not two.files()


@every_kind
def test_a_second_one_is_started_when_the_first_has_ended(two: Two, name: str) -> None:
    visitor, page = two.start(name)
    for here in (two.first, two.second):
        refused = two.start(name, here)[1]
        assert refused.status == 503
        assert "Another job of this kind is running." in refused.text(".refusal")
    two.held.go.set()
    until(visitor, page, is_over)
    assert until(visitor, two.start(name)[1], is_over).status == 200


@every_kind
@pytest.mark.parametrize("by", ["first", "second"])
def test_it_is_cancelled_by_whichever_process_is_asked(two: Two, name: str, by: str) -> None:
    _, page = two.start(name)
    eventually(lambda: bool(two.files()))
    request = Visitor(two.first if by == "first" else two.second, "compliance")
    assert "The job was cancelled." in request.send(request.get(page.address), "#cancel-job").text()
    eventually(lambda: not two.files())
    if not BY_NAME[name].shared:
        assert Visitor(two.first, "both").post(f"{page.address}/cancel", {"_key": "k"}).status == 404
    two.held.go.set()
    again = until(request, request.send(request.get(page.address), "#start-again"), is_over)
    assert again.address != page.address
    assert again.has("#work h2"), again.text()


async def cancel_often(jobs: Jobs, job: Job) -> None:
    for _ in range(3):
        await jobs.cancel(job)
        await asyncio.sleep(0)


def job_of(two: Two, page: Seen) -> Job:
    with two.first.database.read() as session:
        (job,) = read_jobs(session, [page.address.rpartition("/")[2]])
    return job


@every_kind
def test_one_that_is_cancelled_again_and_again_leaves_no_file(two: Two, name: str) -> None:
    _, page = two.start(name)
    eventually(lambda: bool(two.files()))
    portal().call(cancel_often, two.first.app.jobs, job_of(two, page))
    eventually(lambda: not two.files())
    assert job_of(two, page).state is JobState.CANCELLED


def test_the_file_of_one_that_is_cancelled_again_and_again_stays_until_its_thread_has_ended(two: Two) -> None:
    go, jobs = threading.Event(), two.first.app.jobs

    def run(context: JobContext, _: object, __: object) -> None:
        go.wait(PATIENCE)
        context.progress.write(1, 1)

    two.held.go.set()
    kind: AnyKind = replace(BY_NAME["reevaluation"], run_inside=run)
    actor, form = two.first.people["compliance"].actor(), kind.form.model_validate({"policy": TIER})
    job = portal().call(jobs.start, kind, actor, form)
    eventually(lambda: bool(two.files()))
    portal().call(cancel_often, jobs, job)
    time.sleep(4 * job_workers.WATCH_SECONDS)
    assert two.files()
    go.set()
    eventually(lambda: not two.files())


def test_what_cannot_be_settled_stands_in_no_files_way(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    reasons = []

    def settle(_: object, __: object, reason: str) -> None:
        reasons.append(reason)
        raise DatabaseUnavailable("gone")

    _, page = two.start("export")
    eventually(lambda: bool(two.files()))
    jobs = two.first.app.jobs
    monkeypatch.setattr(jobs, "kinds", {**jobs.kinds, "export": replace(BY_NAME["export"], settle=settle)})
    portal().call(jobs.cancel, job_of(two, page))
    eventually(lambda: not two.files())
    assert reasons == ["The job was cancelled."]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES])
def test_a_job_that_finds_no_room_for_its_files_says_so(two: Two, number: int) -> None:
    two.held.go.set()

    def run(_: JobContext, __: object, ___: object) -> None:
        raise OSError(number, os.strerror(number), "/a/folder")

    kind: AnyKind = replace(BY_NAME["reevaluation"], run_inside=run)
    actor, form = two.first.people["compliance"].actor(), kind.form.model_validate({"policy": TIER})
    job = portal().call(two.first.app.jobs.start, kind, actor, form)
    eventually(lambda: not two.first.app.jobs._running)
    answer = two.first.did("GET", f"/v1/jobs/{job.id}", "compliance")
    assert answer["problem"] == {
        "type": "/problems/files-unavailable",
        "detail": f"The service cannot read or write its files: {os.strerror(number).lower()}. Its log says where.",
    }


def test_a_folder_of_jobs_that_is_none_starts_no_job(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    file = two.folder.parent / "file"
    file.touch()
    monkeypatch.setattr(two.second.app.jobs, "_folder", file)
    refused = two.second.ask("POST", "/v1/jobs/export", "compliance")
    assert assert_problem(refused, 503, "files-unavailable")["detail"].startswith("The service cannot read or write")
    assert refused.headers["retry-after"] == "60"


@every_kind
def test_a_process_that_is_stopped_interrupts_it_and_another_one_starts_it_again(two: Two, name: str) -> None:
    _, page = two.start(name)
    portal().call(two.first.app.jobs.close)
    visitor = Visitor(two.second, "compliance")
    page = visitor.get(page.address)
    assert "The job was interrupted." in page.text("#work")
    assert ("No results were kept" in page.text("#work")) is (BY_NAME[name].run_inside is None)
    assert not two.files()
    again = until(visitor, visitor.send(page, "#start-again"), is_over)
    assert again.has("#work h2"), again.text()


@every_kind
def test_one_of_a_process_that_is_gone_stands_in_nobodys_way(two: Two, name: str) -> None:
    _, page = two.start(name)
    with two.first.database.write_unlogged() as session:
        row = session.get(JobRow, page.address.rpartition("/")[2])
        assert row is not None
        row.process = "0" * 36
        work = two.folder / f"{row.id}.work"  # what it had in hand
    work.mkdir()
    (two.folder / f"{'0' * 36}.lock").touch()
    (work / "answers.csv").write_text("C1", encoding="utf-8")
    visitor, other = two.start(name, two.second)
    assert until(visitor, other, is_over).has("#work h2")
    assert "The job was interrupted." in visitor.get(page.address).text("#work")
    assert not work.exists()


def test_a_process_with_another_folder_interrupts_no_job_of_one_that_lives(
    two: Two, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _, page = two.start("export")
    monkeypatch.setattr(two.second.app.jobs, "_folder", tmp_path)
    two.second.app.jobs.sweep()
    assert job_of(two, page).state is JobState.RUNNING
    two.held.go.set()
    eventually(lambda: job_of(two, page).state is JobState.DONE)
    answer = two.second.ask("GET", f"/v1/jobs/{job_of(two, page).id}/file", "compliance")
    assert "must share `POLICY_SERVICE_JOBS`" in assert_problem(answer, 404, "not-found")["detail"]


def test_a_process_that_is_silent_and_has_no_file_is_gone(two: Two) -> None:
    job = Job("1" * 36, "export", "ann", "Ann", {}, JobState.RUNNING, two.first.clock.at)
    with two.first.database.write_unlogged() as session:
        start_job(session, job, "0" * 36, alone=True)
    for waited, state in ((0, JobState.RUNNING), (119, JobState.RUNNING), (1, JobState.INTERRUPTED)):
        two.first.clock.at += timedelta(seconds=waited)
        two.second.app.jobs.sweep()
        with two.first.database.read() as session:
            assert [each.state for each in read_jobs(session, [job.id])] == [state]


@every_kind
def test_it_is_removed_with_its_file_when_its_time_is_over(two: Two, name: str) -> None:
    kind: AnyKind = BY_NAME[name]
    two.held.go.set()
    visitor, page = two.start(name)
    until(visitor, page, is_over)
    two.first.clock.at += kind.keep - timedelta(seconds=1)
    two.second.app.jobs.sweep()
    assert Visitor(two.first, "compliance").get(page.address).status == 200
    two.first.clock.at += timedelta(seconds=1)
    two.second.app.jobs.sweep()
    assert Visitor(two.first, "compliance").get(page.address).status == 404
    assert not two.files()


@every_kind
def test_a_result_that_somebody_else_wrote_is_not_shown(two: Two, name: str) -> None:
    two.held.go.set()
    visitor, page = two.start(name)
    page = until(visitor, page, is_over)
    with two.first.database.write_unlogged() as session:
        row = session.get(JobRow, page.address.rpartition("/")[2])
        assert row is not None
        assert row.state == JobState.DONE
        row.result = (row.result or "null").replace(": ", ":  ") + " "
    next_page = visitor.get(page.address)
    assert next_page.status == 503
    assert f"The row {page.address.rpartition('/')[2]} of the table `job` cannot be read" in next_page.text()
    if name == "verification":
        assert "Not verified here yet." in visitor.get("/audit").text()


def test_the_name_of_a_file_leads_nowhere_else(two: Two) -> None:
    two.held.go.set()
    visitor, page = two.start("export")
    until(visitor, page, is_over)
    secret = two.folder.parent / "secret"
    secret.write_text("key")
    with two.first.database.write_unlogged() as session:
        row = session.get(JobRow, page.address.rpartition("/")[2])
        assert row is not None
        row.id = "../secret"
    answer = visitor.get("/audit/exports/..%2Fsecret/file")
    assert answer.status >= 400
    assert answer.body != b"key"
    listed = two.first.ask("GET", "/v1/jobs", "compliance")
    assert b'"key"' not in listed.content
