"""`…/compare?from=&to=`: two versions of a policy laid side by side, in sentences and in tables, cell by cell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sqlmodel import Session

from api.auth.visible_versions import visible_versions
from api.features.policies.version import POLICY
from api.kit.context import PageContext
from api.kit.page_route import PageRoute
from policy_service.analysis.table_difference import Comparison, compare_versions
from policy_service.language.policy import Bilingual

MAX_OFFERED = 100
"""Versions that can be chosen, the newest."""
KINDS = ("policy", "fact", "outcome", "rule", "band", "example", "invariant")


@dataclass(frozen=True, slots=True)
class ComparePage:
    """The comparison."""

    template: ClassVar[str] = "policies/compare.html"
    name: str
    title: Bilingual
    old: str
    new: str
    versions: tuple[str, ...]
    active: str | None
    comparison: Comparison | None
    """None when there is only one version."""


def compare_page(session: Session, context: PageContext, domain: str, policy: str) -> ComparePage:
    """Build the page of two versions."""
    name, query, catalogue = f"{domain}/{policy}", context.params, context.service.catalogue
    snapshot = visible_versions(catalogue, session, context.request)
    in_force = snapshot.active(name, context.service.now())
    active = in_force[1].version if in_force else None
    pair = snapshot.compared(name, active, query.get("from"), query.get("to"))
    old, new = (catalogue.load(session, snapshot.version(name, each).digest) for each in pair)
    versions = [each.version for each in snapshot.versions[name][:MAX_OFFERED]]
    versions += [each for each in dict.fromkeys(pair) if each not in versions]
    comparison = None if old is new and len(versions) == 1 else compare_versions(old, new, context.frame.lang)
    return ComparePage(name, new.title, old.version, new.version, tuple(versions), active, comparison)


ROUTES = (PageRoute(f"{POLICY}/compare", compare_page),)
