"""`/policies`: every policy by domain: what it decides, what is in force and since when, what comes next."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import ClassVar

from fastapi import APIRouter
from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import Response

from api.pages.frame import Frame
from api.pages.listing import Column, Listing
from api.pages.policies.register import Held, Piece, Register
from api.pages.rendering import Pages
from api.pages.vocabulary import domain_name
from api.transactions import reading
from policy_service.language.policy import Bilingual, Policy
from policy_service.registry.model import Activation, nothing_at
from policy_service.sentences import Sentence

PATH = "/policies"
PAGE = 50
"""Policies on a page."""
LONGEST = 200
"""Characters of a filter that count."""
COLUMNS = (
    Column("name", Sentence("Policy"), sorts=True),
    Column("decides", Sentence("Decides")),
    Column("since", Sentence("Version in force"), sorts=True),
    Column("next", Sentence("Next"), sorts=True),
    Column("source", Sentence("Regulation")),
)
LATE = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Line:
    """One policy."""

    name: str
    domain: str
    title: Bilingual
    subject: str
    outcomes: tuple[Bilingual, ...]
    source: tuple[str, ...]
    active: Piece | None
    since: datetime | None
    next: Piece | None
    suspension: str | None = None
    """What suspended it, while no version applies."""
    ended: Activation | None = None
    """By what it was ended, where nothing is in force for that."""

    @property
    def address(self) -> str:
        """Where there is more about it."""
        return f"{PATH}/{self.name}"

    @property
    def words(self) -> str:
        """All that a filter looks into."""
        titles = (f"{each.zh} {each.en}" for each in (self.title, *self.outcomes))
        return " ".join((self.name, self.subject, *titles, *self.source)).casefold()


@dataclass(frozen=True, slots=True)
class Group:
    """The policies of a domain, or all that are listed when they are sorted otherwise."""

    domain: str | None
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class PoliciesPage:
    """The list."""

    template: ClassVar[str] = "policies/list.html"
    frame: Frame
    listing: Listing
    domains: tuple[tuple[str, str], ...]
    groups: tuple[Group, ...]
    all: int
    """How many policies there are."""


def list_routes(pages: Pages, register: Register) -> APIRouter:
    """The route."""
    router = APIRouter(include_in_schema=False)

    @router.get(PATH)
    async def policies(request: Request) -> Response:
        """The policies that are wanted."""
        now = pages.service.now()
        lines = await reading(
            pages.service, lambda session: read_lines(pages, register.read(session, request), session, now)
        )
        return pages.show(make_page(pages.frame(request), lines, request.query_params.get))

    return router


def read_lines(pages: Pages, held: Held, session: Session, now: datetime) -> list[Line]:
    """Every policy, by name."""

    def line(name: str) -> Line:
        active = held.active(name, now)
        stop = held.stop(name, now)
        shown = active or stop
        ended = nothing_at(held.activations.get(name, ()), name, now, now)
        digest = shown[1].digest if shown else held.versions[name][0].digest
        policy = pages.service.catalogue.load(session, digest)
        suspension = stop[1].suspension if stop else None
        return line_of(policy, active, held.since(name, now), held.next(name, now), suspension, ended)

    return [line(name) for name in sorted(held.versions)]


def line_of(  # noqa: PLR0913, PLR0917  # what the registry knows of it
    policy: Policy,
    active: Piece | None,
    since: datetime | None,
    following: Piece | None,
    suspension: str | None = None,
    ended: Activation | None = None,
) -> Line:
    """What the list says of a policy."""
    titles = tuple(outcome.title for outcome in policy.outcomes.values())
    name = (policy.id, policy.domain, policy.title, policy.subject)
    return Line(*name, titles, policy.source, active, since, following, suspension, ended)


def make_page(frame: Frame, lines: Sequence[Line], asked: Callable[[str, str], str]) -> PoliciesPage:
    """The lines that are wanted, in the order that is wanted."""
    domain, text = asked("domain", "")[:LONGEST], asked("text", "").strip()[:LONGEST]
    sort, cursor = asked("sort", ""), asked("cursor", "")
    wanted = [line for line in lines if domain in {"", line.domain} and text.casefold() in line.words]
    order = _ORDERS.get(sort.removeprefix("-"))
    if order is not None:
        wanted.sort(key=order, reverse=sort.startswith("-"))
        wanted.sort(key=lambda line: order(line)[0] == LATE)  # what has no such day stands last, either way
    behind = next((place + 1 for place, line in enumerate(wanted[:-1]) if line.name == cursor), 0)
    shown, more = wanted[behind : behind + PAGE], len(wanted) > behind + PAGE
    filters = {"domain": domain, "text": text}
    listing = Listing(
        PATH, filters, COLUMNS, sort if order else "", cursor if behind else None, shown[-1].name if more else None
    )
    return PoliciesPage(
        frame=frame,
        listing=listing,
        domains=tuple((each, domain_name(each)) for each in dict.fromkeys(line.domain for line in lines)),
        groups=_groups(shown, by_domain=order is None),
        all=len(lines),
    )


def _groups(lines: Sequence[Line], *, by_domain: bool) -> tuple[Group, ...]:
    if not by_domain:
        return (Group(None, tuple(lines)),) if lines else ()
    domains = dict.fromkeys(line.domain for line in lines)
    return tuple(
        Group(domain_name(domain), tuple(line for line in lines if line.domain == domain)) for domain in domains
    )


_ORDERS: dict[str, Callable[[Line], tuple[object, str]]] = {
    "name": lambda line: (line.name, ""),
    "since": lambda line: (line.since or LATE, line.name),
    "next": lambda line: (line.next[0].start if line.next else LATE, line.name),
}
