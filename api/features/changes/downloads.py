"""Files of a change: its texts, its evidence, its movers and actual effect as CSV; the dossier for printing and as PDF.

The printed dossier is the same page with another template: without navigation and forms, and with code points for
characters that the typeface lacks. WeasyPrint creates the PDF; if its libraries are missing, the response is 501 and
explains how to print instead. Whatever its content, the page can only access the style sheets and the typeface of this
service: no file, no network.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final
from urllib.parse import urlsplit

from sqlmodel import Session
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, Response
from structlog.typing import FilteringBoundLogger

from api.faces import FOLDER, spell_out
from api.features.changes.dossier import Dossier, dossier
from api.features.changes.simulation import evidence_response, export, read_comparison, read_effect, read_movers
from api.kit.context import PageContext, attachment
from api.kit.forms import read_form
from api.kit.page_route import PageRoute
from api.kit.static import FILES, KINDS
from api.web.problems import INVALID_PARAMETER, NOT_FOUND, PDF_UNAVAILABLE, ProblemError, invalid_parameters_detail
from policy_service.approval import service as approval
from policy_service.language.file_text import file_name
from policy_service.language.types import parse_date
from policy_service.messages import Message
from policy_service.population.actual_effect import EffectComparison, movement_groups, to_csv
from policy_service.population.actual_effect_view import PolicyComparisonView, comparison_views
from policy_service.population.effect_document import workload_csv
from policy_service.population.errors import PopulationRejected
from policy_service.workers.kinds import READING

if TYPE_CHECKING:
    from policy_service.population.group_figures import GroupComparison

PATH = "/changes/{change}/actual-effect"
MAX_FILE = 4 * 2**20
"""Maximum size of a form with a file, bytes."""


@dataclass(frozen=True, slots=True)
class ActualEffectPage:
    """`/changes/{change}/actual-effect`."""

    template: ClassVar[str] = "changes/actual_effect.html"
    change: approval.Change
    comparison: EffectComparison
    policies: tuple[PolicyComparisonView, ...]
    figures: GroupComparison | None = None
    """The group figures in an uploaded file."""
    problems: tuple[str, ...] = ()
    """The errors of that file."""


def requested_day(context: PageContext) -> date | None:
    """Return the day in an address; None if there is none. Raises ProblemError."""
    text = context.params.get("day", "").strip()
    day = parse_date(text)
    if text and day is None:
        raise ProblemError(INVALID_PARAMETER, invalid_parameters_detail(["day"]))
    return day


def actual_effect_page(
    session: Session, context: PageContext, change: str, upload: bytes | None = None
) -> ActualEffectPage:
    """Return the page for the caller, with the figures of an uploaded file."""
    comparison = read_comparison(session, context.service, change, requested_day(context))
    load = partial(context.service.catalogue.load, session)
    views = comparison_views(load, comparison.policies, context.frame.lang)
    page = ActualEffectPage(approval.read_change(session, change), comparison, views)
    return page if upload is None else _with_figures(session, page, upload)


def figures_csv(session: Session, context: PageContext, change: str, upload: bytes) -> bytes | None:
    """Return the figures of an uploaded file as CSV; None for an invalid file."""
    page = actual_effect_page(session, context, change, upload)
    return None if page.figures is None else page.figures.to_csv()


def _with_figures(session: Session, page: ActualEffectPage, content: bytes) -> ActualEffectPage:
    """Return the page with a file's figures for the groups of the first policy, and for those that moved."""
    # DuckDB takes a second to load
    from policy_service.population.group_figures import compare_content  # noqa: PLC0415

    policy = next((each.policy for each in page.comparison.policies if each.cells), None)
    groups = movement_groups(session, policy, page.comparison.since, page.comparison.until) if policy else {}
    try:
        return replace(page, figures=compare_content(content, groups))
    except PopulationRejected as error:
        return replace(page, problems=error.problems)


async def show_actual_effect(context: PageContext, change: str) -> Response:
    """Show the actual effect of a change until a day."""
    return await context.render_in_worker(actual_effect_page, change)


async def compare_file(context: PageContext, change: str) -> Response:
    """Show the same with the figures of a file, which is not stored; or send these as CSV."""
    form = await read_form(context.request, MAX_FILE)
    upload = form.files.get("file", (b"",))[0]
    if form.value("do") == "csv":
        content = await context.run_in_worker(READING, figures_csv, change, upload)
        if content is not None:
            return attachment(content, "figures.csv", "text/csv; charset=utf-8")
    return await context.render_in_worker(actual_effect_page, change, upload)


def send_text(session: Session, _: PageContext, change: str, text: str) -> Response:
    """Send the file with a digest, of the current or an earlier draft."""
    content = _text(session, change, text)
    return attachment(content, file_name(content), "application/yaml")


def send_evidence(session: Session, _: PageContext, change: str) -> Response:
    """Send the evidence file of first versions."""
    return evidence_response(session, change)


