"""The pages of a kind of job, made of its declaration: `JobPages("/audit/exports", EXPORT)`.

POST path              start a job; leads to its page
GET  path              my jobs of this kind, and the form that starts one
GET  path/{job}        how far it is, then its result
GET  path/{job}/file   the file of a kind that makes one
POST path/{job}/cancel cancel it; leads back to its page
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
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

AnyKind = JobKind[Any, Any]
Breadcrumbs = tuple[tuple[Message, str], ...]
NONE_YET = Message("None yet.")


@dataclass(frozen=True, slots=True)
class JobPage:
    """A job: how far it is, then its result."""

    template: ClassVar[str] = "jobs/job.html"
    frame: Frame
    form: FormState
    """To start it again, with its parameters."""
    path: str
    kind: AnyKind
    address: str
    job: Job | None
    """None for one that was deleted, or belongs to another account."""
    result: Any
    """The result of a job that is done."""
    breadcrumbs: Breadcrumbs


@dataclass(frozen=True, slots=True)
class JobListPage:
    """The jobs that the reader started, and a button that starts another one."""

    template: ClassVar[str] = "jobs/list.html"
    frame: Frame
    form: FormState
    path: str
    kind: AnyKind
    jobs: tuple[Job, ...]
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
    kind: AnyKind
    words: JobForm
    fields: tuple[FormField, ...]
    choices: FormChoices
    jobs: tuple[Job, ...]


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
        account, shared, kind = principal_of(request).actor.id, pages.jobs.shared, self.kind
        page = await run_read(
            pages.service, lambda session: queries.list_jobs(session, account, [kind.name], shared=shared)
        )
        frame, jobs = pages.frame(request), page.items
        if self.form is None:
            return JobListPage(frame, form, self.path, kind, jobs, self.breadcrumbs)
        choices = await self.form.choices(pages, frame, form)
        return JobFormPage(frame, form, self.path, kind, self.form, form_fields(kind.form), choices, jobs)

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

    def _page(self, request: Request, job_id: str, job: Job | None, form: FormState) -> JobPage:
        kind, path = self.its.kind, self.its.path
        parameters = {name: (str(value),) for name, value in job.parameters.items()} if job else {}
        return JobPage(
            frame=self.pages.frame(request),
            form=replace(form, values=parameters),
            path=path,
            kind=kind,
            address=f"{path}/{job_id}",
            job=job,
            result=self.pages.jobs.result_of(job) if job and job.state is JobState.DONE else None,
            breadcrumbs=(*self.its.breadcrumbs, (kind.title, path)),
        )
