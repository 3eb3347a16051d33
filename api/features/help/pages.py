"""`/help`: the documents of the product, and their pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api.kit.context import PageContext
from api.kit.page_route import PageRoute
from api.web.problems import NOT_FOUND, ProblemError
from policy_service.documents import INDEX, Document, document, picture

PICTURES = {"cache-control": "private, max-age=3600"}
"""A picture may be an hour old: it changes with the product alone."""


@dataclass(frozen=True, slots=True)
class HelpPage:
    """One document."""

    template: ClassVar[str] = "help/page.html"
    document: Document
    is_index: bool


async def help_page(context: PageContext, *path: str) -> HelpPage:
    """Build the page of a document, or of the list of all. Raises ProblemError."""
    name = "/".join(path) or INDEX
    if (found := await run_in_threadpool(document, name, context.frame.lang)) is None:
        raise ProblemError(NOT_FOUND, "no such address")
    return HelpPage(found, name == INDEX)


async def send_picture(_: PageContext, language: str, name: str) -> Response:
    """Send one picture. Raises ProblemError."""
    if (content := await run_in_threadpool(picture, language, name)) is None:
        raise ProblemError(NOT_FOUND, "no such address")
    return Response(content, headers=PICTURES, media_type="image/png")


ROUTES = (
    PageRoute("/help", help_page),
    PageRoute("/help/{kind}/{name}", help_page),
    PageRoute("/help/images/{language}/{name}", send_picture),
)
