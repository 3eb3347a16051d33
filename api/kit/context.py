"""`PageContext`: one request for a page; renders pages, and runs the commands of forms.

    def policy_page(session: Session, context: PageContext, domain: str, policy: str) -> PolicyPage: …
    async def help_page(context: PageContext, *path: str) -> HelpPage: …

A page is built by a function. A plain one gets a session, and runs in a thread in one snapshot of the database; an
`async` one reads by itself. `render_in_worker` runs it in another process.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Hashable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from http import HTTPStatus
from inspect import iscoroutinefunction
from typing import Any, TypeVar

from sqlmodel import Session
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from api.auth.authentication import principal_of
from api.auth.visible_versions import visible_versions
from api.kit.forms import ENTER_AGAIN, PASSWORD_FIELDS, FieldErrors, Form, FormState
from api.kit.frame import Frame, Page
from api.kit.rendering import Pages
from api.web.error_mapping import problem_of
from api.web.idempotent_writes import run_idempotent
from api.web.problems import CONFIRMATION_NEEDED, MALFORMED_FORM, NOT_AUTHENTICATED, Problem, ProblemError
from api.web.transactions import run_read
from policy_service.actor import Actor
from policy_service.database import Transaction
from policy_service.idempotency import IdempotentRequest, StoredResponse, fingerprint_of
from policy_service.messages import Message
from policy_service.registry.snapshot import RegistrySnapshot
from policy_service.workers.kind import WorkKind
from policy_service.workers.kinds import READING

Value = TypeVar("Value")
FORM_KEY = re.compile(r"[\x21-\x7e]{1,100}")
"""The key of a form; pages make a UUID."""
Command = Callable[[Transaction], str]
"""Performs the action of a form; returns the address to redirect to."""
CommandFactory = Callable[[], Awaitable[Command]]
PageBuilder = Callable[..., Any]
"""Builds a page, or a response, from the context and further arguments."""


@dataclass(frozen=True, slots=True)
class FormPage:
    """The page of a form, to be shown again with errors: it gets these arguments and, last, the form's state."""

    build: PageBuilder
    arguments: tuple[object, ...] = ()
    in_worker: bool = True
    """True if it takes long; all of it must be picklable then."""


