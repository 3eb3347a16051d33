"""`Jobs`: starts long work in workers of this process, and maintains the table of jobs.

    start ──► row `running` ──► worker ──► row `done`, `failed`
                  ▲   │ once a second: how far it is; a row that is cancelled ends the worker
                  │   └────────────────────────────────────────────────────────────────────────
    sweep: rows of processes that are gone become `interrupted`, old jobs are removed with their files

Each process locks its own file in the folder of job files, which all processes of a database share. The lock is
released when the process ends, in whatever way, so the others can see which processes are gone. One whose file is not
in the folder is gone when it has written no progress for some time.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import threading
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from anyio import to_thread
from pydantic import BaseModel

from policy_service.actor import Actor
from policy_service.audit.log_key import key_id_of, read_log_keys
from policy_service.database import DatabaseUnavailable
from policy_service.decisions.macs import LogKeyMissing, current_mac_key, last_erased_at
from policy_service.errors import FilesUnavailable, PolicyServiceError, stack_frames
from policy_service.integrity import DamagedRecord, reading_row
from policy_service.jobs import queries
from policy_service.jobs import service as job_rows
from policy_service.jobs.encoding import encode_json, rebuild
from policy_service.jobs.errors import FileElsewhere, FileExpired
from policy_service.jobs.kind import KEEP, AnyKind, InsideContext, JobContext, JobService
from policy_service.jobs.model import Job, JobProblem, JobState
from policy_service.jobs.process_lock import ProcessLock, checked_name, is_locked
from policy_service.messages import Message
from policy_service.workers.progress import ProgressFile, watch_progress

WATCH_SECONDS = 1.0
"""Interval of checking the row of a job that runs here."""
SWEEP_SECONDS = 60.0
"""Interval between sweeps."""
SILENCE = timedelta(minutes=2)
"""How long a process without a lock here is taken for alive after it wrote the progress of a job."""
CLOSE_SECONDS = 10.0
"""How long `close` waits for a database that does not answer."""
MAC_PURPOSE = "job"
"""The domain of MACs of job outcomes."""
UNFINISHED: Mapping[JobState, Message] = {
    JobState.CANCELLED: Message("The job was cancelled."),
    JobState.INTERRUPTED: Message("The job was interrupted."),
}
"""Why a job is unfinished although it did not fail."""


class _RunningJob(NamedTuple):
    """A job that runs here: its work, which may be cancelled, and its conclusion, which waits for the work."""

    work: asyncio.Task[Job]
    conclusion: asyncio.Task[None]

    def stop(self) -> None:
        """Cancel the work, once: it must clean up in peace."""
        _cancel_once(self.work)


class JobFile(NamedTuple):
    """The file made by a job."""

    path: Path
    name: str
    media_type: str | None


class Jobs:
    """The jobs that run in this process, and the table of all jobs."""

    def __init__(self, service: JobService, kinds: Iterable[AnyKind]) -> None:
        self.kinds: Mapping[str, AnyKind] = {kind.name: kind for kind in kinds}
        self.shared = tuple(kind.name for kind in self.kinds.values() if kind.shared)
        """The names of the kinds whose jobs are visible to every account that may start them."""
        self._service = service
        self._folder = service.settings.jobs
        self._running: dict[str, _RunningJob] = {}
        self._lock: ProcessLock | None = None

    async def start(self, kind: AnyKind, actor: Actor, parameters: BaseModel) -> Job:
        """Start a job. Raises TooManyJobs, DatabaseUnavailable."""
        job = await to_thread.run_sync(self._record, kind, actor, parameters)
        watch = _Watch(self, job.id)
        work = asyncio.ensure_future(self._execute(kind, job, actor, parameters, watch))
        conclusion = asyncio.ensure_future(self._conclude(kind, job, work, watch))
        self._running[job.id] = _RunningJob(work, conclusion)
        conclusion.add_done_callback(lambda _: self._running.pop(job.id, None))
        return job

    async def cancel(self, job: Job) -> None:
        """Cancel a job, whichever process runs it; an ended one is unchanged. Raises DatabaseUnavailable."""
        await to_thread.run_sync(self._end, replace(job, state=JobState.CANCELLED))
        if running := self._running.get(job.id):
            running.stop()

    def file_of(self, job: Job | None) -> JobFile:
        """Return the file of a job.

        Raises FileExpired if there is none (any more), FileElsewhere, DamagedRecord, KeyUnavailable.
        """
        if job is None or job.state is not JobState.DONE or job.file_name is None:
            raise FileExpired
        self._require_genuine(job)
        if not self._file(job.id).exists():
            raise FileElsewhere
        kind = self.kinds[job.kind].file
        return JobFile(self._file(job.id), job.file_name, kind.media_type if kind else None)

    def is_genuine(self, job: Job) -> bool:
        """Return True if the service wrote the outcome of a finished job."""
        keys = read_log_keys(self._service.settings.keys)
        key = keys.get(key_id_of(job.mac))
        return not keys if key is None else key.verifies(job.mac, MAC_PURPOSE, job.outcome())

    def result_of(self, job: Job) -> Any:  # noqa: ANN401  # of its kind
        """Return the result of a finished job. Raises DamagedRecord, KeyUnavailable."""
        self._require_genuine(job)
        with reading_row("job", job.id):
            kind = self.kinds[job.kind].result
            return job.result if kind is None else rebuild(kind, job.result)

    def _require_genuine(self, job: Job) -> None:
        if not self.is_genuine(job):
            raise DamagedRecord("job", job.id)

    async def maintain(self) -> None:
        """Sweep now and every minute until cancelled."""
        while True:
            try:
                await to_thread.run_sync(self.sweep)
            except (DatabaseUnavailable, DamagedRecord) as error:
                self._service.log.warning("job_sweep_failed", reason=str(error))
            await asyncio.sleep(SWEEP_SECONDS)

    def sweep(self) -> None:
        """Interrupt the jobs of dead processes; remove jobs that expired or name erased subjects."""
        database, now = self._service.database, self._service.clock.now()
        with database.read() as session:
            processes = queries.running_processes(session)
            keep = {kind.name: kind.keep for kind in self.kinds.values()}
            naming = [kind.name for kind in self.kinds.values() if kind.names_subjects]
            expired = queries.expired_jobs(session, keep, KEEP, now)
            expired += queries.ended_jobs(session, naming, last_erased_at(session))
        ended_processes = [each for each, seen_at in processes.items() if not self._is_alive(each, seen_at, now)]
        if ended_processes or expired:
            with database.write_unlogged() as session:
                interrupted = job_rows.interrupt_jobs(session, ended_processes, now)
                unsettled = queries.read_jobs(session, interrupted)
                job_rows.remove_jobs(session, expired)
            for job in unsettled:
                self._settle(job)
            for job_id in (*interrupted, *expired):
                self._remove_files(job_id, with_file=True)
            if interrupted:
                self._service.log.warning("jobs_interrupted", jobs=interrupted)

    async def close(self) -> None:
        """Interrupt the jobs that run here."""
        running = list(self._running.values())
        for each in running:
            each.stop()
        await asyncio.gather(*(each.work for each in running), return_exceptions=True)
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await asyncio.gather(*(each.conclusion for each in running), return_exceptions=True)
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _record(self, kind: AnyKind, actor: Actor, parameters: BaseModel) -> Job:
        self.sweep()  # files of a dead process must not get in the way
        clock = self._service.clock
        if self._lock is None:
            self._lock = ProcessLock(self._folder, str(clock.new_id()))
        now = clock.now()
        job = Job(
            id=str(clock.new_id()),
            kind=kind.name,
            account=actor.id,
            requested_by=actor.printed_name,
            parameters=parameters.model_dump(mode="json", exclude_none=True),
            state=JobState.RUNNING,
            started_at=now,
            file_name=kind.file.name.format(at=now) if kind.file else None,
        )
        with self._service.database.write_unlogged() as session:
            job_rows.start_job(session, job, self._lock.process, alone=kind.alone)
        return job

    async def _conclude(self, kind: AnyKind, job: Job, work: asyncio.Task[Job], watch: _Watch) -> None:
        """Write how the work ended, and clean up after it."""
        try:
            ended = await work
        except asyncio.CancelledError:  # by `cancel`, which has written the state, or by `close`
            ended = replace(job, state=JobState.INTERRUPTED)
        except Exception as error:  # noqa: BLE001  # the row records it
            ended = replace(job, state=JobState.FAILED, problem=self._problem_of(kind, error))
        completed, total = watch.progress
        written = await self._end_surely(replace(ended, completed=completed, total=total))
        ended = written or ended
        if ended.state is not JobState.DONE:
            await to_thread.run_sync(self._settle, ended)
        is_kept = written is not None and ended.state is JobState.DONE and kind.file is not None
        await to_thread.run_sync(partial(self._remove_files, job.id, with_file=not is_kept))

    async def _execute(self, kind: AnyKind, job: Job, actor: Actor, parameters: BaseModel, watch: _Watch) -> Job:
        service, settings, file = self._service, self._service.settings, self._file(job.id)
        watching = asyncio.ensure_future(watch.run(asyncio.current_task()))
        try:
            if kind.prepare is not None:
                await to_thread.run_sync(kind.prepare, service)
            await to_thread.run_sync(_create_private, file)
            async with watch_progress(watch.note) as progress:
                context = JobContext(
                    service.database.url,
                    settings.keys,
                    settings.copies,
                    service.zone,
                    job.requested_by,
                    service.clock,
                    job.started_at,
                    file,
                    ProgressFile(progress),
                )
                result = await self._run_kind(kind, context, actor, parameters)
        finally:
            watching.cancel()
        size = (await to_thread.run_sync(file.stat)).st_size if kind.file else None
        return replace(job, state=JobState.DONE, result_json=encode_json(result), file_size=size)

    async def _run_kind(self, kind: AnyKind, context: JobContext, actor: Actor, parameters: BaseModel) -> object:
        """Run the work in a worker, or in a thread of this process that has ended when this returns."""
        if kind.run is not None and kind.limits is not None:
            result = await self._service.work(kind.limits, kind.run, context, parameters)
            if kind.finish is None:
                return result
            inside = InsideContext(self._service, actor, threading.Event())
            return await to_thread.run_sync(kind.finish, inside, parameters, result)
        run, is_running = kind.run_inside, threading.Lock()
        inside = InsideContext(self._service, actor, threading.Event())

        def run_unless_stopped() -> object:
            with is_running:
                return None if run is None or inside.stop.is_set() else run(context, parameters, inside)

        try:
            return await self._service.workers.inside().run(0, run_unless_stopped)
        finally:
            inside.stop.set()
            await to_thread.run_sync(is_running.acquire)

    async def _end_surely(self, job: Job) -> Job | None:
        """Write how a job ended, retrying until the database answers.

        Return the job as it is on record; None if it is not, or the database is unavailable.
        """
        while True:
            try:
                return await to_thread.run_sync(self._end, job)
            except DatabaseUnavailable:
                if job.state is JobState.INTERRUPTED:  # the next sweep detects that this process is gone
                    return None
                await asyncio.sleep(WATCH_SECONDS)

    def _end(self, job: Job) -> Job | None:
        """Write how a job ended, unless it had before; it fails if its result cannot get a MAC.

        Return it as it is on record; None if it is not (any more).
        """
        ended = replace(job, ended_at=self._service.clock.now())
        with self._service.database.write_unlogged() as session:
            if ended.state is JobState.DONE:
                try:
                    key = current_mac_key(session)
                except LogKeyMissing as error:
                    problem = self._problem_of(self.kinds[job.kind], error)
                    ended = replace(ended, state=JobState.FAILED, result_json=None, file_size=None, problem=problem)
                else:
                    ended = replace(ended, mac=None if key is None else key.mac(MAC_PURPOSE, ended.outcome()))
            if job_rows.end_job(session, ended):
                return ended
            return next(iter(queries.read_jobs(session, [job.id])), None)

    def _settle(self, job: Job) -> None:
        """Clean up after an unfinished job; what fails is logged, and left to people."""
        settle = self.kinds[job.kind].settle if job.kind in self.kinds else None
        if settle is not None:
            try:
                settle(self._service, job.parameters, job.problem.detail if job.problem else UNFINISHED[job.state])
            except PolicyServiceError as error:
                self._service.log.warning("job_not_settled", job=job.id, reason=str(error))

    def _problem_of(self, kind: AnyKind, error: Exception) -> JobProblem:
        if not isinstance(error, PolicyServiceError):
            self._service.log.error("job_failed", kind=kind.name, where=stack_frames(error))
            error = FilesUnavailable.because_of(error) or error
        if isinstance(error, PolicyServiceError):
            return JobProblem(error.kind, error.detail)
        return JobProblem("internal-error", Message("the service failed; see its log"))

    def _file(self, job_id: str) -> Path:
        return self._folder / checked_name(job_id)

    def _remove_files(self, job_id: str, *, with_file: bool) -> None:
        """Remove the folder of a job, and its file."""
        file = self._file(job_id)
        shutil.rmtree(file.with_name(f"{file.name}.work"), ignore_errors=True)
        if with_file:
            file.unlink(missing_ok=True)

    def _is_alive(self, process: str, seen_at: datetime | None, now: datetime) -> bool:
        if self._lock is not None and self._lock.process == process:
            return True
        is_alive = is_locked(self._folder, process)
        return seen_at is not None and now - seen_at < SILENCE if is_alive is None else is_alive


class _Watch:
    """Watches the row of a running job: writes progress, and stops the job if it was cancelled elsewhere."""

    def __init__(self, jobs: Jobs, job_id: str) -> None:
        self._jobs, self._job_id = jobs, job_id
        self.progress: tuple[int, int | None] = (0, None)

    def note(self, completed: int, total: int) -> None:
        """Set the progress; a total of 0 is unknown."""
        self.progress = completed, total or None

    async def run(self, work: asyncio.Task[Any] | None) -> None:
        """Check once a second."""
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            with suppress(DatabaseUnavailable):  # try again next time
                if not await to_thread.run_sync(self._is_running):
                    _cancel_once(work)
                    return

    def _is_running(self) -> bool:
        service = self._jobs._service  # noqa: SLF001  # a part of it
        with service.database.write_unlogged() as session:
            return job_rows.report_progress(session, self._job_id, *self.progress, service.clock.now())


def _cancel_once(task: asyncio.Task[Any] | None) -> None:
    if task is not None and not task.cancelling():
        task.cancel()


def _create_private(file: Path) -> None:
    os.close(os.open(file, os.O_CREAT | os.O_WRONLY, 0o600))
