"""The pages of a kind of job, made of its declaration: `JobPages("/audit/exports", EXPORT, "audit/export.html")`.

POST path              start a job; leads to its page
GET  path              my jobs of this kind, and the form that starts one
GET  path/{job}        how far it is, then its result
GET  path/{job}/file   the file of a kind that makes one
POST path/{job}/cancel cancel it; leads back to its page
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from starlette.requests import Request
from starlette.responses import FileResponse, Response

from api.auth.authentication import principal_of
from api.kit.form_action import FormAction, FormRequest
from api.kit.form_fields import FormField, form_fields
from api.kit.forms import FieldErrors, FormState, read_form
from api.kit.frame import Breadcrumbs, Frame, Page
from api.kit.page_route import Declared, PageRoute
from api.kit.rendering import Command, Pages
from api.web.problems import NOT_FOUND, ProblemError
from api.web.transactions import run_read
from policy_service.jobs import queries
from policy_service.jobs.kind import AnyKind
from policy_service.jobs.model import Job, JobState
from policy_service.messages import Message

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
    template: str
    """Extends `jobs/job.html` by the result."""
    breadcrumbs: Breadcrumbs = ()
    form: JobForm | None = None
    """The page with the form of the kind; without it a button starts a job."""

    def routes(self) -> Iterator[Declared]:
        """Yield the pages and the forms."""
        yield self.start_action()
        yield PageRoute(self.path, self.form_page, prefilled=self.form.prefilled if self.form else ())
        yield PageRoute(f"{self.path}/{{job}}", self.show)
        yield PageRoute(f"{self.path}/{{job}}/cancel", self.cancel, method="POST")
        if self.kind.file is not None:
            yield PageRoute(f"{self.path}/{{job}}/file", self.send_file)

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
        """Build the page on which a job is started: the jobs that the reader started, and the form."""
        account, shared, kind = principal_of(request).actor.id, pages.jobs.shared, self.kind
        page = await run_read(
            pages.service, lambda session: queries.list_jobs(session, account, [kind.name], shared=shared)
        )
        frame, jobs = pages.frame(request), page.items
        if self.form is None:
            return JobListPage(frame, form, self.path, kind, jobs, self.breadcrumbs)
        choices = await self.form.choices(pages, frame, form)
        return JobFormPage(frame, form, self.path, kind, self.form, form_fields(kind.form), choices, jobs)

    async def show(self, pages: Pages, request: Request, job: str) -> Response:
        """Show how far a job is, or its result."""
        found_job = await self._read(pages, request, job)
        page = self._page(pages, request, job, found_job, pages.new_form())
        return pages.render(page, 200 if found_job else 404, self.template)

    async def send_file(self, pages: Pages, request: Request, job: str) -> Response:
        """Answer with the file."""
        file = pages.jobs.file_of(await self._read(pages, request, job))
        return FileResponse(file.path, media_type=file.media_type, filename=file.name)

    async def cancel(self, pages: Pages, request: Request, job: str) -> Response:
        """Cancel a job."""
        form = await read_form(request)
        found_job = await self._read(pages, request, job)
        if found_job is None:
            raise ProblemError(NOT_FOUND, Message("There is no such job."))

        async def prepare() -> Command:
            await pages.jobs.cancel(found_job)
            return lambda _: f"{self.path}/{job}"

        async def form_page(state: FormState) -> Page:
            return self._page(pages, request, job, found_job, state)

        return await pages.execute(request, form, prepare, form_page)

    async def _validate(self, form: FormRequest[Any]) -> FieldErrors:
        return await run_read(form.service, lambda session: self.kind.find_errors(session, form.values))

    async def _start(self, form: FormRequest[Any]) -> Job:
        return await form.pages.jobs.start(self.kind, form.actor, form.values)

    async def _read(self, pages: Pages, request: Request, job: str) -> Job | None:
        account, name, shared = principal_of(request).actor.id, self.kind.name, pages.jobs.shared
        return await run_read(
            pages.service, lambda session: queries.read_job(session, job, account, name, shared=shared)
        )

    def _page(self, pages: Pages, request: Request, job_id: str, job: Job | None, form: FormState) -> JobPage:
        parameters = {name: (str(value),) for name, value in job.parameters.items()} if job else {}
        return JobPage(
            frame=pages.frame(request),
            form=replace(form, values=parameters),
            path=self.path,
            kind=self.kind,
            address=f"{self.path}/{job_id}",
            job=job,
            result=pages.jobs.result_of(job) if job and job.state is JobState.DONE else None,
            breadcrumbs=(*self.breadcrumbs, (self.kind.title, self.path)),
        )
