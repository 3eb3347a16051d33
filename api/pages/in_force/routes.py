"""`/in-force?valid_at=&known_at=`: what was in force, as known at an instant."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from api.pages.in_force.page import asked, in_force_page
from api.pages.rendering import Pages
from api.transactions import reading


def in_force_routes(pages: Pages) -> APIRouter:
    """The route."""
    router = APIRouter(include_in_schema=False)
    service = pages.service

    @router.get("/in-force")
    async def in_force(request: Request) -> Response:
        """What was in force at an instant."""
        frame = pages.frame(request)
        given = asked(request.query_params, service.zone, frame.now)
        status = HTTPStatus.UNPROCESSABLE_ENTITY if given.form.faults else HTTPStatus.OK
        page = await reading(service, lambda session: in_force_page(service, session, frame, given))
        return pages.show(page, status)

    return router
