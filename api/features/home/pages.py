"""`/`: what waits for me, what becomes active soon, what happened lately, and how the engine is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from api.auth.authentication import principal_of
from api.features.home.health import HealthView, read_health
from api.features.home.home_data import HomeData, may_see, read_home_data
from api.kit.frame import Frame
from api.kit.rendering import Pages
from api.web.transactions import run_read


@dataclass(frozen=True, slots=True)
class HomePage:
    """The first page after signing in."""

    template: ClassVar[str] = "home/home.html"
    frame: Frame
    data: HomeData
    health: HealthView
    pending_reason: str | None
    """Why signing roles of mine have no effect yet."""
    has_role: bool
    may_write: bool


def home_routes(pages: Pages) -> APIRouter:
    """The route."""
    router = APIRouter(include_in_schema=False)
    service = pages.service

    @router.get("/")
    async def home(request: Request) -> Response:
        """The home page of the caller."""
        actor, frame = principal_of(request).actor, pages.frame(request)
        data = await run_read(
            service, lambda session: read_home_data(session, actor, frame.now, frame.lang, service.zone)
        )
        page = HomePage(
            frame=frame,
            data=data,
            health=read_health(service, data.unsealed, data.unsigned),
            pending_reason=actor.pending_roles.reason if actor.pending_roles else None,
            has_role=bool(actor.roles),
            may_write=may_see(actor, "/changes/new"),
        )
        return pages.render(page)

    return router
