"""`/changes/{change}/print` and `/changes/{change}/dossier.pdf`: the dossier on paper, with its signatures.

Both are the same page by another template: no navigation and no forms. A PDF is laid out by WeasyPrint, which is an
extra (`pip install policy-service[pdf]`); without it the address answers 501 and says how to print instead.
"""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from api.pages.changes.dossier import dossier
from api.pages.changes.pdf import Printer
from api.pages.rendering import NO_STORE, Pages

PAPER = "changes/print.html"


def printing_routes(pages: Pages) -> APIRouter:
    """The routes."""
    router = APIRouter(include_in_schema=False, prefix="/changes/{change}")
    printer = Printer()

    @router.get("/print")
    async def on_paper(request: Request, change: str) -> Response:
        """The dossier as a page to print."""
        page = await dossier(pages, request, change)
        return Response(pages.html(page, PAPER), headers=NO_STORE, media_type="text/html")

    @router.get("/dossier.pdf")
    async def as_pdf(request: Request, change: str) -> Response:
        """The dossier as a PDF file."""
        page = await dossier(pages, request, change)
        content = await printer.pdf(pages.html(page, PAPER))
        name = f'attachment; filename="change-{page.change.id}.pdf"'
        return Response(content, headers={"content-disposition": name, **NO_STORE}, media_type="application/pdf")

    return router
