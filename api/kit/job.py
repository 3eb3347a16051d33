"""The pages of a kind of job, made of its declaration: `JobPages("/audit/exports", EXPORT)`.

POST path              start a job; leads to its page
GET  path              my jobs of this kind, and the form that starts one
GET  path/{job}        how far it is, then its result
GET  path/{job}/file   the file of a kind that makes one
POST path/{job}/cancel cancel it; leads back to its page
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from api.auth.authentication import principal_of
from api.kit.form_action import FormAction, FormRequest, form_endpoint
from api.kit.form_fields import FormField, form_fields
from api.kit.forms import FieldErrors, FormState, read_form
from api.kit.frame import Frame, Page
from api.kit.rendering import Command, Pages
from api.web.problems import NOT_FOUND, ProblemError
from api.web.transactions import run_read
from api.workers.job_kind import JobKind
from policy_service.jobs import queries
from policy_service.jobs.model import Job, JobState
from policy_service.messages import Message

HUNDRED = 100
AnyKind = JobKind[Any, Any]
Breadcrumbs = tuple[tuple[Message, str], ...]
UNKNOWN = "unknown"
NONE_YET = Message("None yet.")


@dataclass(frozen=True, slots=True)
class JobProgress:
    """The progress of a job."""

    state: str
    """A state of a job, or `unknown`: it was deleted, or belongs to another account."""
    address: str
    started_at: datetime | None = None
    completed: int = 0
    total: int | None = None
    duration: timedelta = timedelta()
    problem: str = ""
    requested_by: str = ""
    """The printed name of who started it."""
    policy: str = ""
    """The policy that it is about, for a kind that asks for one."""

    @property
    def percent(self) -> int:
        """The percentage that is done."""
        return min(HUNDRED, self.completed * HUNDRED // self.total) if self.total else 0


@dataclass(frozen=True, slots=True)
class JobPage:
    """A job: how far it is, then its result."""

    template: ClassVar[str] = "jobs/job.html"
    frame: Frame
    form: FormState
    """To start it again, with its parameters."""
    path: str
    title: Message
    unit: Message
    progress: JobProgress
    result: Any
    """The result of a job that is done."""
    file_name: str | None
    file_size: int | None
    """Bytes of the file; None while it is not there."""
    keep: timedelta
    is_resumed: bool
    """True if what was done before the job was cancelled or interrupted stays, and another one goes on behind it."""
    breadcrumbs: Breadcrumbs


@dataclass(frozen=True, slots=True)
class JobListPage:
    """The jobs that the reader started, and a button that starts another one."""

    template: ClassVar[str] = "jobs/list.html"
    frame: Frame
    form: FormState
    path: str
    title: Message
    jobs: tuple[JobProgress, ...]
    keep: timedelta
    breadcrumbs: Breadcrumbs


@dataclass(frozen=True, slots=True)
class FormChoices:
    """What only the service knows of a form: options and values by the names of its fields; a note reads them too."""

    options: Mapping[str, Sequence[tuple[str, str | Message]]]
    values: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class JobForm:
    """The words of the page on which a job is started by a form."""

    title: Message
    about: Message
    heading: Message
    button: Message
    recent: Message
    choices: Callable[[Pages, Frame, FormState], Awaitable[FormChoices]]
    none: Message = NONE_YET
    note: str | None = None
    """A template for what stands beneath the jobs."""
    prefilled: tuple[str, ...] = ()
    """Fields that a link may fill in."""


@dataclass(frozen=True, slots=True)
class JobFormPage:
    """The form that starts a job, and the jobs that the reader finds."""

    template: ClassVar[str] = "jobs/start.html"
    frame: Frame
    form: FormState
    path: str
    words: JobForm
    fields: tuple[FormField, ...]
    choices: FormChoices
    jobs: tuple[JobProgress, ...]
    keep: timedelta


@dataclass(frozen=True, slots=True)
class JobPages:
    """The pages of a kind of job: their address, and what they show beside it."""

    path: str
    kind: AnyKind
    breadcrumbs: Breadcrumbs = ()
    form: JobForm | None = None
    """The page with the form of the kind; without it a button starts a job."""

    def start_action(self) -> FormAction[Any]:
        """Return the form that starts a job."""
        return FormAction(
            self.path,
            self.kind.form,
            page=self.form_page,
            command=lambda _, form: form.prepared,
            done=lambda _, job: f"{self.path}/{job.id}",
            validate=self._validate,
            prepare=self._start,
        )

    async def form_page(self, pages: Pages, request: Request, form: FormState) -> Page:
        """Build the page on which a job is started."""
        account, shared = principal_of(request).actor.id, pages.jobs.shared
        jobs = await run_read(
            pages.service, lambda session: queries.list_jobs(session, account, [self.kind.name], shared=shared)
        )
        now = pages.service.clock.now()
        mine = tuple(progress_of(job, f"{self.path}/{job.id}", now) for job in jobs.items)
        frame, keep = pages.frame(request), self.kind.keep
        if self.form is None:
            return JobListPage(frame, form, self.path, self.kind.title, mine, keep, self.breadcrumbs)
        choices = await self.form.choices(pages, frame, form)
        return JobFormPage(frame, form, self.path, self.form, form_fields(self.kind.form), choices, mine, keep)

    async def _validate(self, form: FormRequest[Any]) -> FieldErrors:
        return await run_read(form.service, lambda session: self.kind.find_errors(session, form.values))

    async def _start(self, form: FormRequest[Any]) -> Job:
        return await form.pages.jobs.start(self.kind, form.actor, form.values)


def job_routes(pages: Pages, job_pages: JobPages) -> APIRouter:
    """Return the routes of a kind."""
    router, routes, path = APIRouter(include_in_schema=False), _JobRoutes(pages, job_pages), job_pages.path
    router.post(path)(form_endpoint(pages, job_pages.start_action()))
    router.get(path)(routes.list)
    router.get(f"{path}/{{job}}")(routes.show)
    router.post(f"{path}/{{job}}/cancel")(routes.cancel)
    if job_pages.kind.file is not None:
        router.get(f"{path}/{{job}}/file")(routes.file)
    return router


@dataclass(frozen=True, slots=True)
class _JobRoutes:
    """The endpoints of a kind."""

    pages: Pages
    its: JobPages

    async def list(self, request: Request) -> Response:
        """Show the jobs that the reader started, and the form."""
        prefilled = self.its.form.prefilled if self.its.form else ()
        values = {name: value for name in prefilled if (value := request.query_params.get(name))}
        return self.pages.render(await self.its.form_page(self.pages, request, self.pages.new_form(**values)))

    async def show(self, request: Request, job: str) -> Response:
        """Show how far a job is, or its result."""
        found_job = await self._read(request, job)
        return self.pages.render(
            self._page(request, job, found_job, self.pages.new_form()),
            200 if found_job else 404,
            self.its.kind.template,
        )

    async def file(self, request: Request, job: str) -> Response:
        """Answer with the file."""
        return self.pages.jobs.file_response(await self._read(request, job))

    async def cancel(self, request: Request, job: str) -> Response:
        """Cancel a job."""
        form = await read_form(request)
        found_job = await self._read(request, job)
        if found_job is None:
            raise ProblemError(NOT_FOUND, Message("There is no such job."))

        async def prepare() -> Command:
            await self.pages.jobs.cancel(found_job)
            return lambda _: f"{self.its.path}/{job}"

        async def form_page(state: FormState) -> Page:
            return self._page(request, job, found_job, state)

        return await self.pages.execute(request, form, prepare, form_page)

    async def _read(self, request: Request, job: str) -> Job | None:
        account, name, shared = principal_of(request).actor.id, self.its.kind.name, self.pages.jobs.shared
        return await run_read(
            self.pages.service, lambda session: queries.read_job(session, job, account, name, shared=shared)
        )

    def _page(self, request: Request, address: str, job: Job | None, form: FormState) -> JobPage:
        kind, is_done = self.its.kind, job is not None and job.state is JobState.DONE
        parameters = {name: (str(value),) for name, value in job.parameters.items()} if job else {}
        return JobPage(
            frame=self.pages.frame(request),
            form=FormState(form.key, parameters, form.errors, form.form_error, form.reasons),
            path=self.its.path,
            title=kind.title,
            unit=kind.unit,
            progress=progress_of(job, f"{self.its.path}/{address}", self.pages.service.clock.now()),
            result=self.pages.jobs.result_of(job) if job and is_done else None,
            file_name=job.file_name if job and is_done else None,
            file_size=job.file_size if job and is_done else None,
            keep=kind.keep,
            is_resumed=kind.run_inside is not None,
            breadcrumbs=(*self.its.breadcrumbs, (kind.title, self.its.path)),
        )


def progress_of(job: Job | None, address: str, now: datetime) -> JobProgress:
    """Return how far a job is."""
    if job is None:
        return JobProgress(UNKNOWN, address)
    problem = job.problem.detail if job.problem else ""
    duration = (job.ended_at or now) - job.started_at
    return JobProgress(
        job.state.value,
        address,
        job.started_at,
        job.completed,
        job.total,
        duration,
        problem,
        job.requested_by,
        str(job.parameters.get("policy", "")),
    )