def _csv_route(name: str, read: Callable[[Session, PageContext, str], bytes]) -> PageRoute:
    async def send_csv(context: PageContext, change: str) -> Response:
        content = await export(context.service, context.actor, name, change, lambda s: read(s, context, change))
        return attachment(content, f"{name}-{change}.csv", "text/csv; charset=utf-8")

    return PageRoute(f"/changes/{{change}}/{name}.csv", send_csv)


def _actual_effect(session: Session, context: PageContext, change: str) -> bytes:
    return to_csv(read_comparison(session, context.service, change, requested_day(context)))


def _text(session: Session, change_id: str, text: str) -> bytes:
    change = approval.read_change(session, change_id)
    if not any(acted.draft and text in acted.draft.texts for acted in change.actions):
        raise ProblemError(NOT_FOUND, Message("The change holds no such text."))
    return approval.read_text(session, text)


if TYPE_CHECKING:
    from weasyprint.urls import URLFetcherResponse

BASE_URL = "https://service.invalid/"
"""The base of the page's addresses; never requested (RFC 2606)."""
PRINT_FILES: Final[Mapping[str, tuple[Path, str]]] = {
    "faces.css": (FOLDER / "print.css", KINDS[".css"]),
    **{file.name: (file, "font/ttf") for file in sorted(FOLDER.glob("*.ttf"))},
}
"""Names under `/static/` that are replaced or added for printing."""


@dataclass(frozen=True, slots=True)
class PdfUnavailable:
    """PDF is not available on this machine: the message of the loader that did not find a library."""

    reason: str


def render_pdf(log: FilteringBoundLogger, html: str) -> bytes:
    """Return a page as PDF. Slow: for a worker. Raises ProblemError if Pango is missing."""
    content = lay_out(html)
    if isinstance(content, PdfUnavailable):
        log.error("pdf_unavailable", reason=content.reason)
        message = Message("PDF files are not made here: open the print view and let the browser save it as PDF.")
        raise ProblemError(PDF_UNAVAILABLE, message)
    return content


def lay_out(html: str) -> bytes | PdfUnavailable:
    """Return a page as PDF, or why there is none: WeasyPrint or one of its libraries is missing."""
    try:
        from weasyprint import HTML  # noqa: PLC0415  # takes a second, and loads libraries of the system
        from weasyprint.urls import URLFetcher, URLFetcherResponse  # noqa: PLC0415  # the same
    except OSError as error:
        return PdfUnavailable(str(error))

    class OwnFiles(URLFetcher):
        """Serves only the style sheets and the typeface of this service."""

        def fetch(self, url: str, headers: Mapping[str, str] | None = None) -> URLFetcherResponse:  # noqa: ARG002
            content, kind = own_file(url)
            return URLFetcherResponse(url, content, {"Content-Type": kind})

    return HTML(string=html, base_url=BASE_URL, url_fetcher=OwnFiles()).write_pdf()


def own_file(url: str) -> tuple[bytes, str]:
    """Return a file of this service by its address on a page. Raises ValueError for any other address."""
    parts = urlsplit(url)
    folder, _, name = parts.path.rpartition("/")
    if not url.startswith(BASE_URL) or folder != "/static" or (name not in PRINT_FILES and name not in FILES):
        raise ValueError(f"nothing is fetched from {url[:100]!r}")
    if name in PRINT_FILES:
        file, kind = PRINT_FILES[name]
        return file.read_bytes(), kind
    return FILES[name]


PRINT_TEMPLATE = "changes/print.html"
AMOUNT = re.compile(
    r"(?<=[0-9]) (?=(?:[A-Z]{3}\b|[元天年]|个月|小时|分钟|秒|days?\b|months?\b|years?\b|hours?\b|minutes?\b|%))"
)
"""The blank between a number and its unit."""


def keep_amounts(html: str) -> str:
    """Return a page without line breaks between a number and its unit."""
    return AMOUNT.sub("\N{NO-BREAK SPACE}", html)


def _print_html(context: PageContext, page: Dossier) -> str:
    return keep_amounts(spell_out(context.pages.render_html(page, context.frame, PRINT_TEMPLATE)))


def show_print_view(session: Session, context: PageContext, change: str) -> Response:
    """Show the dossier as a page to print."""
    return HTMLResponse(_print_html(context, dossier(session, context, change)))


async def send_pdf(context: PageContext, change: str) -> Response:
    """Send the dossier as a PDF file."""
    page: Dossier = await context.build(dossier, change)
    content = await run_in_threadpool(lambda: render_pdf(context.service.log, _print_html(context, page)))
    return attachment(content, f"change-{page.change.id}.pdf", "application/pdf")


ROUTES = (
    PageRoute(PATH, show_actual_effect),
    PageRoute(PATH, compare_file, method="POST"),
    PageRoute("/changes/{change}/texts/{text}", send_text),
    PageRoute("/changes/{change}/evidence", send_evidence),
    _csv_route("actual-effect", _actual_effect),
    _csv_route("movers", lambda session, _, change: read_movers(session, change)),
    _csv_route("workload", lambda session, _, change: workload_csv(read_effect(session, change).document)),
    PageRoute("/changes/{change}/print", show_print_view),
    PageRoute("/changes/{change}/dossier.pdf", send_pdf),
)