class PageContext:
    """One request for a page, with its reader, frame and service."""

    def __init__(self, pages: Pages, request: Request) -> None:
        self.pages = pages
        self.service = pages.service
        self.request = request
        self.params: Mapping[str, str] = request.query_params
        self.status: int = HTTPStatus.OK
        self._values: dict[Hashable, Any] = {}

    @cached_property
    def frame(self) -> Frame:
        """The frame of the page."""
        return self.pages.frame(self.request)

    @property
    def actor(self) -> Actor:
        """The reader. Raises ProblemError if not signed in."""
        return principal_of(self.request).actor

    def visible(self, session: Session) -> RegistrySnapshot:
        """Return the registry's versions visible to the reader."""
        return visible_versions(self.service.catalogue, session, self.actor)

    def once(self, key: Hashable, read: Callable[[], Value]) -> Value:
        """Return the result of `read`, computed once for filters, rows and summary."""
        if key not in self._values:
            self._values[key] = read()
        value: Value = self._values[key]
        return value

    def new_form(self, **values: str) -> FormState:
        """Return an unsubmitted form with these values."""
        return FormState(str(self.service.clock.new_id()), {name: (value,) for name, value in values.items()})

    def reject(self, form: FormState) -> None:
        """Let the page announce the errors of a form at its top."""
        self.frame = replace(self.frame, rejected=form)

    async def read(self, query: Callable[[Session], Value]) -> Value:
        """Run `query` in a snapshot of the database, in a thread. Raises what it raises, and DatabaseUnavailable."""
        return await run_read(self.service, query)

    async def build(self, build: PageBuilder, *arguments: object) -> Any:  # noqa: ANN401  # a page, or an answer
        """Call the builder of a page. Raises what it raises."""
        if iscoroutinefunction(build):
            return await build(self, *arguments)
        return await self.read(lambda session: build(session, self, *arguments))

    def render(self, page: Page, template: str | None = None) -> Response:
        """Return the response of a page."""
        return self.pages.render(page, self.frame, self.status, template)

    async def run_in_worker(self, kind: WorkKind, function: Callable[..., Any], *arguments: object) -> Any:  # noqa: ANN401  # what it gives
        """Call a slow function in a worker, as `build` does. Raises ProblemError, and what it raises."""
        if self.pages.run_in_worker is None:
            return await self.build(function, *arguments)
        return await self.pages.run_in_worker(kind, self.request, call, (function, *arguments))

    async def render_in_worker(
        self, build: PageBuilder, *arguments: object, kind: WorkKind = READING, template: str | None = None
    ) -> Response:
        """Return the response of a page built in a worker. Raises ProblemError, and what the builder raises."""
        if self.pages.run_in_worker is None:
            return self.render(await self.build(build, *arguments), template)
        content = (build, self.frame.rejected, template, *arguments)
        html = await self.pages.run_in_worker(kind, self.request, build_html, content)
        return HTMLResponse(html, self.status)

    async def render_invalid(
        self, page: FormPage, form: FormState, status: int = HTTPStatus.UNPROCESSABLE_ENTITY
    ) -> Response:
        """Return the page of a form with its errors. Raises ProblemError."""
        self.reject(form)
        self.status = status
        if page.in_worker:
            return await self.render_in_worker(page.build, *page.arguments, form)
        return self.render(await self.build(page.build, *page.arguments, form))

    async def execute(self, form: Form, prepare: CommandFactory, page: FormPage) -> Response:
        """Run a form's command once, and redirect; a rejection is shown on the form's page.

        `prepare` does slow work and re-authentication before the transaction. Raises ProblemError for what the page
        cannot show: the reader is not signed in, the request comes from another site, the service failed.
        """

        async def run_command() -> Callable[[Transaction], StoredResponse]:
            command = await prepare()
            return lambda transaction: StoredResponse(HTTPStatus.SEE_OTHER, command(transaction).encode())

        if not FORM_KEY.fullmatch(form.key):
            raise ProblemError(MALFORMED_FORM, Message("The form does not come from a page of this service."))
        form_digest = await run_in_threadpool(lambda: form.fingerprint)
        fingerprint = fingerprint_of(self.request.method, self.request.url.path, form_digest)
        try:
            stored, _ = await run_idempotent(
                self.service, IdempotentRequest(self.actor.id, f"form:{form.key}", fingerprint), run_command
            )
        except Exception as error:
            problem = problem_of(error, self.service.clock.now())
            if problem is None or problem.kind is NOT_AUTHENTICATED:
                raise
            return await self.render_invalid(page, _refused_form(form, problem), problem.kind.status)
        return self.pages.redirect(stored.body.decode())


def attachment(content: bytes, name: str, media_type: str) -> Response:
    """Return a file as a download; `name` needs no escapes."""
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(content, headers=headers, media_type=media_type)


async def call(pages: Pages, request: Request, function: PageBuilder, *arguments: object) -> Any:  # noqa: ANN401  # what it gives
    """Call what takes a context, in a worker."""
    return await PageContext(pages, request).build(function, *arguments)


async def build_html(  # a page, as it is made and shown
    pages: Pages,
    request: Request,
    build: PageBuilder,
    rejected: FormState | None,
    template: str | None,
    *arguments: object,
) -> bytes:
    """Return a page as it is made in a worker."""
    context = PageContext(pages, request)
    context.frame = replace(context.frame, rejected=rejected)
    page = await context.build(build, *arguments)
    return pages.render_html(page, context.frame, template).encode()


def _refused_form(form: Form, problem: Problem) -> FormState:
    """Return the state of a form whose command was refused."""
    details = problem.reasons
    form_error = problem.kind.title if len(details) > 1 else problem.detail  # several stand in a list beneath
    diagnostics = problem.extensions.get("diagnostics")
    return replace(
        form.bind(_proof_errors(form, problem), form_error, details),
        diagnostics=tuple(diagnostics) if isinstance(diagnostics, list) else (),
    )


def _proof_errors(form: Form, problem: Problem) -> FieldErrors:
    """Return the error of the field with the password, when that is what is wrong."""
    if problem.kind is not CONFIRMATION_NEEDED:
        return {}
    return {name: ENTER_AGAIN for name in PASSWORD_FIELDS if name in form.fields}
