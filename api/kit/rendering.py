"""`Pages`: shared by all routes of pages. It renders pages and problems, and runs the commands of forms.

    return pages.render(page)                                           rendered here, in a thread
    return await pages.render_in_worker(request, dossier, change)       made and rendered in a process of its own

A page is shown by its template alone, which gets the page as `page` and nothing else. A name that is not there is a
fault (`StrictUndefined`), never an empty place; everything is escaped.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from http import HTTPStatus
from pathlib import Path
from typing import Any, ClassVar, TypeVar
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import Receive, Scope, Send

from api.auth.authentication import principal_of
from api.faces import code_point, missing_glyphs
from api.kit.cell_labels import label_cells
from api.kit.charts import bar_chart, line_chart, matrix_chart
from api.kit.formats import Formats, escape_hidden, inline_code, visible
from api.kit.forms import ENTER_AGAIN, PASSWORD_FIELDS, FieldErrors, Form, FormState
from api.kit.frame import NO_NOTICES, TASK_SECTIONS, Frame, Page, frame_of, with_rejected
from api.kit.languages import translations
from api.kit.listing import link, rule_address, version_address
from api.service import Service
from api.web.error_mapping import library_problem
from api.web.idempotent_writes import run_idempotent
from api.web.problems import CONFIRMATION_NEEDED, MALFORMED_FORM, NOT_AUTHENTICATED, Problem, ProblemError
from policy_service.actor import Role
from policy_service.characters import describe_character
from policy_service.database import Transaction
from policy_service.errors import PolicyServiceError
from policy_service.idempotency import IdempotentRequest, StoredResponse, fingerprint_of
from policy_service.jobs.runner import Jobs
from policy_service.labels import domain_name, engine_name, enum_label
from policy_service.language.policy import Language
from policy_service.messages import Message, translate
from policy_service.subject import kind_label
from policy_service.tasks import count_tasks
from policy_service.workers.kind import WorkKind
from policy_service.workers.kinds import READING

TEMPLATES = Path(__file__).parent.parent / "templates"
NO_STORE = {"cache-control": "no-store"}
SIGN_IN = "/sign-in"
Result = TypeVar("Result")
FORM_KEY = re.compile(r"[\x21-\x7e]{1,100}")
"""The key of a form; pages make a UUID."""
Command = Callable[[Transaction], str]
"""Has the effect of a form; gives the address to go on at."""
CommandFactory = Callable[[], Awaitable[Command]]
PageBuilder = Callable[..., Awaitable[Page]]
"""Makes a page from `Pages`, a request, and what else it takes."""
RunInWorker = Callable[[WorkKind, Request, Callable[..., Awaitable[Any]], Sequence[object]], Awaitable[Any]]
"""Does in a worker what takes `Pages`, a request, and what else is given. Raises ProblemError, and what it does."""


@dataclass(frozen=True, slots=True)
class WorkerPage:
    """The page of a form, to be made again in a worker: it gets these and, last, what stands in the form."""

    build: PageBuilder
    arguments: tuple[object, ...] = ()


FormPage = Callable[[FormState], Awaitable[Page]] | WorkerPage
"""The page of a form, to be shown again with what is wrong."""


@dataclass(frozen=True, slots=True)
class ProblemPage:
    """The page of a problem."""

    template: ClassVar[str] = "problem.html"
    frame: Frame
    kind: str
    status: int
    title: str
    detail: str
    reasons: tuple[str, ...]
    instance: str


class Pages:
    """The dependencies of page routes."""

    def __init__(self, service: Service, jobs: Jobs, run_in_worker: RunInWorker | None = None) -> None:
        """`run_in_worker` does in workers what takes long; without it all is done here."""
        self.service = service
        self._run_in_worker = run_in_worker
        self.jobs = jobs
        self.tables: dict[str, Any] = {}
        """The tables whose routes there are, by path: a worker finds the one to export here."""
        self._logged_characters: set[str] = set()
        self._environments = {lang: _environment(lang, service.zone) for lang in ("zh", "en")}

    def frame(self, request: Request, notices: Mapping[str, Message] = NO_NOTICES) -> Frame:
        """Build the frame of the requested page; `notices` say what was just done, by `done` in the address."""
        return frame_of(request, self.service.clock.now(), notices)

    def new_form(self, **values: str) -> FormState:
        """A form with these values in its fields, never sent yet."""
        return FormState(str(self.service.clock.new_id()), {name: (value,) for name, value in values.items()})

    def render(self, page: Page, status: int = HTTPStatus.OK, template: str | None = None) -> Response:
        """A page."""
        return DeferredHTMLResponse(lambda: self.render_html(page, template), status)

    async def render_in_worker(  # what is made of what, and how it is shown
        self,
        request: Request,
        build: PageBuilder,
        *arguments: object,
        status: int = HTTPStatus.OK,
        kind: WorkKind = READING,
        template: str | None = None,
    ) -> Response:
        """A page that takes long to make, as `build` makes it. Raises ProblemError, and what it raises."""
        if self._run_in_worker is None:
            return self.render(await build(self, request, *arguments), status, template)
        html = await self._run_in_worker(kind, request, build_html, (build, arguments, template))
        return HTMLResponse(html, status, NO_STORE)

    async def run_in_worker(
        self, kind: WorkKind, request: Request, function: Callable[..., Awaitable[Result]], *arguments: object
    ) -> Result:
        """Run `function`, which takes long, in a worker. Raises ProblemError, and what it raises."""
        if self._run_in_worker is None:
            return await function(self, request, *arguments)
        result: Result = await self._run_in_worker(kind, request, function, arguments)
        return result

    async def render_invalid(
        self, request: Request, form_page: FormPage, form_state: FormState, status: int
    ) -> Response:
        """The page of a form with what stands in it. Raises ProblemError."""
        if isinstance(form_page, WorkerPage):
            return await self.render_in_worker(
                request, rejected_page, form_page.build, *form_page.arguments, form_state, status=status
            )
        return self.render(with_rejected(await form_page(form_state), form_state), status)

    def warm_up(self) -> None:
        """Compiles all templates."""
        for environment in self._environments.values():
            for name in environment.list_templates(["html"]):
                environment.get_template(name)

    def render_html(self, page: Page, template: str | None = None) -> str:
        """A page as HTML, by its own template or by one for a part of it or another form of it.

        A page with characters that the typeface cannot draw names them; the log has each the first time it is met.
        """
        compiled = self._environments[page.frame.lang].get_template(template or page.template)
        page = replace(page, frame=replace(page.frame, waiting=self._count_waiting(page.frame)))
        html = label_cells(compiled.render(page=page))
        if not (missing := missing_glyphs(html)):
            return html
        if new_characters := set(missing) - self._logged_characters:
            self._logged_characters |= new_characters
            characters = sorted(map(code_point, new_characters))
            self.service.log.warning("characters_not_in_typeface", template=compiled.name, characters=characters)
        return label_cells(compiled.render(page=replace(page, frame=replace(page.frame, missing_glyphs=missing))))

    def _count_waiting(self, frame: Frame) -> Mapping[str, int]:
        """Count what waits for the reader, by section; nothing while the database does not answer."""
        if frame.actor is None:
            return {}
        try:
            with self.service.database.read() as session:
                counts = count_tasks(session, frame.actor, frame.now)
        except PolicyServiceError:
            return {}
        return {"/": sum(counts.values()), **{TASK_SECTIONS[kind]: count for kind, count in counts.items()}}

    def render_problem(self, problem: Problem, scope: Scope, instance: str) -> Response:
        """A problem, for people. Who has to sign in first is led there, and back afterwards."""
        request = Request(scope)
        frame = self.frame(request)
        if problem.kind is NOT_AUTHENTICATED:
            return _redirect_to_sign_in(request, frame)
        reasons = problem.extensions.get("reasons", ())
        page = ProblemPage(
            frame,
            problem.kind.name,
            problem.kind.status,
            problem.kind.title,
            problem.detail,
            tuple(map(str, reasons)) if isinstance(reasons, list | tuple) else (),
            instance,
        )
        headers = {name: value for name, value in problem.headers.items() if name != "WWW-Authenticate"}
        return DeferredHTMLResponse(lambda: self.render_html(page), problem.kind.status, headers)

    async def execute(self, request: Request, form: Form, prepare: CommandFactory, form_page: FormPage) -> Response:
        """Run a form's command once, and redirect; a refusal is shown on the page it came from.

        `prepare` does what is slow before the transaction, and confirms who acts. Raises ProblemError for what the page
        cannot tell: that nobody is signed in, that another site asks, that the service failed.
        """

        async def run_command() -> Callable[[Transaction], StoredResponse]:
            command = await prepare()
            return lambda transaction: StoredResponse(HTTPStatus.SEE_OTHER, command(transaction).encode())

        if not FORM_KEY.fullmatch(form.key):
            raise ProblemError(MALFORMED_FORM, Message("The form does not come from a page of this service."))
        path = request.url.path
        form_digest = await run_in_threadpool(lambda: form.fingerprint)
        idempotency = IdempotentRequest(
            principal_of(request).actor.id, f"form:{form.key}", fingerprint_of(request.method, path, form_digest)
        )
        try:
            stored, _ = await run_idempotent(self.service, idempotency, run_command)
        except Exception as error:
            problem = self.problem_of(error)
            if problem is None or problem.kind is NOT_AUTHENTICATED:
                raise
            reasons = problem.extensions.get("reasons", ())
            details = tuple(map(str, reasons)) if isinstance(reasons, list | tuple) else ()
            diagnostics = problem.extensions.get("diagnostics")
            form_error = problem.kind.title if len(details) > 1 else problem.detail  # several stand in a list beneath
            form_state = form.bind(_proof_errors(form, problem), form_error, details)
            if isinstance(diagnostics, list):
                form_state = replace(form_state, diagnostics=tuple(diagnostics))
            return await self.render_invalid(request, form_page, form_state, problem.kind.status)
        return self.redirect(stored.body.decode())

    def problem_of(self, error: Exception) -> Problem | None:
        """Return the problem of an exception; None when it is a fault of the service's own."""
        return error.problem if isinstance(error, ProblemError) else library_problem(error, self.service.clock.now())

    @staticmethod
    def redirect(address: str) -> Response:
        """Leads a browser on after a form was sent."""
        return RedirectResponse(address, HTTPStatus.SEE_OTHER, NO_STORE)


