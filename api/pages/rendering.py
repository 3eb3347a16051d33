"""`Pages`: what all routes of pages work with. It shows a page, tells a problem, lets a form have its effect.

A page is shown by its template alone, which gets the page as `page` and nothing else. A name that is not there is a
fault (`StrictUndefined`), never an empty place; everything is escaped.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from http import HTTPStatus
from pathlib import Path
from typing import ClassVar
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import Scope

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
FORM_KEY = re.compile(r"[\x21-\x7e]{1,100}")
"""The key of a form; pages make a UUID."""
Do = Callable[[Transaction], str]
"""Has the effect of a form; gives the address to go on at."""
Prepare = Callable[[], Awaitable[Do]]
Again = Callable[[Filled], Awaitable[Page]]
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

    def __init__(self, service: Service, examiner: Examiner, auditor: Auditor) -> None:
        self.service = service
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

    def show(self, page: Page, status: int = HTTPStatus.OK) -> Response:
        """A page."""
        return HTMLResponse(self.html(page), status, NO_STORE)

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
        return HTMLResponse(self.html(page), problem.kind.status, {**headers, **NO_STORE})

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
        once = Once(asker(request).actor.id, f"form:{form.key}", fingerprint_of(request.method, path, form.fingerprint))
        try:
            stored, _ = await perform_once(self.service, once, storing)
        except Exception as error:
            problem = self.problem_of(error)
            if problem is None or problem.kind is NOT_AUTHENTICATED:
                raise
            reasons = problem.more.get("reasons", ())
            listed = tuple(map(str, reasons)) if isinstance(reasons, list | tuple) else ()
            refusal = problem.kind.title if len(listed) > 1 else problem.detail  # several stand in a list beneath
            return self.show(await again(form.filled(refusal=refusal, reasons=listed)), problem.kind.status)
        return self.go_on(stored.body.decode())

    def problem_of(self, error: Exception) -> Problem | None:
        """What an exception tells; None when it is a fault of the service's own."""
        return error.problem if isinstance(error, ProblemError) else of_library(error, self.service.clock.now())

    @staticmethod
    def go_on(address: str) -> Response:
        """Leads a browser on after a form was sent."""
        return RedirectResponse(address, HTTPStatus.SEE_OTHER, NO_STORE)


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
