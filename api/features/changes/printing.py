"""`/changes/{change}/print` and `/changes/{change}/dossier.pdf`: the dossier on paper, with its signatures.

Both are the same page by another template: no navigation and no forms, and the code point in the place of a character
that the typeface cannot draw. A PDF is laid out by WeasyPrint; where the machine lacks its libraries, the address
answers 501 and says how to print instead.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from sqlmodel import Session
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, Response
from structlog.typing import FilteringBoundLogger

from api.faces import FOLDER, spell_out
from api.features.changes.dossier import Dossier, dossier
from api.kit.context import PageContext, attachment
from api.kit.page_route import PageRoute
from api.kit.static import FILES, KINDS
from api.web.problems import PDF_UNAVAILABLE, ProblemError
from policy_service.messages import Message

if TYPE_CHECKING:
    from weasyprint.urls import URLFetcherResponse

BASE_URL = "https://service.invalid/"
"""Where the page stands, so that its addresses are whole; nobody is ever asked there (RFC 2606)."""
PRINT_FILES: Final[Mapping[str, tuple[Path, str]]] = {
    "faces.css": (FOLDER / "print.css", KINDS[".css"]),
    **{file.name: (file, "font/ttf") for file in sorted(FOLDER.glob("*.ttf"))},
}
"""Names under `/static/` that mean another file on paper than in a browser, or only mean one there."""


@dataclass(frozen=True, slots=True)
class PdfUnavailable:
    """PDF cannot be made on this machine: the message is that of the loader that did not find a library."""

    reason: str


def render_pdf(log: FilteringBoundLogger, html: str) -> bytes:
    """A page as PDF. Slow: for a worker. Raises ProblemError when Pango is not there."""
    content = lay_out(html)
    if isinstance(content, PdfUnavailable):
        log.error("pdf_unavailable", reason=content.reason)
        message = Message("PDF files are not made here: open the print view and let the browser save it as PDF.")
        raise ProblemError(PDF_UNAVAILABLE, message)
    return content


def lay_out(html: str) -> bytes | PdfUnavailable:
    """A page as PDF, or why there is none: WeasyPrint or one of its libraries is missing."""
    try:
        from weasyprint import HTML  # noqa: PLC0415  # takes a second, and loads libraries of the system
        from weasyprint.urls import URLFetcher, URLFetcherResponse  # noqa: PLC0415  # the same
    except OSError as error:
        return PdfUnavailable(str(error))

    class OwnFiles(URLFetcher):
        """Gives the style sheets and the typeface of this service, and nothing else."""

        def fetch(self, url: str, headers: Mapping[str, str] | None = None) -> URLFetcherResponse:  # noqa: ARG002
            content, kind = own_file(url)
            return URLFetcherResponse(url, content, {"Content-Type": kind})

    return HTML(string=html, base_url=BASE_URL, url_fetcher=OwnFiles()).write_pdf()


def own_file(url: str) -> tuple[bytes, str]:
    """A file of this service's own by its address on a page. Raises ValueError for everything else."""
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
    """Return a page on which no line ends between a number and its unit."""
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
    PageRoute("/changes/{change}/print", show_print_view),
    PageRoute("/changes/{change}/dossier.pdf", send_pdf),
)
