"""The pages of a kind of job, made of its declaration: `JobPages("/audit/exports", EXPORT, "audit/export.html")`.

POST path              start a job; leads to its page
GET  path              my jobs of this kind, and the form that starts one
GET  path/{job}        how far it is, then its result
GET  path/{job}/file   the file of a kind that makes one
POST path/{job}/cancel cancel it; leads back to its page
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any, ClassVar

from sqlmodel import Session
from starlette.responses import FileResponse, Response

from api.kit.context import Command, FormPage, PageContext
from api.kit.form_action import FormAction, FormRequest
from api.kit.form_fields import FormField, form_fields
from api.kit.forms import FieldErrors, FormState, read_form
from api.kit.frame import Breadcrumbs, Page
from api.kit.page_route import Declared, PageRoute
from api.web.problems import NOT_FOUND, ProblemError
from policy_service.jobs import queries
from policy_service.jobs.kind import AnyKind
from policy_service.jobs.model import Job, JobState
from policy_service.messages import Message

NONE_YET = Message("None yet.")


@dataclass(frozen=True, slots=True)
class JobPage:
    """A job: how far it is, then its result."""

    template: ClassVar[str] = "jobs/job.html"
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
    form: FormState
    path: str
    kind: AnyKind
    jobs: tuple[Job, ...]
    breadcrumbs: Breadcrumbs


@dataclass(frozen=True, slots=True)
class FormChoices:
    """The dynamic parts of a form: options and values by field name; a note reads them too."""

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
    choices: Callable[[Session, PageContext, FormState], FormChoices]
    none: Message = NONE_YET
    note: str | None = None
    """A template for what stands beneath the jobs."""
    prefilled: tuple[str, ...] = ()
    """Fields that a link may fill in."""


@dataclass(frozen=True, slots=True)
class JobFormPage:
    """The form that starts a job, and the jobs that the reader finds."""

    template: ClassVar[str] = "jobs/start.html"
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
    template: str
    """Extends `jobs/job.html` by the result."""
    breadcrumbs: Breadcrumbs = ()
    form: JobForm | None = None
    """The page with the form of the kind; without it a button starts a job."""

    def routes(self) -> Iterator[Declared]:
        """Declare the routes."""
        prefilled = self.form.prefilled if self.form else ()
        yield PageRoute(self.path, self.form_page, prefilled)
        yield FormAction(
            self.path,
            self.kind.form,
            page=self.form_page,
            command=lambda _, form: form.prepared,
            done=lambda _, job: f"{self.path}/{job.id}",
            validate=self._validate,
            prepare=self._start,
        )
        yield PageRoute(f"{self.path}/{{job}}", self._show, ())
        yield PageRoute(f"{self.path}/{{job}}/cancel", self._cancel, method="POST")
        if self.kind.file is not None:
            yield PageRoute(f"{self.path}/{{job}}/file", self._send_file)

    def form_page(self, session: Session, context: PageContext, form: FormState) -> Page:
        """Build the page on which a job is started, with the jobs that the reader started."""
        shared, kind = context.pages.jobs.shared, self.kind
        jobs = queries.list_jobs(session, context.actor.id, [kind.name], shared=shared).items
        if self.form is None:
            return JobListPage(form, self.path, kind, jobs, self.breadcrumbs)
        choices = self.form.choices(session, context, form)
        return JobFormPage(form, self.path, kind, self.form, form_fields(kind.form), choices, jobs)

    async def _validate(self, form: FormRequest[Any]) -> FieldErrors:
        return await form.context.read(lambda session: self.kind.find_errors(session, form.values))

    async def _start(self, form: FormRequest[Any]) -> Job:
        return await form.context.pages.jobs.start(self.kind, form.actor, form.values)

    def _read(self, session: Session, context: PageContext, job: str) -> Job | None:
        return queries.read_job(session, job, context.actor.id, self.kind.name, shared=context.pages.jobs.shared)

    def _show(self, session: Session, context: PageContext, job: str, form: FormState) -> Response:
        page = self._job_page(session, context, job, form)
        context.status = HTTPStatus.OK if page.job else HTTPStatus.NOT_FOUND
        return context.render(page, self.template)

    def _send_file(self, session: Session, context: PageContext, job: str) -> Response:
        file = context.pages.jobs.file_of(self._read(session, context, job))
        return FileResponse(file.path, media_type=file.media_type, filename=file.name)

    async def _cancel(self, context: PageContext, job: str) -> Response:
        form = await read_form(context.request)
        found_job = await context.read(lambda session: self._read(session, context, job))
        if found_job is None:
            raise ProblemError(NOT_FOUND, Message("There is no such job."))

        async def prepare() -> Command:
            await context.pages.jobs.cancel(found_job)
            return lambda _: f"{self.path}/{job}"

        return await context.execute(form, prepare, FormPage(self._job_page, (job,), in_worker=False))

    def _job_page(self, session: Session, context: PageContext, job_id: str, form: FormState) -> JobPage:
        job = self._read(session, context, job_id)
        parameters = {name: (str(value),) for name, value in job.parameters.items()} if job else {}
        return JobPage(
            form=replace(form, values=parameters),
            path=self.path,
            kind=self.kind,
            address=f"{self.path}/{job_id}",
            job=job,
            result=context.pages.jobs.result_of(job) if job and job.state is JobState.DONE else None,
            breadcrumbs=(*self.breadcrumbs, (self.kind.title, self.path)),
        )
