"""`Pages`: what all routes of pages work with. It shows a page, tells a problem, lets a form have its effect.

    return pages.show(page)                                             rendered here, in a thread
    return await pages.show_made(request, dossier, change)              made and rendered in a process of its own

A page is shown by its template alone, which gets the page as `page` and nothing else. A name that is not there is a
fault (`StrictUndefined`), never an empty place; everything is escaped.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus
from pathlib import Path
from typing import Any, ClassVar, TypeVar
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import Receive, Scope, Send

from api.auditing import Auditor
from api.authentication import asker
from api.examining import Examiner
from api.faces import code_point, missing_glyphs
from api.pages.formats import Formats, coded, legible, visible
from api.pages.forms import Filled, Form
from api.pages.frame import Frame, Page, frame_of
from api.pages.jobs import Jobs
from api.pages.languages import translations
from api.pages.listing import link
from api.pages.vocabulary import name_of
from api.problems import MALFORMED_FORM, NOT_AUTHENTICATED, Problem, ProblemError
from api.refusals import of_library
from api.service import Service
from api.work import READING
from api.workers import Kind
from api.writing import Once, perform_once
from policy_service.characters import describe_character
from policy_service.database import Transaction
from policy_service.idempotency import Stored, fingerprint_of
from policy_service.language.policy import Language
from policy_service.sentences import Sentence, told
from policy_service.subject import kind_words

TEMPLATES = Path(__file__).parent.parent / "templates"
NO_STORE = {"cache-control": "no-store"}
SIGN_IN = "/sign-in"
Result = TypeVar("Result")
FORM_KEY = re.compile(r"[\x21-\x7e]{1,100}")
"""The key of a form; pages make a UUID."""
Do = Callable[[Transaction], str]
"""Has the effect of a form; gives the address to go on at."""
Prepare = Callable[[], Awaitable[Do]]
Make = Callable[..., Awaitable[Page]]
"""Makes a page from `Pages`, a request, and what else it takes."""
Elsewhere = Callable[[Kind, Request, Callable[..., Awaitable[Any]], Sequence[object]], Awaitable[Any]]
"""Does in a worker what takes `Pages`, a request, and what else is given. Raises ProblemError, and what it does."""


@dataclass(frozen=True, slots=True)
class Made:
    """The page of a form, to be made again in a worker: it gets these and, last, what stands in the form."""

    make: Make
    given: tuple[object, ...] = ()


Again = Callable[[Filled], Awaitable[Page]] | Made
"""The page of a form, to be shown again with what is wrong."""


@dataclass(frozen=True, slots=True)
class ProblemPage:
    """Why something was not done or not found."""

    template: ClassVar[str] = "problem.html"
    frame: Frame
    kind: str
    status: int
    title: str
    detail: str
    reasons: tuple[str, ...]
    instance: str


class Pages:
    """Everything a route needs beside the request."""

    def __init__(
        self, service: Service, examiner: Examiner, auditor: Auditor, elsewhere: Elsewhere | None = None
    ) -> None:
        """`elsewhere` does in workers what takes long; without it all is done here."""
        self.service = service
        self._elsewhere = elsewhere
        self.examiner = examiner
        self.auditor = auditor
        self.jobs = Jobs(service.clock)
        self._logged_characters: set[str] = set()
        missing_glyphs("林")  # reads the typeface now, and not while a page is waited for
        self._environments = {lang: _environment(service, lang) for lang in ("zh", "en")}

    def frame(self, request: Request, notice: Sentence | None = None) -> Frame:
        """What stands around the page that a request asks for."""
        return frame_of(request, self.service.clock.now(), notice)

    def new_form(self, **values: str) -> Filled:
        """A form with these values in its fields, never sent yet."""
        return Filled(str(self.service.clock.new_id()), {name: (value,) for name, value in values.items()})

    def show(self, page: Page, status: int = HTTPStatus.OK, template: str | None = None) -> Response:
        """A page."""
        return Rendered(lambda: self.html(page, template), status)

    async def show_made(  # what is made of what, and how it is shown
        self,
        request: Request,
        make: Make,
        *given: object,
        status: int = HTTPStatus.OK,
        kind: Kind = READING,
        template: str | None = None,
    ) -> Response:
        """A page that takes long to make, as `make` makes it. Raises ProblemError, and what it raises."""
        if self._elsewhere is None:
            return self.show(await make(self, request, *given), status, template)
        html = await self._elsewhere(kind, request, html_of, (make, given, template))
        return HTMLResponse(html, status, NO_STORE)

    async def ask(self, kind: Kind, request: Request, act: Callable[..., Awaitable[Result]], *given: object) -> Result:
        """What `act` finds, which takes long. Raises ProblemError, and what it raises."""
        if self._elsewhere is None:
            return await act(self, request, *given)
        found: Result = await self._elsewhere(kind, request, act, given)
        return found

    async def show_again(self, request: Request, again: Again, filled: Filled, status: int) -> Response:
        """The page of a form with what stands in it. Raises ProblemError."""
        if isinstance(again, Made):
            return await self.show_made(request, again.make, *again.given, filled, status=status)
        return self.show(await again(filled), status)

    def warm_up(self) -> None:
        """Compiles all templates."""
        for environment in self._environments.values():
            for name in environment.list_templates(["html"]):
                environment.get_template(name)

    def html(self, page: Page, template: str | None = None) -> str:
        """A page as HTML, by its own template or by one for a part of it or another form of it.

        A page with characters that the typeface cannot draw names them; the log has each the first time it is met.
        """
        shown = self._environments[page.frame.lang].get_template(template or page.template)
        html = shown.render(page=page)
        if not (missing := missing_glyphs(html)):
            return html
        if new := set(missing) - self._logged_characters:
            self._logged_characters |= new
            characters = sorted(map(code_point, new))
            self.service.log.warning("characters_not_in_typeface", template=shown.name, characters=characters)
        return shown.render(page=replace(page, frame=replace(page.frame, missing_glyphs=missing)))

    def tell(self, problem: Problem, scope: Scope, instance: str) -> Response:
        """A problem, for people. Who has to sign in first is led there, and back afterwards."""
        request = Request(scope)
        frame = self.frame(request)
        if problem.kind is NOT_AUTHENTICATED:
            return _to_sign_in(request, frame)
        reasons = problem.more.get("reasons", ())
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
        return Rendered(lambda: self.html(page), problem.kind.status, headers)

    async def attempt(self, request: Request, form: Form, prepare: Prepare, again: Again) -> Response:
        """Lets a form have its effect, once, and leads on; what is refused is told on the page it came from.

        `prepare` does what is slow before the transaction, and confirms who acts. Raises ProblemError for what the page
        cannot tell: that nobody is signed in, that another site asks, that the service failed.
        """

        async def storing() -> Callable[[Transaction], Stored]:
            do = await prepare()
            return lambda transaction: Stored(HTTPStatus.SEE_OTHER, do(transaction).encode())

        if not FORM_KEY.fullmatch(form.key):
            raise ProblemError(MALFORMED_FORM, Sentence("The form was not made by a page of this service."))
        path = request.url.path
        sealed = await run_in_threadpool(lambda: form.fingerprint)
        once = Once(asker(request).actor.id, f"form:{form.key}", fingerprint_of(request.method, path, sealed))
        try:
            stored, _ = await perform_once(self.service, once, storing)
        except Exception as error:
            problem = self.problem_of(error)
            if problem is None or problem.kind is NOT_AUTHENTICATED:
                raise
            reasons = problem.more.get("reasons", ())
            listed = tuple(map(str, reasons)) if isinstance(reasons, list | tuple) else ()
            refusal = problem.kind.title if len(listed) > 1 else problem.detail  # several stand in a list beneath
            filled = form.filled(refusal=refusal, reasons=listed)
            return await self.show_again(request, again, filled, problem.kind.status)
        return self.go_on(stored.body.decode())

    def problem_of(self, error: Exception) -> Problem | None:
        """What an exception tells; None when it is a fault of the service's own."""
        return error.problem if isinstance(error, ProblemError) else of_library(error, self.service.clock.now())

    @staticmethod
    def go_on(address: str) -> Response:
        """Leads a browser on after a form was sent."""
        return RedirectResponse(address, HTTPStatus.SEE_OTHER, NO_STORE)


