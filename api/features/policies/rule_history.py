"""`…/rules/{rule}`: the passport of a rule through all versions: its wording, since when, why, how often it decided."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from sqlmodel import Session
from starlette.requests import Request

from api.auth.visible_versions import visible_versions
from api.features.policies.version_head import POLICY
from api.kit.frame import Frame
from api.kit.listing import Listing
from api.kit.page_route import PageRoute
from api.kit.rendering import Pages
from api.web.problems import NOT_FOUND, ProblemError
from api.web.transactions import run_read
from policy_service.analysis.rule_history import cited_rows
from policy_service.compilers.prose import RuleWords
from policy_service.decisions.firings import Firings, firings
from policy_service.decisions.rule_versions import RuleInVersion, read_active_rule, read_rule_versions
from policy_service.language.diagnostics import shorten
from policy_service.language.policy import Policy
from policy_service.messages import Message
from policy_service.registry.snapshot import Version

PAGE = 12
"""Versions on a page."""


@dataclass(frozen=True, slots=True)
class RuleHistoryPage:
    """A rule through its versions, the newest first."""

    template: ClassVar[str] = "policies/rule.html"
    frame: Frame
    newest: Policy
    """The newest version of the page."""
    rule: str
    active: RuleInVersion | None
    """The rule in the version in force."""
    latest_wording: RuleWords
    """Its last wording."""
    versions: tuple[RuleInVersion, ...]
    firings: Firings
    listing: Listing

    @property
    def address(self) -> str:
        """The address of the policy."""
        return f"/policies/{self.newest.id}"

    @property
    def cited_rows(self) -> tuple[str, ...]:
        """Rows of the regulation that its reason names."""
        return cited_rows(self.latest_wording.because)

    @property
    def wording_version(self) -> RuleInVersion | None:
        """The version that gave the rule the wording it has in force; None when it is not among those shown."""
        versions = iter(self.versions)
        for version in versions:
            if version.is_active and version.history.rule:
                return next((each for each in (version, *versions) if each.history.status != "same"), None)
        return None

    @property
    def firing_count(self) -> int:
        """The number of its recent decisions."""
        return self.firings.rules.get(self.rule, 0)


async def rule_page(pages: Pages, request: Request, domain: str, policy: str, rule: str) -> RuleHistoryPage:
    """Build the page of a rule through its versions. Raises ProblemError when none of them has such a rule."""
    name, params, frame = f"{domain}/{policy}", request.query_params, pages.frame(request)
    catalogue, now = pages.service.catalogue, pages.service.now()

    def query(session: Session) -> RuleHistoryPage:
        snapshot = visible_versions(catalogue, session, request)
        listed = snapshot.versions_of(name)
        first = _position(listed, params.get("cursor", "")) + 1
        first = first if first < len(listed) else 0
        versions = read_rule_versions(session, catalogue, snapshot, rule, listed[first : first + PAGE], now)
        at = _position(listed, params.get("at", ""))
        if at >= 0 and not any(each.history.rule for each in versions):  # gone before the newest versions
            first = at
            versions = read_rule_versions(session, catalogue, snapshot, rule, listed[first : first + PAGE], now)
        active = read_active_rule(session, catalogue, snapshot, name, rule, now)
        latest = next((each for each in versions if each.history.rule), active)
        wording = latest.history.wording(frame.lang) if latest else None
        if wording is None:
            raise ProblemError(NOT_FOUND, Message("none of these versions has a rule `{rule}`", rule=shorten(rule)))
        newest = versions[0].history.policy
        cursor = newest.version if first else None
        next_cursor = versions[-1].version.version if len(listed) > first + PAGE else None
        listing = Listing(f"/policies/{name}/rules/{rule}", {}, cursor=cursor, next_cursor=next_cursor)
        return RuleHistoryPage(frame, newest, rule, active, wording, versions, firings(session, name), listing)

    return await run_read(pages.service, query)


ROUTES = (PageRoute(f"{POLICY}/rules/{{rule}}", rule_page),)


def _position(versions: Sequence[Version], version: str) -> int:
    """Return the position of a version in the list; before all of them when there is none."""
    return next((position for position, each in enumerate(versions) if each.version == version), -1)
