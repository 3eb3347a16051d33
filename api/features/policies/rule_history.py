"""`…/rules/{rule}`: the passport of a rule through all versions: its wording, since when, why, how often it decided.

`policy_service.analysis.rule_history` works its history out.
"""

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
from policy_service.analysis.rule_history import RuleVersion, cited_rows, find_rule, rule_history, rule_version
from policy_service.compilers.prose import RuleWords
from policy_service.decisions.firings import Firings, firings
from policy_service.language.diagnostics import shorten
from policy_service.language.policy import Bilingual, Language, Policy
from policy_service.messages import Message
from policy_service.registry.model import Period
from policy_service.registry.snapshot import RegistrySnapshot, Version

PAGE = 12
"""Versions on a page."""


@dataclass(frozen=True, slots=True)
class RuleVersionView:
    """The rule in one version; `wording` is None where the version does not have it."""

    version: Version
    periods: tuple[Period, ...]
    is_active: bool
    history: RuleVersion
    wording: RuleWords | None
    sentences: tuple[str, ...]
    """What this version changed, for the reader."""

    @property
    def address(self) -> str:
        """The address of the version."""
        return f"/policies/{self.version.policy}/versions/{self.version.version}"


@dataclass(frozen=True, slots=True)
class RuleHistoryPage:
    """A rule through its versions, the newest first."""

    template: ClassVar[str] = "policies/rule.html"
    frame: Frame
    policy: str
    title: Bilingual
    rule: str
    active: RuleVersionView | None
    """The rule in the version in force."""
    latest_wording: RuleWords
    """Its last wording."""
    cited_rows: tuple[str, ...]
    """Rows of the regulation that its reason names."""
    source: tuple[str, ...]
    """Rows that the policy rests on."""
    versions: tuple[RuleVersionView, ...]
    firings: Firings
    listing: Listing

    @property
    def address(self) -> str:
        """The address of the policy."""
        return f"/policies/{self.policy}"

    @property
    def wording_version(self) -> RuleVersionView | None:
        """The version that gave the rule the wording it has in force; None when it is not among those shown."""
        versions = iter(self.versions)
        for version in versions:
            if version.is_active and version.wording:
                return next((each for each in (version, *versions) if each.history.status != "same"), None)
        return None

    @property
    def firing_count(self) -> int:
        """The number of its recent decisions."""
        return self.firings.rules.get(self.rule, 0)


@dataclass(frozen=True, slots=True)
class RuleHistoryData:
    """The versions of a page, and the one before them; newest first."""

    versions: Sequence[Version]
    policies: Sequence[Policy]
    active: Policy | None
    active_version: Version | None
    firings: Firings
    has_more: bool


async def rule_page(pages: Pages, request: Request, domain: str, policy: str, rule: str) -> RuleHistoryPage:
    """Build the page of a rule through its versions."""
    name, params = f"{domain}/{policy}", request.query_params
    cursor, at = params.get("cursor", ""), params.get("at", "")

    def query(session: Session) -> RuleHistoryPage:
        snapshot = visible_versions(pages.service.catalogue, session, request)
        snapshot.versions_of(name)
        data = _read(pages, snapshot, session, name, _position(snapshot, name, cursor) + 1)
        if at and not any(find_rule(each, rule) for each in data.policies):  # gone before the newest versions
            data = _read(pages, snapshot, session, name, _position(snapshot, name, at))
        return make_page(pages.frame(request), snapshot, data, rule)

    return await run_read(pages.service, query)


ROUTES = (PageRoute(f"{POLICY}/rules/{{rule}}", rule_page),)


def _position(snapshot: RegistrySnapshot, name: str, version: str) -> int:
    """Return the position of a version in the list; before all of them when there is none."""
    return next((position for position, each in enumerate(snapshot.versions[name]) if each.version == version), -1)


def _read(pages: Pages, snapshot: RegistrySnapshot, session: Session, name: str, first: int) -> RuleHistoryData:
    """The versions from one in the list on."""
    catalogue, now = pages.service.catalogue, pages.service.now()
    versions = snapshot.versions[name]
    start = first if 0 <= first < len(versions) else 0
    page_versions = versions[start : start + PAGE + 1]
    active = snapshot.active(name, now)
    return RuleHistoryData(
        versions=page_versions,
        policies=[catalogue.load(session, each.digest) for each in page_versions],
        active=catalogue.load(session, active[1].digest) if active else None,
        active_version=snapshot.version(name, active[1].version) if active else None,
        firings=firings(session, name),
        has_more=len(versions) > start + PAGE,
    )


def make_page(frame: Frame, snapshot: RegistrySnapshot, data: RuleHistoryData, rule: str) -> RuleHistoryPage:
    """The page. Raises ProblemError when none of the versions has such a rule."""
    name, periods = data.policies[0].id, snapshot.periods(data.policies[0].id)
    rule_versions = []
    for version, history in list(zip(data.versions, rule_history(data.policies, rule), strict=True))[:PAGE]:
        when = tuple(reversed(periods.get(version.version, ())))
        rule_versions.append(_view(version, history, frame.lang, when, is_active=version == data.active_version))
    active = _active(data, rule, frame.lang)
    latest = next((rule_version for rule_version in rule_versions if rule_version.wording), active)
    if latest is None or latest.wording is None:
        raise ProblemError(NOT_FOUND, Message("none of these versions has a rule `{rule}`", rule=shorten(rule)))
    newest = data.policies[0]
    page_versions = data.versions[: len(rule_versions)]
    return RuleHistoryPage(
        frame=frame,
        policy=name,
        title=newest.title,
        rule=rule,
        active=active,
        latest_wording=latest.wording,
        cited_rows=cited_rows(latest.wording.because),
        source=newest.source,
        versions=tuple(rule_versions),
        firings=data.firings,
        listing=Listing(
            f"/policies/{name}/rules/{rule}",
            {},
            cursor=newest.version if newest.version != snapshot.versions[name][0].version else None,
            next_cursor=page_versions[-1].version if data.has_more else None,
        ),
    )


def _active(data: RuleHistoryData, rule: str, lang: Language) -> RuleVersionView | None:
    """Return the rule in the version in force, if that has it."""
    if data.active is None or data.active_version is None:
        return None
    view = _view(data.active_version, rule_version(data.active, None, rule), lang, (), is_active=True)
    return view if view.wording else None


def _view(
    version: Version, history: RuleVersion, lang: Language, periods: tuple[Period, ...], *, is_active: bool
) -> RuleVersionView:
    return RuleVersionView(version, periods, is_active, history, history.wording(lang), history.sentences(lang))
