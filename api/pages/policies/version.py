"""`…/versions/{version}`: a version in sentences and tables; its source, line by line; its very file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from fastapi import APIRouter
from sqlmodel import Session
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from api.pages.frame import Frame
from api.pages.policies.opening import VERSION, Opening, open_version
from api.pages.policies.register import Register
from api.pages.policies.signatures import Signed, read_signed
from api.pages.rendering import Pages
from api.transactions import reading
from policy_service.compilers.prose import Explanation, Table, explanation, table
from policy_service.language.policy import Language, Policy
from policy_service.lru_cache import LruCache
from policy_service.registry.tables import VersionRow

KEPT = 4 * 2**20
"""Characters of policy files that stay told, in each language once."""
WIDE = 5
"""A table with more columns than this stands under the sentences, not beside them."""
SIGNED = 10
"""Changes that put the version in force, the newest of which are shown."""
CACHED = {"cache-control": "no-store"}


@dataclass(frozen=True, slots=True)
class Told:
    """A version in words, as kept."""

    words: Explanation
    table: Table
    """The rules as a table, whatever the form of the policy."""


@dataclass(frozen=True, slots=True)
class VersionPage:
    """A version in words."""

    template: ClassVar[str] = "policies/version.html"
    frame: Frame
    opening: Opening
    form: str
    words: Explanation
    table: Table
    digest: str
    signed: tuple[Signed, ...]
    """The changes that submitted it or put it in force, the oldest first."""

    @property
    def wide(self) -> bool:
        """Whether the table has no room beside the sentences."""
        shown = self.words.grid.table if self.words.grid else self.table
        return len(shown.headers) > WIDE

    @property
    def imported(self) -> bool:
        """Whether it came at set-up, so that nobody signed it here."""
        return self.opening.version.change is None


@dataclass(frozen=True, slots=True)
class SourcePage:
    """A version as its author wrote it."""

    template: ClassVar[str] = "policies/source.html"
    frame: Frame
    opening: Opening
    lines: tuple[str, ...]


def version_routes(pages: Pages, register: Register) -> APIRouter:
    """The routes."""
    router = APIRouter(include_in_schema=False)
    service = pages.service
    kept: LruCache[tuple[str, Language], Told] = LruCache(KEPT)

    @router.get(VERSION)
    async def version(request: Request, domain: str, policy: str, version: str) -> Response:
        """In words."""
        name, now, frame = f"{domain}/{policy}", service.now(), pages.frame(request)

        def look(session: Session) -> tuple[Policy, Opening, tuple[Signed, ...]]:
            held = register.read(session, request)
            found, opening = open_version(service.catalogue, held, session, name, version, now=now)
            by = {each.change for each in held.activations.get(name, ())[::-1] if each.digest == found.digest}
            changes = read_signed(session, [opening.version.change, *list(by)[:SIGNED]])
            return found, opening, tuple(changes.values())

        found, opening, signed = await reading(service, look)
        key = (found.digest, frame.lang)
        told = await run_in_threadpool(lambda: kept.get_or_make(key, lambda: tell(found, frame.lang), len(found.text)))
        page = VersionPage(frame, opening, found.form, told.words, told.table, found.digest, signed)
        return pages.show(page)

    @router.get(f"{VERSION}/source")
    async def source(request: Request, domain: str, policy: str, version: str) -> Response:
        """Line by line."""
        name, now = f"{domain}/{policy}", service.now()
        found, opening = await reading(
            service,
            lambda session: open_version(
                service.catalogue,
                register.read(session, request),
                session,
                name,
                version,
                now=now,
                tab="source",
            ),
        )
        return pages.show(SourcePage(pages.frame(request), opening, tuple(found.text.split("\n"))))

    @router.get(f"{VERSION}/file")
    async def file(request: Request, domain: str, policy: str, version: str) -> Response:
        """The bytes that were submitted."""
        name, now = f"{domain}/{policy}", service.now()

        def look(session: Session) -> tuple[bytes, Mapping[str, str]]:
            held = register.read(session, request)
            _, opening = open_version(service.catalogue, held, session, name, version, now=now)
            row = session.get_one(VersionRow, opening.version.digest)
            return row.content, attachment(f"{policy}-{opening.version.version}.yaml")

        content, headers = await reading(service, look)
        return Response(content, headers=dict(headers), media_type="application/yaml")

    return router


def tell(policy: Policy, lang: Language) -> Told:
    """A version in words."""
    words = explanation(policy, lang)
    return Told(words, words.table or table(policy, lang))


def attachment(name: str) -> Mapping[str, str]:
    """The headers of a file to be kept; names of policies and versions need no escapes."""
    return {"content-disposition": f'attachment; filename="{name}"', **CACHED}
