"""`…/rules/{rule}`: the passport of a rule through all versions: its wording, since when, why, how often it decided.

A rule is known by its name within a policy; a band of a scorecard is one too. What a version changed is asked of
`difference`, on versions that hold this rule and the first one alone, so that it costs little however many there are.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

from fastapi import APIRouter
from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import Response

from api.auth.visible_versions import visible_versions
from api.features.policies.version_head import POLICY
from api.kit.frame import Frame
from api.kit.listing import Listing
from api.kit.rendering import Pages
from api.web.problems import NOT_FOUND, ProblemError
from api.web.transactions import run_read
from policy_service.analysis.difference import difference
from policy_service.compilers.prose import RuleWords
from policy_service.compilers.prose.context import context_of
from policy_service.compilers.prose.decision import rule_words
from policy_service.decisions.firings import Firings, firings
from policy_service.language.diagnostics import shorten
from policy_service.language.policy import Bilingual, Language, Policy, Rule
from policy_service.messages import Message
from policy_service.registry.model import Period
from policy_service.registry.snapshot import RegistrySnapshot, Version

PAGE = 12
"""Versions on a page."""
REGULATION_ROW = re.compile(r"\bR-[A-Z]+-[0-9A-Z]+\b")
"""A row of the regulation, as reasons name it."""


@dataclass(frozen=True, slots=True)
class RuleVersion:
    """The rule in one version; `wording` is None where the version does not have it."""

    version: Version
    address: str
    periods: tuple[Period, ...]
    is_active: bool
    wording: RuleWords | None
    position: int
    """Which rule it is of the version's, from 1."""
    rule_count: int
    change: Literal["same", "new", "gone", "changed", "first"]
    sentences: tuple[str, ...]
    """What this version changed, for the reader."""


@dataclass(frozen=True, slots=True)
class RuleHistoryPage:
    """A rule through its versions, the newest first."""

    template: ClassVar[str] = "policies/rule.html"
    frame: Frame
    policy: str
    title: Bilingual
    rule: str
    active: RuleVersion | None
    """The rule in the version in force."""
    latest_wording: RuleWords
    """Its last wording."""
    cited_rows: tuple[str, ...]
    """Rows of the regulation that its reason names."""
    source: tuple[str, ...]
    """Rows that the policy rests on."""
    versions: tuple[RuleVersion, ...]
    firings: Firings
    listing: Listing

    @property
    def address(self) -> str:
        """The address of the policy."""
        return f"/policies/{self.policy}"

    @property
    def wording_version(self) -> RuleVersion | None:
        """The version that gave the rule the wording it has in force; None when it is not among those shown."""
        versions = iter(self.versions)
        for version in versions:
            if version.is_active and version.wording:
                return next((each for each in (version, *versions) if each.change != "same"), None)
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


def rule_history_routes(pages: Pages) -> APIRouter:
    """The route."""
    router = APIRouter(include_in_schema=False)
    service = pages.service

    @router.get(f"{POLICY}/rules/{{rule}}")
    async def rule_history(request: Request, domain: str, policy: str, rule: str) -> Response:
        """The passport of a rule."""
        name, params = f"{domain}/{policy}", request.query_params
        cursor, at = params.get("cursor", ""), params.get("at", "")

        def query(session: Session) -> RuleHistoryPage:
            snapshot = visible_versions(service.catalogue, session, request)
            snapshot.versions_of(name)
            data = _read(pages, snapshot, session, name, _position(snapshot, name, cursor) + 1)
            if at and not any(rule_of(each, rule) for each in data.policies):
                data = _read(
                    pages, snapshot, session, name, _position(snapshot, name, at)
                )  # gone before the newest versions
            return make_page(pages.frame(request), snapshot, data, rule)

        return pages.render(await run_read(service, query))

    return router


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
    for position, (version, policy) in enumerate(zip(data.versions, data.policies, strict=True)):
        before = data.policies[position + 1] if position + 1 < len(data.policies) else None
        if position < PAGE:
            is_active = version == data.active_version
            when = tuple(reversed(periods.get(version.version, ())))
            rule_versions.append(_rule_version(version, (before, policy), rule, frame.lang, (when, is_active)))
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
        cited_rows=tuple(dict.fromkeys(REGULATION_ROW.findall(latest.wording.because))),
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


def _active(data: RuleHistoryData, rule: str, lang: Language) -> RuleVersion | None:
    """The rule in the version in force, if that has it."""
    if data.active is None or data.active_version is None:
        return None
    rule_version = _rule_version(data.active_version, (data.active, data.active), rule, lang, ((), True))
    return rule_version if rule_version.wording else None


def rule_of(policy: Policy, rule: str) -> tuple[int, Rule] | None:
    """The rule or band of this name, and which it is, from 1."""
    bands = policy.scorecard.bands if policy.scorecard else ()
    for rules in (policy.rules, bands):
        for position, each in enumerate(rules, 1):
            if each.id == rule:
                return position, each
    return None


def _rule_version(
    version: Version,
    policies: tuple[Policy | None, Policy],
    rule: str,
    lang: Language,
    in_force: tuple[tuple[Period, ...], bool],
) -> RuleVersion:
    before, policy = policies
    found_rule = rule_of(policy, rule)
    change, sentences = _rule_change(before, policy, rule, lang)
    is_band = found_rule is not None and found_rule[1] not in policy.rules
    return RuleVersion(
        version=version,
        address=f"/policies/{policy.id}/versions/{version.version}",
        periods=in_force[0],
        is_active=in_force[1],
        wording=rule_words(policy, found_rule[1], context_of(policy, lang)) if found_rule else None,
        position=found_rule[0] if found_rule else 0,
        rule_count=len(policy.scorecard.bands) if is_band and policy.scorecard else len(policy.rules),
        change=change,
        sentences=sentences,
    )


Change = Literal["same", "new", "gone", "changed", "first"]


def _rule_change(before: Policy | None, policy: Policy, rule: str, lang: Language) -> tuple[Change, tuple[str, ...]]:
    """Return the change of the rule since the version before, and its effects, in sentences."""
    old, new = (rule_of(before, rule) if before else None), rule_of(policy, rule)
    if before is None:
        return ("first" if new else "same"), ()
    if old is None or new is None:
        return ("same" if old is new else "new" if new else "gone"), ()
    result = difference(_reduced(before, rule), _reduced(policy, rule))
    sentences = [
        sentence
        for each in result.alterations
        if each.name == rule and each.kind.value in {"rule", "band"}
        for sentence in each.sentences(lang)
    ]
    return ("changed" if sentences or old[0] != new[0] else "same"), tuple(sentences)


def _reduced(policy: Policy, rule: str) -> Policy:
    """The policy with this rule and, so that `otherwise` stays what it is, the first one."""
    rules = tuple(each for position, each in enumerate(policy.rules) if position == 0 or each.id == rule)
    return replace(policy, rules=rules, examples=(), invariants=(), notes=None)
