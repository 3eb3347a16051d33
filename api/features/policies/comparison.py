"""`…/compare?from=&to=`: two versions of a policy laid side by side, in sentences and in tables, cell by cell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from sqlmodel import Session
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from api.auth.visible_versions import visible_versions
from api.features.policies.version_head import POLICY, load_version_head
from api.kit.frame import Frame
from api.kit.page_route import PageRoute
from api.kit.rendering import Pages
from api.web.transactions import run_read
from policy_service.analysis.difference import Difference, difference
from policy_service.analysis.table_difference import MergedTables, merged_tables
from policy_service.language.digest_cache import cached_by_digest
from policy_service.language.policy import Bilingual, Language, Policy
from policy_service.registry.snapshot import RegistrySnapshot

MAX_OFFERED = 100
"""Versions that can be chosen, the newest."""
KINDS = ("policy", "fact", "outcome", "rule", "band", "example", "invariant")


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two versions side by side, as kept."""

    sentences: tuple[str, ...]
    alters: bool
    differs: bool
    tables: MergedTables


@dataclass(frozen=True, slots=True)
class ComparePage:
    """The comparison."""

    template: ClassVar[str] = "policies/compare.html"
    frame: Frame
    name: str
    title: Bilingual
    old: str
    new: str
    versions: tuple[str, ...]
    active: str | None
    comparison: Comparison | None
    """None when there is only one version."""

    @property
    def address(self) -> str:
        """The address of the policy."""
        return f"/policies/{self.name}"


async def compare_page(pages: Pages, request: Request, domain: str, policy: str) -> ComparePage:
    """Build the page of two versions."""
    name, query, service = f"{domain}/{policy}", request.query_params, pages.service
    requested = query.get("from", ""), query.get("to", "")
    old, new, versions, active = await run_read(
        service,
        lambda session: _read(pages, visible_versions(service.catalogue, session, request), session, name, requested),
    )
    frame = pages.frame(request)
    comparison = await run_in_threadpool(compare_versions, old, new, frame.lang)
    shown = None if old is new and len(versions) == 1 else comparison
    return ComparePage(frame, name, new.title, old.version, new.version, versions, active, shown)


ROUTES = (PageRoute(f"{POLICY}/compare", compare_page),)
Pair = tuple[Policy, Policy, tuple[str, ...], str | None]


def _read(pages: Pages, snapshot: RegistrySnapshot, session: Session, name: str, requested: tuple[str, str]) -> Pair:
    catalogue, now = pages.service.catalogue, pages.service.now()
    active = snapshot.active(name, now)
    old, new = compared_versions(snapshot, name, active[1].version if active else None, requested)
    policies = [load_version_head(catalogue, snapshot, session, name, each, now=now)[0] for each in (old, new)]
    versions = [each.version for each in snapshot.versions[name][:MAX_OFFERED]]
    versions += [each for each in dict.fromkeys((old, new)) if each not in versions]
    return policies[0], policies[1], tuple(versions), active[1].version if active else None


def compared_versions(
    snapshot: RegistrySnapshot, name: str, active: str | None, requested: tuple[str, str]
) -> tuple[str, str]:
    """Choose the two versions to compare: the newest, with the one in force or the one before."""
    versions: Sequence[str] = [each.version for each in snapshot.versions_of(name)]
    new = requested[1] or versions[0]
    if requested[0]:
        return requested[0], new
    if active is not None and active != new:
        return active, new
    position = versions.index(new) + 1 if new in versions else 0
    return versions[min(position, len(versions) - 1)], new


@cached_by_digest
def compare_versions(old: Policy, new: Policy, lang: Language) -> Comparison:
    """Lays two versions side by side."""
    result: Difference = difference(old, new)
    return Comparison(
        tuple(result.sentences(lang)), result.alters, bool(result.alterations), merged_tables(result, lang).folded()
    )
