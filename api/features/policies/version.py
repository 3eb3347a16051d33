"""`…/versions/{version}`: a version in sentences and tables; its source, line by line; its very file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from sqlmodel import Session
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from api.features.policies.version_head import VERSION, VersionHead, version_query
from api.kit.frame import Frame
from api.kit.page_route import PageRoute
from api.kit.rendering import Pages
from api.web.transactions import run_read
from policy_service.approval.provenance import VersionProvenance, read_provenance
from policy_service.compilers.prose import Explanation, Table, explanation, table
from policy_service.language.digest_cache import cached_by_digest
from policy_service.language.policy import Language, Policy
from policy_service.registry.service import version_text

MAX_NARROW_COLUMNS = 5
"""A table with more columns than this stands under the sentences, not beside them."""
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
    def is_wide(self) -> bool:
        """True if the table has no room beside the sentences."""
        shown_table = self.prose.grid.table if self.prose.grid else self.table
        return len(shown_table.headers) > MAX_NARROW_COLUMNS


@dataclass(frozen=True, slots=True)
class SourcePage:
    """A version as its author wrote it."""

    template: ClassVar[str] = "policies/source.html"
    frame: Frame
    head: VersionHead
    lines: tuple[str, ...]


async def version_page(pages: Pages, request: Request, domain: str, policy: str, version: str) -> VersionPage:
    """Build the page of a version in words."""
    name, frame = f"{domain}/{policy}", pages.frame(request)

    def query(session: Session) -> tuple[Policy, VersionHead, VersionProvenance]:
        loaded, head = version_query(pages, request, name, version)(session)
        return loaded, head, read_provenance(session, head.version)

    loaded, head, provenance = await run_read(pages.service, query)
    text = await run_in_threadpool(describe_version, loaded, frame.lang)
    return VersionPage(frame, head, loaded.form, text.prose, text.table, loaded.digest, provenance)


async def source_page(pages: Pages, request: Request, domain: str, policy: str, version: str) -> SourcePage:
    """Build the page of a version line by line."""
    loaded, head = await run_read(pages.service, version_query(pages, request, f"{domain}/{policy}", version, "source"))
    return SourcePage(pages.frame(request), head, tuple(loaded.text.split("\n")))


async def send_file(pages: Pages, request: Request, domain: str, policy: str, version: str) -> Response:
    """Send the bytes that were submitted."""

    def query(session: Session) -> tuple[bytes, Mapping[str, str]]:
        _, head = version_query(pages, request, f"{domain}/{policy}", version)(session)
        return version_text(session, head.version.digest), attachment(f"{policy}-{head.version.version}.yaml")

    content, headers = await run_read(pages.service, query)
    return Response(content, headers=dict(headers), media_type="application/yaml")


ROUTES = (
    PageRoute(VERSION, version_page),
    PageRoute(f"{VERSION}/source", source_page),
    PageRoute(f"{VERSION}/file", send_file),
)


@cached_by_digest
def describe_version(policy: Policy, lang: Language) -> VersionText:
    """A version in words."""
    prose = explanation(policy, lang)
    return VersionText(prose, prose.table or table(policy, lang))


def attachment(name: str) -> Mapping[str, str]:
    """The headers of a file to be kept; names of policies and versions need no escapes."""
    return {"content-disposition": f'attachment; filename="{name}"', **NO_STORE}
