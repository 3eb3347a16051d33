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

from api.auth.visible_versions import visible_versions
from api.features.policies.version_head import VERSION, VersionHead, load_version_head
from api.kit.frame import Frame
from api.kit.rendering import Pages
from api.web.transactions import run_read
from policy_service.approval.provenance import RecordedSignature, SignedChange, VersionProvenance, read_provenance
from policy_service.compilers.prose import Explanation, Table, explanation, table
from policy_service.language.policy import Language, Policy
from policy_service.lru_cache import LruCache
from policy_service.registry.model import ActivationKind
from policy_service.registry.service import version_text

CACHE_SIZE = 4 * 2**20
"""Characters of policy files that stay rendered, in each language once."""
MAX_NARROW_COLUMNS = 5
"""A table with more columns than this stands under the sentences, not beside them."""
MAX_CHANGES = 10
"""Changes and suspensions that put the version in force, the newest of which are shown."""
NO_STORE = {"cache-control": "no-store"}


@dataclass(frozen=True, slots=True)
class VersionText:
    """A version in words, as kept."""

    prose: Explanation
    table: Table
    """The rules as a table, whatever the form of the policy."""


@dataclass(frozen=True, slots=True)
class VersionPage:
    """A version in words."""

    template: ClassVar[str] = "policies/version.html"
    frame: Frame
    head: VersionHead
    form: str
    prose: Explanation
    table: Table
    digest: str
    provenance: VersionProvenance

    @property
    def changes(self) -> tuple[SignedChange, ...]:
        """The changes that submitted it or put it in force, the oldest first."""
        origins = self.provenance.origins[:MAX_CHANGES]
        changes = {
            each.id: each for each in (self.provenance.submission, *(origin.change for origin in origins)) if each
        }
        return tuple(changes[name] for name in sorted(changes))

    @property
    def suspensions(self) -> tuple[tuple[str, tuple[RecordedSignature, ...]], ...]:
        """The suspensions of other versions that put it in force, the oldest first, each with its signatures."""
        origins = [each for each in self.provenance.origins[:MAX_CHANGES][::-1] if each.suspension]
        return tuple({each.suspension.id: each.signatures for each in origins if each.suspension}.items())

    @property
    def is_wide(self) -> bool:
        """True if the table has no room beside the sentences."""
        shown_table = self.prose.grid.table if self.prose.grid else self.table
        return len(shown_table.headers) > MAX_NARROW_COLUMNS

    @property
    def is_imported(self) -> bool:
        """True if it came at set-up, and nobody signed it here since."""
        is_signed = any(
            each.change and each.activation.kind is ActivationKind.INITIAL for each in self.provenance.origins
        )
        return self.head.version.change is None and not is_signed


@dataclass(frozen=True, slots=True)
class SourcePage:
    """A version as its author wrote it."""

    template: ClassVar[str] = "policies/source.html"
    frame: Frame
    head: VersionHead
    lines: tuple[str, ...]


def version_routes(pages: Pages) -> APIRouter:
    """The routes."""
    router = APIRouter(include_in_schema=False)
    service = pages.service
    cache: LruCache[tuple[str, Language], VersionText] = LruCache(CACHE_SIZE)

    @router.get(VERSION)
    async def version(request: Request, domain: str, policy: str, version: str) -> Response:
        """In words."""
        name, now, frame = f"{domain}/{policy}", service.now(), pages.frame(request)

        def query(session: Session) -> tuple[Policy, VersionHead, VersionProvenance]:
            snapshot = visible_versions(service.catalogue, session, request)
            loaded, head = load_version_head(service.catalogue, snapshot, session, name, version, now=now)
            return loaded, head, read_provenance(session, head.version)

        loaded, head, provenance = await run_read(service, query)
        key = (loaded.digest, frame.lang)
        text = await run_in_threadpool(
            lambda: cache.get_or_make(key, lambda: describe_version(loaded, frame.lang), len(loaded.text))
        )
        page = VersionPage(frame, head, loaded.form, text.prose, text.table, loaded.digest, provenance)
        return pages.render(page)

    @router.get(f"{VERSION}/source")
    async def source(request: Request, domain: str, policy: str, version: str) -> Response:
        """Line by line."""
        name, now = f"{domain}/{policy}", service.now()
        loaded, head = await run_read(
            service,
            lambda session: load_version_head(
                service.catalogue,
                visible_versions(service.catalogue, session, request),
                session,
                name,
                version,
                now=now,
                tab="source",
            ),
        )
        return pages.render(SourcePage(pages.frame(request), head, tuple(loaded.text.split("\n"))))

    @router.get(f"{VERSION}/file")
    async def file(request: Request, domain: str, policy: str, version: str) -> Response:
        """The bytes that were submitted."""
        name, now = f"{domain}/{policy}", service.now()

        def query(session: Session) -> tuple[bytes, Mapping[str, str]]:
            snapshot = visible_versions(service.catalogue, session, request)
            _, head = load_version_head(service.catalogue, snapshot, session, name, version, now=now)
            return version_text(session, head.version.digest), attachment(f"{policy}-{head.version.version}.yaml")

        content, headers = await run_read(service, query)
        return Response(content, headers=dict(headers), media_type="application/yaml")

    return router


def describe_version(policy: Policy, lang: Language) -> VersionText:
    """A version in words."""
    prose = explanation(policy, lang)
    return VersionText(prose, prose.table or table(policy, lang))


def attachment(name: str) -> Mapping[str, str]:
    """The headers of a file to be kept; names of policies and versions need no escapes."""
    return {"content-disposition": f'attachment; filename="{name}"', **NO_STORE}
