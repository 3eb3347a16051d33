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

from api.pages.frame import Frame
from api.pages.listing import Listing
from api.pages.policies.opening import POLICY, refuse_unknown
from api.pages.policies.register import Held, Register, Version
from api.pages.rendering import Pages
from api.problems import NOT_FOUND, ProblemError
from api.transactions import reading
from policy_service.analysis.difference import difference
from policy_service.compilers.prose import RuleWords
from policy_service.compilers.prose.context import context_of
from policy_service.compilers.prose.decision import rule_words
from policy_service.decisions.firings import Firings, firings
from policy_service.language.diagnostics import shorten
from policy_service.language.policy import Bilingual, Language, Policy, Rule
from policy_service.registry.model import Period
from policy_service.sentences import Sentence

PAGE = 12
"""Versions on a page."""
CITED = re.compile(r"\bR-[A-Z]+-[0-9A-Z]+\b")
"""A row of the regulation, as reasons name it."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """The rule in one version; `words` is None where the version does not have it."""

    version: Version
    address: str
    periods: tuple[Period, ...]
    now: bool
    words: RuleWords | None
    place: int
    """Which rule it is of the version's, from 1."""
    of: int
    change: Literal["same", "new", "gone", "changed", "first"]
    sentences: tuple[str, ...]
    """What this version changed, for the reader."""


@dataclass(frozen=True, slots=True)
class PassportPage:
    """A rule through its versions, the newest first."""

    template: ClassVar[str] = "policies/rule.html"
    frame: Frame
    policy: str
    title: Bilingual
    rule: str
    active: Stamp | None
    """The rule in the version in force."""
    latest: RuleWords
    """Its last wording."""
    cited: tuple[str, ...]
    """Rows of the regulation that its reason names."""
    source: tuple[str, ...]
    """Rows that the policy rests on."""
    stamps: tuple[Stamp, ...]
    firings: Firings
    listing: Listing

    @property
    def address(self) -> str:
        """Where the policy is."""
        return f"/policies/{self.policy}"

    @property
    def worded_since(self) -> Stamp | None:
        """The version that gave the rule the wording it has in force; None when it is not among those shown."""
        stamps = iter(self.stamps)
        for stamp in stamps:
            if stamp.now and stamp.words:
                return next((each for each in (stamp, *stamps) if each.change != "same"), None)
        return None

    @property
    def fired(self) -> int:
        """How often it decided lately."""
        return self.firings.rules.get(self.rule, 0)


@dataclass(frozen=True, slots=True)
class Found:
    """The versions of a page, and the one before them; newest first."""

    versions: Sequence[Version]
    policies: Sequence[Policy]
    active: Policy | None
    active_version: Version | None
    firings: Firings
    more: bool


def passport_routes(pages: Pages, register: Register) -> APIRouter:
    """The route."""
    router = APIRouter(include_in_schema=False)
    service = pages.service

    @router.get(f"{POLICY}/rules/{{rule}}")
    async def passport(request: Request, domain: str, policy: str, rule: str) -> Response:
        """The passport of a rule."""
        name, asked = f"{domain}/{policy}", request.query_params
        cursor, at = asked.get("cursor", ""), asked.get("at", "")

        def look(session: Session) -> PassportPage:
            held = register.read(session, request)
            refuse_unknown(service.catalogue, held, session, name)
            found = _read(pages, held, session, name, _place(held, name, cursor) + 1)
            if at and not any(rule_of(each, rule) for each in found.policies):
                found = _read(pages, held, session, name, _place(held, name, at))  # gone before the newest versions
            return make_page(pages.frame(request), held, found, rule)

        return pages.show(await reading(service, look))

    return router


def _place(held: Held, name: str, version: str) -> int:
    """Where a version stands in the list; before all of them when there is none."""
    return next((place for place, each in enumerate(held.versions[name]) if each.version == version), -1)


def _read(pages: Pages, held: Held, session: Session, name: str, first: int) -> Found:
    """The versions from one in the list on."""
    catalogue, now = pages.service.catalogue, pages.service.now()
    versions = held.versions[name]
    behind = first if 0 <= first < len(versions) else 0
    looked_at = versions[behind : behind + PAGE + 1]
    active = held.active(name, now)
    return Found(
        versions=looked_at,
        policies=[catalogue.load(session, each.digest) for each in looked_at],
        active=catalogue.load(session, active[1].digest) if active else None,
        active_version=held.version(name, active[1].version) if active else None,
        firings=firings(session, name),
        more=len(versions) > behind + PAGE,
    )


