"""`/policies`: every policy by domain: what it decides, what is in force and since when, what comes next."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import ClassVar

from sqlmodel import Session
from starlette.requests import Request

from api.auth.visible_versions import visible_versions
from api.kit.frame import Frame
from api.kit.listing import Column, Listing
from api.kit.page_route import PageRoute
from api.kit.rendering import Pages
from api.web.transactions import run_read
from policy_service.labels import domain_name
from policy_service.language.policy import Policy
from policy_service.messages import Message
from policy_service.registry.snapshot import PolicyStatus, RegistrySnapshot

PATH = "/policies"
PAGE = 50
"""Policies on a page."""
MAX_FILTER_LENGTH = 200
"""Characters of a filter that count."""
COLUMNS = (
    Column("name", Message("Policy"), is_sortable=True),
    Column("decides", Message("Decides")),
    Column("since", Message("Version in force"), is_sortable=True),
    Column("next", Message("Next"), is_sortable=True),
    Column("source", Message("Regulation")),
)
NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class PolicyRow:
    """One policy."""

    policy: Policy
    """In the version in force, or that was stopped; else the newest."""
    status: PolicyStatus

    @property
    def search_text(self) -> str:
        """All that a filter looks into."""
        policy = self.policy
        titles = (f"{each.zh} {each.en}" for each in (policy.title, *(each.title for each in policy.outcomes.values())))
        return " ".join((policy.id, policy.subject, *titles, *policy.source)).casefold()


@dataclass(frozen=True, slots=True)
class DomainGroup:
    """The policies of a domain, or all that are listed when they are sorted otherwise."""

    domain: str | None
    rows: tuple[PolicyRow, ...]


@dataclass(frozen=True, slots=True)
class PoliciesPage:
    """The list."""

    template: ClassVar[str] = "policies/list.html"
    frame: Frame
    listing: Listing
    domains: tuple[tuple[str, str], ...]
    groups: tuple[DomainGroup, ...]
    total_count: int
    """How many policies there are."""


async def policies_page(pages: Pages, request: Request) -> PoliciesPage:
    """Build the page of the policies that the filters leave."""
    now = pages.service.now()
    rows = await run_read(
        pages.service,
        lambda session: read_rows(pages, visible_versions(pages.service.catalogue, session, request), session, now),
    )
    return make_page(pages.frame(request), rows, request.query_params.get)


ROUTES = (PageRoute(PATH, policies_page),)


def read_rows(pages: Pages, snapshot: RegistrySnapshot, session: Session, now: datetime) -> list[PolicyRow]:
    """Every policy, by name."""

    def row(name: str) -> PolicyRow:
        status = snapshot.status(name, now)
        digest = status.current[1].digest if status.current else snapshot.versions[name][0].digest
        return PolicyRow(pages.service.catalogue.load(session, digest), status)

    return [row(name) for name in sorted(snapshot.versions)]


def make_page(frame: Frame, rows: Sequence[PolicyRow], query: Callable[[str, str], str]) -> PoliciesPage:
    """The lines that are wanted, in the order that is wanted."""
    domain, text = query("domain", "")[:MAX_FILTER_LENGTH], query("text", "").strip()[:MAX_FILTER_LENGTH]
    sort, cursor = query("sort", ""), query("cursor", "")
    matching = [line for line in rows if domain in {"", line.policy.domain} and text.casefold() in line.search_text]
    order = _ORDERS.get(sort.removeprefix("-"))
    if order is not None:
        matching.sort(key=order, reverse=sort.startswith("-"))
        matching.sort(key=lambda line: order(line)[0] == NEVER)  # what has no such day stands last, either way
    first = next((position + 1 for position, line in enumerate(matching[:-1]) if line.policy.id == cursor), 0)
    page_rows, has_more = matching[first : first + PAGE], len(matching) > first + PAGE
    filters = {"domain": domain, "text": text}
    listing = Listing(
        PATH,
        filters,
        COLUMNS,
        sort if order else "",
        cursor if first else None,
        page_rows[-1].policy.id if has_more else None,
    )
    return PoliciesPage(
        frame=frame,
        listing=listing,
        domains=tuple((each, domain_name(each)) for each in dict.fromkeys(line.policy.domain for line in rows)),
        groups=_groups(page_rows, by_domain=order is None),
        total_count=len(rows),
    )


def _groups(rows: Sequence[PolicyRow], *, by_domain: bool) -> tuple[DomainGroup, ...]:
    if not by_domain:
        return (DomainGroup(None, tuple(rows)),) if rows else ()
    domains = dict.fromkeys(line.policy.domain for line in rows)
    return tuple(
        DomainGroup(domain_name(domain), tuple(line for line in rows if line.policy.domain == domain))
        for domain in domains
    )


_ORDERS: dict[str, Callable[[PolicyRow], tuple[object, str]]] = {
    "name": lambda line: (line.policy.id, ""),
    "since": lambda line: (line.status.since or NEVER, line.policy.id),
    "next": lambda line: (line.status.next[0].start if line.status.next else NEVER, line.policy.id),
}
