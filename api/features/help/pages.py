"""`/help` and below: the documents of the product, in the language of the reader, with their pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from api.features.help.documents import INDEX, Document, document, picture
from api.kit.frame import Frame
from api.kit.rendering import Pages
from api.web.problems import NOT_FOUND, ProblemError

PICTURES = {"cache-control": "private, max-age=3600"}
"""A picture may be an hour old: it changes with the product alone."""


@dataclass(frozen=True, slots=True)
class HelpPage:
    """One document."""

    template: ClassVar[str] = "help/page.html"
    frame: Frame
    document: Document
    is_index: bool


def help_routes(pages: Pages) -> APIRouter:
    """Return the routes of the documents and their pictures."""
    router = APIRouter(prefix="/help", include_in_schema=False)

    async def page_of(request: Request, path: str) -> Response:
        frame = pages.frame(request)
        if (found := await run_in_threadpool(document, path, frame.lang)) is None:
            raise ProblemError(NOT_FOUND, "no such address")
        return pages.render(HelpPage(frame, found, path == INDEX))

    @router.get("")
    async def index(request: Request) -> Response:
        """Show the list of all documents."""
        return await page_of(request, INDEX)

    @router.get("/{kind}/{name}")
    async def one(request: Request, kind: str, name: str) -> Response:
        """Show one document. Raises ProblemError."""
        return await page_of(request, f"{kind}/{name}")

    @router.get("/images/{language}/{name}")
    async def image(language: str, name: str) -> Response:
        """Send one picture. Raises ProblemError."""
        if (content := await run_in_threadpool(picture, language, name)) is None:
            raise ProblemError(NOT_FOUND, "no such address")
        return Response(content, headers=PICTURES, media_type="image/png")

    return router
