"""`/`: what I must sign, what waits for me, what takes effect and ends soon; for administrators how the engine is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from sqlmodel import Session
from starlette.requests import Request

from api.auth.authentication import principal_of
from api.auth.permissions import may_read
from api.features.home.health import HealthView, read_health
from api.kit.frame import Frame
from api.kit.page_route import PageRoute
from api.kit.rendering import Pages
from api.web.transactions import run_read
from policy_service.actor import SIGNING_ROLES, Role
from policy_service.agenda import Agenda, PendingTasks, Readable, read_agenda
from policy_service.database import last_write_at
from policy_service.messages import Message
from policy_service.signing_tasks import SigningTask


@dataclass(frozen=True, slots=True)
class HomeContent:
    """The data of sections."""

    data: Agenda
    health: HealthView | None
    """None for anyone but an administrator."""
    is_signer: bool
    """Whether the reader holds a role that signs."""


@dataclass(frozen=True, slots=True)
class HomeSection:
    """One section."""

    id: str
    title: Message
    template: str
    content: Callable[[HomeContent], object | None]
    """Returns what the template shows, as `section.content(page.content)`."""
    is_aside: bool = False
    """Whether it stands in the narrow column."""


def _to_sign(content: HomeContent) -> tuple[SigningTask, ...] | None:
    tasks = content.data.tasks
    return tasks.to_sign if tasks.to_sign or content.is_signer else None


def _other_tasks(content: HomeContent) -> PendingTasks | None:
    tasks = content.data.tasks
    return tasks if tasks.has_others or not content.is_signer else None


SECTIONS: tuple[HomeSection, ...] = (
    HomeSection("waiting", Message("To sign"), "home/_to_sign.html", _to_sign),
    HomeSection("tasks", Message("My tasks"), "home/_tasks.html", _other_tasks),
    HomeSection("soon", Message("In force this week"), "home/_week.html", lambda each: each.data, is_aside=True),
    HomeSection("open", Message("Open changes"), "home/_open.html", lambda each: each.data.counts, is_aside=True),
    HomeSection("ending", Message("Ends soon"), "home/_ending.html", lambda each: each.data.ending, is_aside=True),
    HomeSection("groups", Message("Customers by outcome"), "home/_groups.html", lambda each: each.data.groups or None),
    HomeSection("lately", Message("Recently in effect"), "home/_recent.html", lambda each: each.data),
    HomeSection(
        "health", Message("Health of the engine"), "home/_health.html", lambda each: each.health, is_aside=True
    ),
)


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
    readable: Readable = frozenset(each for each in ("changes", "groups", "overrides") if may_read(actor, f"/{each}"))

    def read(session: Session) -> tuple[Agenda, HealthView | None]:
        agenda = read_agenda(session, service.catalogue, actor, frame.now, service.zone, readable=readable)
        is_administrator = Role.ADMINISTRATOR in actor.roles
        return agenda, read_health(service, agenda, last_write_at(session)) if is_administrator else None

    data, health = await run_read(service, read)
    content = HomeContent(data, health, is_signer=bool(actor.roles & set(SIGNING_ROLES)))
    return HomePage(
        frame=frame,
        content=content,
        sections=tuple(each for each in SECTIONS if each.content(content) is not None),
        pending_reason=actor.pending_roles.reason if actor.pending_roles else None,
        has_role=bool(actor.roles),
        may_write=may_read(actor, "/changes/new"),
    )


ROUTES = (PageRoute("/", home_page),)
