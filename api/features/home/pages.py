"""`/`: the reader's tasks, what takes effect or ends soon; for administrators also the engine's health."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from sqlmodel import Session

from api.auth.permissions import may_read
from api.kit.context import PageContext
from api.kit.page_route import PageRoute
from api.service import Service
from policy_service.actor import SIGNING_ROLES, Role
from policy_service.agenda import Agenda, PendingTasks, Readable, read_agenda
from policy_service.database import last_write_at
from policy_service.decisions.alarms import Alarms
from policy_service.decisions.served_policy import Health
from policy_service.messages import Message
from policy_service.signing_tasks import SigningTask

MAX_UNSEALED = 5_000
"""Number of unsealed records from which sealing counts as failing: it happens every few seconds."""


@dataclass(frozen=True, slots=True)
class HealthView:
    """The health of the engine and of the records."""

    counters: Health
    alarms: Alarms
    compares_answers: bool
    """True if answers are compared with a second evaluator."""
    database: str
    concerns: tuple[str, ...]
    """Problems that need attention."""


def read_health(service: Service, agenda: Agenda, last_write: datetime | None) -> HealthView:
    """Return the health now; `last_write` is when the database was last written to."""
    return HealthView(
        counters=service.decider.health,
        alarms=service.alarms,
        compares_answers=service.settings.shadow_every > 0,
        database="SQLite" if service.database.file else "PostgreSQL",
        concerns=(*_engine_concerns(service, agenda.unsealed), *service.condition(last_write).concerns),
    )


def _engine_concerns(service: Service, unsealed: int) -> Iterator[Message]:
    counters = service.decider.health
    if counters.differences:
        yield Message("The engine and the standby engine differed: the standby engine's answer was given each time.")
    if counters.fallbacks:
        yield Message("The engine failed: the standby engine answered instead.")
    if not service.decider.policies:
        yield Message("No policy is in force, so nothing can be decided.")
    if unsealed > MAX_UNSEALED or any(alarm.kind == "sealing" for alarm in service.alarms.newest):
        yield Message("Decision records are not being sealed. See the service log.")


@dataclass(frozen=True, slots=True)
class HomeSection:
    """One section."""

    id: str
    title: Message
    template: str
    content: Callable[[HomePage], object | None]
    """Returns the template's data, `section.content(page)`."""
    is_aside: bool = False
    """True if it is in the narrow column."""


def _to_sign(page: HomePage) -> tuple[SigningTask, ...] | None:
    tasks = page.data.tasks
    return tasks.to_sign if tasks.to_sign or page.is_signer else None


def _other_tasks(page: HomePage) -> PendingTasks | None:
    tasks = page.data.tasks
    return tasks if tasks.has_others or not page.is_signer else None


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
    data: Agenda
    health: HealthView | None
    """None for anyone but an administrator."""
    is_signer: bool
    """True if the reader holds a role that signs."""
    pending_reason: str | None
    """Why signing roles of the reader are not effective yet."""
    has_role: bool
    may_write: bool

    @property
    def sections(self) -> tuple[HomeSection, ...]:
        """The sections that have something to show."""
        return tuple(each for each in SECTIONS if each.content(self) is not None)


def home_page(session: Session, context: PageContext) -> HomePage:
    """Build the home page of the caller."""
    actor, service = context.actor, context.service
    readable: Readable = frozenset(each for each in ("changes", "groups", "overrides") if may_read(actor, f"/{each}"))
    agenda = read_agenda(session, service.catalogue, actor, context.frame.now, service.zone, readable=readable)
    is_administrator = Role.ADMINISTRATOR in actor.roles
    health = read_health(service, agenda, last_write_at(session)) if is_administrator else None
    return HomePage(
        data=agenda,
        health=health,
        is_signer=bool(actor.roles & set(SIGNING_ROLES)),
        pending_reason=actor.pending_roles.reason if actor.pending_roles else None,
        has_role=bool(actor.roles),
        may_write=may_read(actor, "/changes/new"),
    )


ROUTES = (PageRoute("/", home_page),)