async def build_html(
    pages: Pages, request: Request, build: PageBuilder, arguments: Sequence[object], template: str | None
) -> bytes:
    """A page as it is made in a worker."""
    return pages.render_html(await build(pages, request, *arguments), template).encode()


async def rejected_page(pages: Pages, request: Request, build: PageBuilder, *arguments: object) -> Page:
    """The page of a form that was refused; the last of the arguments is the form's state."""
    *_, form_state = arguments
    page = await build(pages, request, *arguments)
    return with_rejected(page, form_state) if isinstance(form_state, FormState) else page


class DeferredHTMLResponse(Response):
    """A page that is rendered when it is sent, in a thread: even a short one takes longer than decisions may wait."""

    media_type = "text/html"

    def __init__(self, html: Callable[[], str], status: int, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(None, status, {**(headers or {}), **NO_STORE})
        self._html = html

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Render and send it."""
        self.body = await run_in_threadpool(lambda: self._html().encode())
        self.headers["content-length"] = str(len(self.body))
        await super().__call__(scope, receive, send)


def _proof_errors(form: Form, problem: Problem) -> FieldErrors:
    """Return the error of the field with the password, when that is what is wrong."""
    if problem.kind is not CONFIRMATION_NEEDED:
        return {}
    return {name: ENTER_AGAIN for name in PASSWORD_FIELDS if name in form.fields}


def _redirect_to_sign_in(request: Request, frame: Frame) -> Response:
    """To the page where people sign in, which leads back to where they wanted to go."""
    address = f"{SIGN_IN}?{urlencode({'next': frame.address})}"
    if request.headers.get("hx-request") == "true":  # a part of a page was asked for: the whole has to go
        return Response(None, HTTPStatus.NO_CONTENT, {"HX-Redirect": address, **NO_STORE})
    return RedirectResponse(address, HTTPStatus.SEE_OTHER, NO_STORE)


@cache
def _environment(lang: Language, zone: ZoneInfo) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        extensions=["jinja2.ext.i18n", "jinja2.ext.do"],
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    catalogue = translations(lang)
    environment.install_gettext_translations(catalogue, newstyle=True)  # type: ignore[attr-defined]  # jinja2.ext.i18n adds it
    formats = Formats(lang, zone)
    for name in (
        "instant",
        "exact_time",
        "day",
        "datetime_local",
        "ago",
        "duration",
        "count",
        "percent",
        "money",
        "localized",
    ):
        environment.filters[name] = getattr(formats, name)
    words = partial(translate, gettext=catalogue.gettext)
    environment.filters["visible"] = lambda text: visible(words(text) if isinstance(text, Message) else text)
    environment.filters["inline_code"] = inline_code
    environment.filters["describe_character"] = describe_character
    environment.filters["t"] = lambda text: translate(text, catalogue.gettext, escape_hidden)
    environment.filters["label"] = lambda thing: translate(enum_label(thing), catalogue.gettext)
    environment.filters["role_name"] = lambda name: translate(enum_label(Role(name)), catalogue.gettext)
    environment.filters["domain_name"] = domain_name
    environment.filters["engine_name"] = lambda name: translate(engine_name(name), catalogue.gettext)
    environment.filters["kind_name"] = lambda kind: kind_label(kind, lang)
    environment.globals.update(link=link, rule_address=rule_address, version_address=version_address)
    for draw in (bar_chart, line_chart, matrix_chart):
        environment.globals[draw.__name__] = partial(draw, words=words, count=formats.count)
    return environment
