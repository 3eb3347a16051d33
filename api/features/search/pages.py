"""`/search`: what the box at the head of every page finds, by kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from starlette.requests import Request

from api.auth.authentication import principal_of
from api.features.search.finding import find
from api.kit.frame import Frame
from api.kit.listing import link
from api.kit.page_route import PageRoute
from api.kit.rendering import Pages
from api.web.transactions import run_read
from policy_service.messages import Message
from policy_service.search import MAX_HITS, MAX_TEXT, Hit, SearchKind

TITLES: Mapping[SearchKind, Message] = {
    SearchKind.SUBJECT: Message("Customers and other subjects"),
    SearchKind.DECISION: Message("Decisions"),
    SearchKind.POLICY: Message("Policies"),
    SearchKind.RULE: Message("Rules"),
    SearchKind.CHANGE: Message("Changes"),
    SearchKind.ENTRY: Message("Entries of the audit log"),
}


@dataclass(frozen=True, slots=True)
class FoundKind:
    """The matches of one kind."""

    kind: SearchKind
    hits: tuple[Hit, ...]

    @property
    def title(self) -> Message:
        """The heading."""
        return TITLES[self.kind]

    @property
    def is_full(self) -> bool:
        """Return True if there may be more than stands here."""
        return len(self.hits) == MAX_HITS


@dataclass(frozen=True, slots=True)
class SearchPage:
    """The matches."""

    template: ClassVar[str] = "search/page.html"
    frame: Frame
    text: str
    found: tuple[FoundKind, ...]

    @staticmethod
    def address(hit: Hit) -> str:
        """The address of a match."""
        match hit.kind:
            case SearchKind.SUBJECT:
                return link("/decisions", subject=hit.id, kind=hit.of)
            case SearchKind.RULE:
                return f"/policies/{hit.of}/rules/{hit.id}"
            case SearchKind.POLICY:
                return f"/policies/{hit.id}"
            case SearchKind.CHANGE:
                return f"/changes/{hit.id}"
            case SearchKind.DECISION:
                return f"/decisions/{hit.id}"
            case SearchKind.ENTRY:
                return f"/audit/entries/{hit.id}"


async def search_page(pages: Pages, request: Request) -> SearchPage:
    """Find what is called as was typed."""
    text, reader = request.query_params.get("q", "")[:MAX_TEXT], principal_of(request).actor
    found = await run_read(pages.service, lambda session: find(pages.service, session, reader, text))
    return SearchPage(pages.frame(request), text.strip(), tuple(FoundKind(*each) for each in found.items()))


ROUTES = (PageRoute("/search", search_page),)
