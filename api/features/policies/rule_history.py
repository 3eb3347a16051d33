"""`…/rules/{rule}`: the history of a rule through all versions: wording, periods, reasons, and firings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sqlmodel import Session

from api.features.policies.version import POLICY
from api.kit.context import PageContext
from api.kit.listing import Listing, page_behind
from api.kit.page_route import PageRoute
from api.web.problems import NOT_FOUND, ProblemError
from policy_service.analysis.rule_history import cited_rows
from policy_service.compilers.prose import RuleWords
from policy_service.decisions.firings import Firings, firings
from policy_service.decisions.rule_versions import RuleInVersion, read_active_rule, read_rule_versions
from policy_service.language.diagnostics import shorten
from policy_service.language.policy import Policy
from policy_service.messages import Message
from policy_service.registry.snapshot import Version

PAGE = 12
"""Versions per page."""


@dataclass(frozen=True, slots=True)
class RuleHistoryPage:
    """The history of a rule, newest version first."""

    template: ClassVar[str] = "policies/rule.html"
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


def rule_page(session: Session, context: PageContext, domain: str, policy: str, rule: str) -> RuleHistoryPage:
    """Build the page of a rule through its versions. Raises ProblemError when none of them has such a rule."""
    name, params = f"{domain}/{policy}", context.params
    catalogue, now = context.service.catalogue, context.service.now()
    snapshot = context.visible(session)
    listed = snapshot.versions_of(name)
    page, cursors = page_behind(listed, _name, params.get("cursor"), PAGE)
    versions = read_rule_versions(session, catalogue, snapshot, rule, page, now)
    at = next((place for place, each in enumerate(listed) if each.version == params.get("at")), 0)
    if at and not any(each.history.rule for each in versions):  # gone before the newest versions
        page, cursors = page_behind(listed, _name, listed[at - 1].version, PAGE)
        versions = read_rule_versions(session, catalogue, snapshot, rule, page, now)
    active = read_active_rule(session, catalogue, snapshot, name, rule, now)
    latest = next((each for each in versions if each.history.rule), active)
    wording = latest.history.wording(context.frame.lang) if latest else None
    if wording is None:
        raise ProblemError(NOT_FOUND, Message("none of these versions has a rule `{rule}`", rule=shorten(rule)))
    newest, listing = versions[0].history.policy, Listing(f"/policies/{name}/rules/{rule}", {}, (), "", *cursors)
    return RuleHistoryPage(newest, rule, active, wording, versions, firings(session, name), listing)


ROUTES = (PageRoute(f"{POLICY}/rules/{{rule}}", rule_page),)


def _name(version: Version) -> str:
    return version.version
