"""Lays a page out as PDF with WeasyPrint, an extra, in a process of its own with a limit on its time and its memory.

The page can reach nothing but the style sheets of this service: no file, no network, whatever is written in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from anyio import BrokenWorkerProcess, CapacityLimiter, fail_after, to_process

from api.checking import confine
from api.pages.static import FILES
from api.problems import BUSY, PDF_UNAVAILABLE, ProblemError
from policy_service.sentences import Sentence

if TYPE_CHECKING:
    from weasyprint.urls import URLFetcherResponse

INSTALLED = find_spec("weasyprint") is not None
"""Whether the extra is there at all; whether its own libraries are, is seen when it is used."""
SECONDS = 60.0
"""How long one page may take."""
WAITING = 4
"""Pages that may wait while another is laid out."""
HERE = "https://service.invalid/"
"""Where the page stands, so that its addresses are whole; nobody is ever asked there (RFC 2606)."""


class Printer:
    """Lays out one page after another."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self._seconds = seconds
        self._limiter = CapacityLimiter(1)

    async def pdf(self, html: str) -> bytes:
        """A page as PDF. Raises ProblemError when the extra is not there, or it takes too long."""
        if self._limiter.statistics().tasks_waiting >= WAITING:
            told = Sentence("{count} PDF files are waiting already", count=WAITING)
            raise ProblemError(BUSY, told, headers={"Retry-After": "20"})
        async with self._limiter:
            try:
                with fail_after(self._seconds):
                    made = await to_process.run_sync(lay_out, html, cancellable=True)
            except (TimeoutError, BrokenWorkerProcess, MemoryError):
                told = Sentence("The PDF takes more time or memory than is given: use the print view of the browser.")
                raise ProblemError(BUSY, told, headers={"Retry-After": "60"}) from None
        if made is None:
            told = Sentence("PDF files are not made here: open the print view and let the browser save it as PDF.")
            raise ProblemError(PDF_UNAVAILABLE, told)
        return made


def lay_out(html: str) -> bytes | None:
    """A page as PDF; None when WeasyPrint or one of its libraries is not there. For a process of its own."""
    try:
        from weasyprint import HTML  # noqa: PLC0415  # an extra
        from weasyprint.urls import URLFetcher, URLFetcherResponse  # noqa: PLC0415  # the same
    except (ImportError, OSError):
        return None

    class OwnFiles(URLFetcher):
        """Gives the style sheets of this service, and nothing else."""

        def fetch(self, url: str, headers: Mapping[str, str] | None = None) -> URLFetcherResponse:  # noqa: ARG002
            content, kind = own_file(url)
            return URLFetcherResponse(url, content, {"Content-Type": kind})

    confine()
    return HTML(string=html, base_url=HERE, url_fetcher=OwnFiles()).write_pdf()


def own_file(url: str) -> tuple[bytes, str]:
    """A file of this service's own by its address on a page. Raises ValueError for everything else."""
    parts = urlsplit(url)
    folder, _, name = parts.path.rpartition("/")
    if not url.startswith(HERE) or folder != "/static" or name not in FILES:
        raise ValueError(f"nothing is fetched from {url[:100]!r}")
    return FILES[name]
