"""`/in-force?valid_at=&known_at=`: what was in force, as known at an instant."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from api.features.in_force.page import in_force_page, read_query
from api.kit.rendering import Pages
from api.web.transactions import run_read


def in_force_routes(pages: Pages) -> APIRouter:
    """The route."""
    router = APIRouter(include_in_schema=False)
    service = pages.service

    @router.get("/in-force")
    async def in_force(request: Request) -> Response:
        """Show the versions in force at an instant."""
        frame = pages.frame(request)
        query = read_query(request.query_params, service.zone, frame.now)
        status = HTTPStatus.UNPROCESSABLE_ENTITY if query.form.errors else HTTPStatus.OK
        page = await run_read(service, lambda session: in_force_page(service, session, frame, query))
        return pages.render(page, status)

    return router
