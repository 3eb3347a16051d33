"""The sections of the home page: one declaration each, in the order in which they are read.

A section is shown when its content is not None. A new section of the home page is one more line of `SECTIONS`,
with a template of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from api.features.home.health import HealthView
from api.features.home.home_data import HomeData, PendingTasks
from policy_service.messages import Message
from policy_service.signing_tasks import SigningTask


@dataclass(frozen=True, slots=True)
class HomeContent:
    """The data of sections."""

    data: HomeData
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
