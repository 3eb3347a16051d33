"""`/`: what I must sign, what waits for me, what takes effect and ends soon; for administrators how the engine is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from starlette.requests import Request

from api.auth.authentication import principal_of
from api.features.home.health import read_health
from api.features.home.home_data import may_see, read_home_data
from api.features.home.sections import SECTIONS, HomeContent, HomeSection
from api.kit.frame import Frame
from api.kit.page_route import PageRoute
from api.kit.rendering import Pages
from api.web.transactions import run_read
from policy_service.actor import SIGNING_ROLES, Role


@dataclass(frozen=True, slots=True)
class HomePage:
    """The first page after signing in."""

    template: ClassVar[str] = "home/home.html"
    frame: Frame
    content: HomeContent
    sections: tuple[HomeSection, ...]
    pending_reason: str | None
    """Why signing roles of mine have no effect yet."""
    has_role: bool
    may_write: bool


async def home_page(pages: Pages, request: Request) -> HomePage:
    """Build the home page of the caller."""
    actor, frame, service = principal_of(request).actor, pages.frame(request), pages.service
    data = await run_read(
        service, lambda session: read_home_data(session, service.catalogue, actor, frame.now, service.zone)
    )
    is_administrator = Role.ADMINISTRATOR in actor.roles
    health = read_health(service, data.unsealed, data.unsigned) if is_administrator else None
    content = HomeContent(data, health, is_signer=bool(actor.roles & set(SIGNING_ROLES)))
    return HomePage(
        frame=frame,
        content=content,
        sections=tuple(each for each in SECTIONS if each.content(content) is not None),
        pending_reason=actor.pending_roles.reason if actor.pending_roles else None,
        has_role=bool(actor.roles),
        may_write=may_see(actor, "/changes/new"),
    )


ROUTES = (PageRoute("/", home_page),)
