"""Every route of the pages, area by area, and the problems that are told as pages."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fastapi import APIRouter
from starlette.responses import Response
from starlette.types import Scope

from api.pages.entrance.preferences import preference_routes
from api.pages.rendering import Pages
from api.pages.static import static_routes
from api.problems import Problem
from api.security import Tell

AREAS: Sequence[Callable[[Pages], APIRouter]] = (preference_routes,)
"""What makes the routes of each part."""


def page_routes(pages: Pages) -> tuple[APIRouter, ...]:
    """The routes."""
    return (static_routes(), *(area(pages) for area in AREAS))


def telling(pages: Pages) -> Tell:
    """Tells a problem as a page to whoever asked for one, and as problem+json to everybody else."""

    def tell(problem: Problem, scope: Scope, **more: object) -> Response:
        instance = pages.service.note(problem, scope, **more)
        return pages.tell(problem, scope, instance) if wants_page(scope) else problem.response(instance)

    return tell


def wants_page(scope: Scope) -> bool:
    """Whether a browser asks for a page: programs ask under `/v1/`, or do not name HTML in `Accept`."""
    if scope["path"].startswith("/v1/"):
        return False
    headers = dict(scope["headers"])
    return b"text/html" in headers.get(b"accept", b"") or b"hx-request" in headers
