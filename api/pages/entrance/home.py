"""`/`: what waits for me, what becomes active soon, what happened lately, and how the engine is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from api.authentication import asker
from api.pages.entrance.gathering import Gathered, gather, may_see
from api.pages.entrance.health import HealthShown, health_of
from api.pages.frame import Frame
from api.pages.rendering import Pages
from api.transactions import reading


@dataclass(frozen=True, slots=True)
class HomePage:
    """The first page after signing in."""

    template: ClassVar[str] = "entrance/home.html"
    frame: Frame
    found: Gathered
    health: HealthShown
    why_waiting: str | None
    """Why signing roles of mine have no effect yet."""
    has_role: bool
    may_write: bool


def home_routes(pages: Pages) -> APIRouter:
    """The route."""
    router = APIRouter(include_in_schema=False)
    service = pages.service

    @router.get("/")
    async def home(request: Request) -> Response:
        """The home page of whoever asks."""
        actor, frame = asker(request).actor, pages.frame(request)
        found = await reading(service, lambda session: gather(session, actor, frame.now, frame.lang, service.zone))
        page = HomePage(
            frame=frame,
            found=found,
            health=health_of(service, found.unsealed, found.unsigned),
            why_waiting=actor.waiting.why if actor.waiting else None,
            has_role=bool(actor.roles),
            may_write=may_see(actor, "/changes/new"),
        )
        return pages.show(page)

    return router