async def html_of(pages: Pages, request: Request, make: Make, given: Sequence[object], template: str | None) -> bytes:
    """A page as it is made in a worker."""
    return pages.html(await make(pages, request, *given), template).encode()


class Rendered(Response):
    """A page that is rendered when it is sent, in a thread: even a short one takes longer than decisions may wait."""

    media_type = "text/html"

    def __init__(self, html: Callable[[], str], status: int, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(None, status, {**(headers or {}), **NO_STORE})
        self._html = html

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Renders and sends it."""
        self.body = await run_in_threadpool(lambda: self._html().encode())
        self.headers["content-length"] = str(len(self.body))
        await super().__call__(scope, receive, send)


def _to_sign_in(request: Request, frame: Frame) -> Response:
    """To the page where people sign in, which leads back to where they wanted to go."""
    where = f"{SIGN_IN}?{urlencode({'next': frame.address})}"
    if request.headers.get("hx-request") == "true":  # a part of a page was asked for: the whole has to go
        return Response(None, HTTPStatus.NO_CONTENT, {"HX-Redirect": where, **NO_STORE})
    return RedirectResponse(where, HTTPStatus.SEE_OTHER, NO_STORE)


def _environment(service: Service, lang: Language) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        extensions=["jinja2.ext.i18n", "jinja2.ext.do"],
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    catalogue = translations(lang)
    environment.install_gettext_translations(catalogue, newstyle=True)  # type: ignore[attr-defined]  # by i18n
    formats = Formats(lang, service.zone)
    for name in ("instant", "exactly", "day", "moment", "ago", "lasting", "count", "share", "money", "words"):
        environment.filters[name] = getattr(formats, name)
    environment.filters["visible"] = visible
    environment.filters["coded"] = coded
    environment.filters["described"] = describe_character
    environment.filters["told"] = lambda text: told(text, catalogue.gettext, legible)
    environment.filters["named"] = lambda thing: told(name_of(thing), catalogue.gettext)
    environment.filters["kind_name"] = lambda kind: kind_words(kind, lang)
    environment.globals["link"] = link
    return environment
