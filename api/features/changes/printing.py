"""`/changes/{change}/print` and `/changes/{change}/dossier.pdf`: the dossier on paper, with its signatures.

Both are the same page by another template: no navigation and no forms, and the code point in the place of a character
that the typeface cannot draw. A PDF is laid out by WeasyPrint; where the machine lacks its libraries, the address
answers 501 and says how to print instead.
"""

from __future__ import annotations

import re

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from api.faces import spell_out
from api.features.changes.dossier import Dossier, dossier
from api.features.changes.pdf import render_pdf
from api.kit.page_route import PageRoute
from api.kit.rendering import NO_STORE, Pages

PRINT_TEMPLATE = "changes/print.html"
AMOUNT = re.compile(
    r"(?<=[0-9]) (?=(?:[A-Z]{3}\b|[元天年]|个月|小时|分钟|秒|days?\b|months?\b|years?\b|hours?\b|minutes?\b|%))"
)
"""The blank between a number and its unit."""


def keep_amounts(html: str) -> str:
    """Return a page on which no line ends between a number and its unit."""
    return AMOUNT.sub("\N{NO-BREAK SPACE}", html)


def _print_html(pages: Pages, page: Dossier) -> str:
    return keep_amounts(spell_out(pages.render_html(page, PRINT_TEMPLATE)))


async def show_print_view(pages: Pages, request: Request, change: str) -> Response:
    """Show the dossier as a page to print."""
    page = await dossier(pages, request, change)
    return HTMLResponse(await run_in_threadpool(_print_html, pages, page), headers=NO_STORE)


async def send_pdf(pages: Pages, request: Request, change: str) -> Response:
    """Send the dossier as a PDF file."""
    page = await dossier(pages, request, change)
    content = await run_in_threadpool(lambda: render_pdf(pages.service.log, _print_html(pages, page)))
    name = f'attachment; filename="change-{page.change.id}.pdf"'
    return Response(content, headers={"content-disposition": name, **NO_STORE}, media_type="application/pdf")


ROUTES = (
    PageRoute("/changes/{change}/print", show_print_view),
    PageRoute("/changes/{change}/dossier.pdf", send_pdf),
)
