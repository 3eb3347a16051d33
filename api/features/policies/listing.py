"""`/policies`: the list of policies by domain, with their versions in force and the next ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sqlmodel import Session

from api.kit.context import PageContext
from api.kit.listing import Column, Listing, page_behind
from api.kit.page_route import PageRoute
from policy_service.labels import domain_name
from policy_service.messages import Message
from policy_service.registry.policy_list import ORDERS, ListedPolicy, in_order, list_policies

PATH = "/policies"
PAGE = 50
"""Policies per page."""
MAX_FILTER_LENGTH = 200
"""Maximum length of a filter, characters."""
COLUMNS = (
    Column("name", Message("Policy"), is_sortable=True),
    Column("decides", Message("Decides")),
    Column("since", Message("Version in force"), is_sortable=True),
    Column("next", Message("Next"), is_sortable=True),
    Column("source", Message("Regulation")),
)


@dataclass(frozen=True, slots=True)
class PoliciesPage:
    """The list."""

    template: ClassVar[str] = "policies/list.html"
    listing: Listing
    domains: tuple[tuple[str, str], ...]
    rows: tuple[ListedPolicy, ...]
    total_count: int
    """The number of policies."""


def policies_page(session: Session, context: PageContext) -> PoliciesPage:
    """Build the page of the policies that the filters leave, in the order that is wanted."""
    query, now = context.params.get, context.service.now()
    policies = list_policies(session, context.service.catalogue, context.visible(session), now)
    domain, text = query("domain", "")[:MAX_FILTER_LENGTH], query("text", "").strip()[:MAX_FILTER_LENGTH]
    sort = query("sort", "")
    sort = sort if sort.removeprefix("-") in ORDERS else ""
    matching = [each for each in policies if domain in {"", each.policy.domain} and text.casefold() in each.words]
    page, cursors = page_behind(in_order(matching, sort), lambda each: each.policy.id, query("cursor"), PAGE)
    return PoliciesPage(
        listing=Listing(PATH, {"domain": domain, "text": text}, COLUMNS, sort, *cursors),
        domains=tuple((each, domain_name(each)) for each in dict.fromkeys(each.policy.domain for each in policies)),
        rows=tuple(page),
        total_count=len(policies),
    )


ROUTES = (PageRoute(PATH, policies_page),)
