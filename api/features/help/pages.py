"""`/help` and below: the documents of the product, in the language of the reader, with their pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from api.features.help.documents import INDEX, Document, document, picture
from api.kit.frame import Frame
from api.kit.page_route import PageRoute
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


async def help_page(pages: Pages, request: Request, *path: str) -> HelpPage:
    """Build the page of a document, or of the list of all. Raises ProblemError."""
    frame, name = pages.frame(request), "/".join(path) or INDEX
    if (found := await run_in_threadpool(document, name, frame.lang)) is None:
        raise ProblemError(NOT_FOUND, "no such address")
    return HelpPage(frame, found, name == INDEX)


async def send_picture(_: Pages, __: Request, language: str, name: str) -> Response:
    """Send one picture. Raises ProblemError."""
    if (content := await run_in_threadpool(picture, language, name)) is None:
        raise ProblemError(NOT_FOUND, "no such address")
    return Response(content, headers=PICTURES, media_type="image/png")


ROUTES = (
    PageRoute("/help", help_page),
    PageRoute("/help/{kind}/{name}", help_page),
    PageRoute("/help/images/{language}/{name}", send_picture),
)