def make_page(frame: Frame, held: Held, found: Found, rule: str) -> PassportPage:
    """The page. Raises ProblemError when none of the versions has such a rule."""
    name, periods = found.policies[0].id, held.periods(found.policies[0].id)
    stamps = []
    for place, (version, policy) in enumerate(zip(found.versions, found.policies, strict=True)):
        before = found.policies[place + 1] if place + 1 < len(found.policies) else None
        if place < PAGE:
            is_active = version == found.active_version
            when = tuple(reversed(periods.get(version.version, ())))
            stamps.append(_stamp(version, (before, policy), rule, frame.lang, (when, is_active)))
    active = _active(found, rule, frame.lang)
    latest = next((stamp for stamp in stamps if stamp.words), active)
    if latest is None or latest.words is None:
        raise ProblemError(
            NOT_FOUND, Sentence("no version that is looked at here has a rule `{rule}`", rule=shorten(rule))
        )
    newest = found.policies[0]
    shown = found.versions[: len(stamps)]
    return PassportPage(
        frame=frame,
        policy=name,
        title=newest.title,
        rule=rule,
        active=active,
        latest=latest.words,
        cited=tuple(dict.fromkeys(CITED.findall(latest.words.because))),
        source=newest.source,
        stamps=tuple(stamps),
        firings=found.firings,
        listing=Listing(
            f"/policies/{name}/rules/{rule}",
            {},
            cursor=newest.version if newest.version != held.versions[name][0].version else None,
            next_cursor=shown[-1].version if found.more else None,
        ),
    )


def _active(found: Found, rule: str, lang: Language) -> Stamp | None:
    """The rule in the version in force, if that has it."""
    if found.active is None or found.active_version is None:
        return None
    stamp = _stamp(found.active_version, (found.active, found.active), rule, lang, ((), True))
    return stamp if stamp.words else None


def rule_of(policy: Policy, rule: str) -> tuple[int, Rule] | None:
    """The rule or band of this name, and which it is, from 1."""
    bands = policy.scorecard.bands if policy.scorecard else ()
    for rules in (policy.rules, bands):
        for place, each in enumerate(rules, 1):
            if each.id == rule:
                return place, each
    return None


def _stamp(
    version: Version,
    policies: tuple[Policy | None, Policy],
    rule: str,
    lang: Language,
    in_force: tuple[tuple[Period, ...], bool],
) -> Stamp:
    before, policy = policies
    held = rule_of(policy, rule)
    change, sentences = _changed(before, policy, rule, lang)
    is_band = held is not None and held[1] not in policy.rules
    return Stamp(
        version=version,
        address=f"/policies/{policy.id}/versions/{version.version}",
        periods=in_force[0],
        now=in_force[1],
        words=rule_words(policy, held[1], context_of(policy, lang)) if held else None,
        place=held[0] if held else 0,
        of=len(policy.scorecard.bands) if is_band and policy.scorecard else len(policy.rules),
        change=change,
        sentences=sentences,
    )


Change = Literal["same", "new", "gone", "changed", "first"]


def _changed(before: Policy | None, policy: Policy, rule: str, lang: Language) -> tuple[Change, tuple[str, ...]]:
    """What became of the rule since the version before, and what that changed, in sentences."""
    old, new = (rule_of(before, rule) if before else None), rule_of(policy, rule)
    if before is None:
        return ("first" if new else "same"), ()
    if old is None or new is None:
        return ("same" if old is new else "new" if new else "gone"), ()
    found = difference(_alone(before, rule), _alone(policy, rule))
    sentences = [
        sentence
        for each in found.alterations
        if each.name == rule and each.kind.value in {"rule", "band"}
        for sentence in each.sentences(lang)
    ]
    return ("changed" if sentences or old[0] != new[0] else "same"), tuple(sentences)


def _alone(policy: Policy, rule: str) -> Policy:
    """The policy with this rule and, so that `otherwise` stays what it is, the first one."""
    rules = tuple(each for place, each in enumerate(policy.rules) if place == 0 or each.id == rule)
    return replace(policy, rules=rules, examples=(), invariants=(), notes=None)
