"""`/search`: the results of the search box on every page, by kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from sqlmodel import Session

from api.features.search.finding import find
from api.kit.context import PageContext
from api.kit.listing import link
from api.kit.page_route import PageRoute
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
class SearchPage:
    """The matches."""

    template: ClassVar[str] = "search/page.html"
    titles: ClassVar[Mapping[SearchKind, Message]] = TITLES
    most: ClassVar[int] = MAX_HITS
    text: str
    found: Mapping[SearchKind, tuple[Hit, ...]]

    @staticmethod
    def address(hit: Hit) -> str:
        """Return the address of a match."""
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


def search_page(session: Session, context: PageContext) -> SearchPage:
    """Return the page of matches."""
    text = context.params.get("q", "")[:MAX_TEXT]
    found = find(context.service, session, context.actor, text)
    return SearchPage(text.strip(), found)


ROUTES = (PageRoute("/search", search_page),)
