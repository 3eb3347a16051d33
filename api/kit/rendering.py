"""`Pages`: shared by all routes of pages. It renders pages and problems.

A template only gets the page as `page` and its frame as `frame`. An undefined name is an error (`StrictUndefined`),
never empty; everything is escaped.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from http import HTTPStatus
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import Receive, Scope, Send

from api.faces import code_point, missing_glyphs
from api.kit.cell_labels import label_cells
from api.kit.charts import bar_chart, line_chart, matrix_chart
from api.kit.formats import Formats, escape_hidden, inline_code, visible
from api.kit.frame import TASK_SECTIONS, Frame, Page, frame_of
from api.kit.languages import translations
from api.kit.listing import link, rule_address, version_address
from api.service import Service
from api.web.problems import NOT_AUTHENTICATED, Problem
from policy_service.actor import Role
from policy_service.characters import describe_character
from policy_service.errors import PolicyServiceError
from policy_service.jobs.runner import Jobs
from policy_service.labels import domain_name, engine_name, enum_label
from policy_service.language.policy import Language
from policy_service.messages import Message, translate
from policy_service.subject import kind_label
from policy_service.tasks import count_tasks
from policy_service.workers.kind import WorkKind

TEMPLATES = Path(__file__).parent.parent / "templates"
SIGN_IN = "/sign-in"
RunInWorker = Callable[[WorkKind, Request, Callable[..., Awaitable[Any]], Sequence[object]], Awaitable[Any]]
"""Runs in a worker a function that takes `Pages`, a request, and further arguments. Raises ProblemError, and what the
function raises.
"""


@dataclass(frozen=True, slots=True)
class ProblemPage:
    """The page of a problem."""

    template: ClassVar[str] = "problem.html"
    kind: str
    status: int
    title: str
    detail: str
    reasons: tuple[str, ...]
    instance: str


class Pages:
    """The dependencies of page routes."""

    def __init__(self, service: Service, jobs: Jobs, run_in_worker: RunInWorker | None = None) -> None:
        """`run_in_worker` runs long work in workers; without it everything runs here."""
        self.service = service
        self.run_in_worker = run_in_worker
        self.jobs = jobs
        self.tables: dict[str, Any] = {}
        """The tables with routes, by path: a worker finds the one to export here."""
        self._logged_characters: set[str] = set()
        self._environments = {lang: _environment(lang, service.zone) for lang in ("zh", "en")}

    def frame(self, request: Request) -> Frame:
        """Build the frame of the requested page."""
        asks_code = self.service.settings.second_factor == "required"
        return frame_of(request, self.service.clock.now(), asks_code=asks_code)

    def render(self, page: Page, frame: Frame, status: int = HTTPStatus.OK, template: str | None = None) -> Response:
        """Return a page."""
        return DeferredHTMLResponse(lambda: self.render_html(page, frame, template), status)

    def warm_up(self) -> None:
        """Compile all templates."""
        for environment in self._environments.values():
            for name in environment.list_templates(["html"]):
                environment.get_template(name)

    def render_html(self, page: Page, frame: Frame, template: str | None = None) -> str:
        """Return a page as HTML, by its own template or by one for a part of it or another form of it.

        A page with characters that the typeface cannot draw names them; the log has each the first time it is met.
        """
        compiled = self._environments[frame.lang].get_template(template or page.template)
        notices: Mapping[str, Message] = getattr(page, "notices", {})
        frame = replace(frame, waiting=self._count_waiting(frame), notice=notices.get(frame.done))
        html = label_cells(compiled.render(page=page, frame=frame))
        if not (missing := missing_glyphs(html)):
            return html
        if new_characters := set(missing) - self._logged_characters:
            self._logged_characters |= new_characters
            characters = sorted(map(code_point, new_characters))
            self.service.log.warning("characters_not_in_typeface", template=compiled.name, characters=characters)
        return label_cells(compiled.render(page=page, frame=replace(frame, missing_glyphs=missing)))

    def _count_waiting(self, frame: Frame) -> Mapping[str, int]:
        """Count the reader's tasks by section; none while the database does not answer."""
        if frame.actor is None:
            return {}
        try:
            with self.service.database.read() as session:
                counts = count_tasks(session, frame.actor, frame.now)
        except PolicyServiceError:
            return {}
        return {"/": sum(counts.values()), **{TASK_SECTIONS[kind]: count for kind, count in counts.items()}}

    def render_problem(self, problem: Problem, scope: Scope, instance: str) -> Response:
        """Return a problem as a page. A person who must sign in is redirected to sign-in, and back afterwards."""
        request = Request(scope)
        frame = self.frame(request)
        if problem.kind is NOT_AUTHENTICATED:
            return _redirect_to_sign_in(request, frame)
        kind = problem.kind
        page = ProblemPage(kind.name, kind.status, kind.title, problem.detail, problem.reasons, instance)
        headers = {name: value for name, value in problem.headers.items() if name != "WWW-Authenticate"}
        return DeferredHTMLResponse(lambda: self.render_html(page, frame), kind.status, headers)

    @staticmethod
    def redirect(address: str) -> Response:
        """Return the redirect after a submitted form."""
        return RedirectResponse(address, HTTPStatus.SEE_OTHER)


class DeferredHTMLResponse(Response):
    """A page rendered in a thread when it is sent: even a short one would delay decisions too long."""

    media_type = "text/html"

    def __init__(self, html: Callable[[], str], status: int, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(None, status, headers)
        self._html = html

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Render and send it."""
        self.body = await run_in_threadpool(lambda: self._html().encode())
        self.headers["content-length"] = str(len(self.body))
        await super().__call__(scope, receive, send)


def _redirect_to_sign_in(request: Request, frame: Frame) -> Response:
    """Return the redirect to sign-in, which leads back to the requested page."""
    address = f"{SIGN_IN}?{urlencode({'next': frame.address})}"
    if request.headers.get("hx-request") == "true":  # a part of a page was asked for: the whole has to go
        return Response(None, HTTPStatus.NO_CONTENT, {"HX-Redirect": address})
    return RedirectResponse(address, HTTPStatus.SEE_OTHER)


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
