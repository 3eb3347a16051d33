"""`…/compare?from=&to=`: two versions of a policy laid side by side, in sentences and in tables, cell by cell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from fastapi import APIRouter
from sqlmodel import Session
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from api.pages.frame import Frame
from api.pages.merged_table import MergedTables, merged_tables
from api.pages.policies.opening import POLICY, open_version, refuse_unknown
from api.pages.policies.register import Held, Register
from api.pages.rendering import Pages
from api.transactions import reading
from policy_service.analysis.difference import Difference, difference
from policy_service.language.policy import Bilingual, Language, Policy
from policy_service.lru_cache import LruCache

KEPT = 4 * 2**20
"""Characters of policy files that stay compared, in each language once."""
OFFERED = 100
"""Versions that can be chosen, the newest."""
KINDS = ("policy", "fact", "outcome", "rule", "band", "example", "invariant")


@dataclass(frozen=True, slots=True)
class Compared:
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
    compared: Compared | None
    """None when there is only one version."""

    @property
    def address(self) -> str:
        """Where the policy is."""
        return f"/policies/{self.name}"


def compare_routes(pages: Pages, register: Register) -> APIRouter:
    """The route."""
    router = APIRouter(include_in_schema=False)
    service = pages.service
    kept: LruCache[tuple[str, str, Language], Compared] = LruCache(KEPT)

    @router.get(f"{POLICY}/compare")
    async def compare(request: Request, domain: str, policy: str) -> Response:
        """Two versions."""
        name, asked = f"{domain}/{policy}", request.query_params
        wanted = asked.get("from", ""), asked.get("to", "")
        old, new, versions, active = await reading(
            service, lambda session: _read(pages, register.read(session, request), session, name, wanted)
        )
        frame = pages.frame(request)
        key = (old.digest, new.digest, frame.lang)
        size = len(old.text) + len(new.text)
        compared = await run_in_threadpool(
            lambda: kept.get_or_make(key, lambda: compare_two(old, new, frame.lang), size)
        )
        only = old is new and len(versions) == 1
        return pages.show(
            ComparePage(frame, name, new.title, old.version, new.version, versions, active, None if only else compared)
        )

    return router


Pair = tuple[Policy, Policy, tuple[str, ...], str | None]


def _read(pages: Pages, held: Held, session: Session, name: str, wanted: tuple[str, str]) -> Pair:
    catalogue, now = pages.service.catalogue, pages.service.now()
    refuse_unknown(catalogue, held, session, name)
    active = held.active(name, now)
    old, new = chosen(held, name, active[1].version if active else None, wanted)
    policies = [open_version(catalogue, held, session, name, each, now=now)[0] for each in (old, new)]
    offered = [each.version for each in held.versions[name][:OFFERED]]
    offered += [each for each in dict.fromkeys((old, new)) if each not in offered]
    return policies[0], policies[1], tuple(offered), active[1].version if active else None


def chosen(held: Held, name: str, active: str | None, wanted: tuple[str, str]) -> tuple[str, str]:
    """Which two are compared when one or both are not named: the newest, with what is in force or the one before."""
    versions: Sequence[str] = [each.version for each in held.versions[name]]
    new = wanted[1] or versions[0]
    if wanted[0]:
        return wanted[0], new
    if active is not None and active != new:
        return active, new
    place = versions.index(new) + 1 if new in versions else 0
    return versions[min(place, len(versions) - 1)], new


def compare_two(old: Policy, new: Policy, lang: Language) -> Compared:
    """Lays two versions side by side."""
    found: Difference = difference(old, new)
    return Compared(tuple(found.sentences(lang)), found.alters, bool(found.alterations), merged_tables(found, lang))
