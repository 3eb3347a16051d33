"""`…/versions/{version}`: a version in words and tables, its source, file and examples; the comparison with another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from sqlmodel import Session
from starlette.responses import Response

from api.kit.context import PageContext, attachment
from api.kit.listing import Listing, link, page_behind
from api.kit.page_route import PageRoute
from policy_service.analysis.example_cases import ExampleCase, cases_of
from policy_service.analysis.table_difference import Comparison, compare_versions
from policy_service.approval.provenance import VersionProvenance, read_provenance
from policy_service.compilers.prose import Explanation, Table, explanation, table
from policy_service.labels import domain_name
from policy_service.language.digest_cache import cached_by_digest
from policy_service.language.policy import Bilingual, Language, Policy
from policy_service.messages import Message
from policy_service.registry.model import Period
from policy_service.registry.service import version_text
from policy_service.registry.snapshot import Version

POLICY = "/policies/{domain}/{policy}"
VERSION = f"{POLICY}/versions/{{version}}"
Tab = Literal["text", "source", "examples"]
TABS: Mapping[Tab, tuple[Message, str]] = {
    "text": (Message("Text and tables"), ""),
    "source": (Message("Source"), "/source"),
    "examples": (Message("Examples"), "/examples"),
}


@dataclass(frozen=True, slots=True)
class VersionHead:
    """The head of a page about one version."""

    name: str
    title: Bilingual
    domain: str
    version: Version
    newest: str
    """The newest version of the policy."""
    active: str | None
    """The version in force."""
    periods: tuple[Period, ...]
    """When this version is in force, the newest first."""
    tab: Tab

    @property
    def address(self) -> str:
        """The address of the version."""
        return f"/policies/{self.name}/versions/{self.version.version}"

    @property
    def tabs(self) -> tuple[tuple[Message, str, bool], ...]:
        """The words and the address of each tab, and whether it is the one that is read."""
        return tuple((label, f"{self.address}{path}", tab == self.tab) for tab, (label, path) in TABS.items())

    @property
    def compare_address(self) -> str | None:
        """The address of its comparison with the version in force, or of the one in force with the newest."""
        other = self.active if self.active != self.version.version else self.newest
        if other is None or other == self.version.version:
            return None
        return link(f"/policies/{self.name}/compare", from_=other, to=self.version.version)

    @property
    def is_active(self) -> bool:
        """True if it is in force."""
        return self.active == self.version.version


def read_version(
    session: Session, context: PageContext, name: str, version: str, tab: Tab = "text"
) -> tuple[Policy, VersionHead]:
    """Return a version that the caller may see, and the head of its pages. Raises UnknownPolicy."""
    catalogue, now = context.service.catalogue, context.service.now()
    snapshot = context.visible(session)
    recorded = snapshot.version(name, version)
    policy, active = catalogue.load(session, recorded.digest), snapshot.active(name, now)
    return policy, VersionHead(
        name=name,
        title=policy.title,
        domain=domain_name(policy.domain),
        version=recorded,
        newest=snapshot.versions[name][0].version,
        active=active[1].version if active else None,
        periods=tuple(reversed(snapshot.periods(name).get(version, ()))),
        tab=tab,
    )


MAX_NARROW_COLUMNS = 5
"""A table with more columns than this stands under the sentences, not beside them."""


@dataclass(frozen=True, slots=True)
class VersionPage:
    """A version in words."""

    template: ClassVar[str] = "policies/version.html"
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
    """The source of a version."""

    template: ClassVar[str] = "policies/source.html"
    head: VersionHead
    lines: tuple[str, ...]


def version_page(session: Session, context: PageContext, domain: str, policy: str, version: str) -> VersionPage:
    """Build the page of a version in words."""
    loaded, head = read_version(session, context, f"{domain}/{policy}", version)
    prose, rules = describe_version(loaded, context.frame.lang)
    provenance = read_provenance(session, head.version)
    return VersionPage(head, loaded.form, prose, rules, loaded.digest, provenance)


def source_page(session: Session, context: PageContext, domain: str, policy: str, version: str) -> SourcePage:
    """Build the page of a version line by line."""
    loaded, head = read_version(session, context, f"{domain}/{policy}", version, "source")
    return SourcePage(head, tuple(loaded.text.split("\n")))


def send_file(session: Session, context: PageContext, domain: str, policy: str, version: str) -> Response:
    """Send the bytes that were submitted."""
    _, head = read_version(session, context, f"{domain}/{policy}", version)
    content = version_text(session, head.version.digest)
    return attachment(content, f"{policy}-{head.version.version}.yaml", "application/yaml")


@cached_by_digest
def describe_version(policy: Policy, lang: Language) -> tuple[Explanation, Table]:
    """Return a version in words, and its rules as a table, whatever its form."""
    prose = explanation(policy, lang)
    return prose, prose.table or table(policy, lang)


PAGE = 50
"""Examples per page."""


@dataclass(frozen=True, slots=True)
class ExamplesPage:
    """The examples of a version."""

    template: ClassVar[str] = "policies/examples.html"
    head: VersionHead
    cases: tuple[ExampleCase, ...]
    passed_count: int
    total_count: int
    listing: Listing


_cases = cached_by_digest(cases_of)


def examples_page(session: Session, context: PageContext, domain: str, policy: str, version: str) -> ExamplesPage:
    """Build the page of the examples, decided now; the cursor is the name of the last one before it."""
    loaded, head = read_version(session, context, f"{domain}/{policy}", version, "examples")
    cases = _cases(loaded, context.frame.lang)
    page, cursors = page_behind(cases, lambda case: case.name, context.params.get("cursor"), PAGE)
    listing = Listing(f"{head.address}/examples", {}, (), "", *cursors)
    return ExamplesPage(head, tuple(page), sum(case.passed for case in cases), len(cases), listing)


MAX_OFFERED = 100
"""Maximum number of versions offered, the newest."""
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
    snapshot = context.visible(session)
    in_force = snapshot.active(name, context.service.now())
    active = in_force[1].version if in_force else None
    pair = snapshot.compared(name, active, query.get("from"), query.get("to"))
    old, new = (catalogue.load(session, snapshot.version(name, each).digest) for each in pair)
    versions = [each.version for each in snapshot.versions[name][:MAX_OFFERED]]
    versions += [each for each in dict.fromkeys(pair) if each not in versions]
    comparison = None if old is new and len(versions) == 1 else compare_versions(old, new, context.frame.lang)
    return ComparePage(name, new.title, old.version, new.version, tuple(versions), active, comparison)


ROUTES = (
    PageRoute(VERSION, version_page),
    PageRoute(f"{VERSION}/source", source_page),
    PageRoute(f"{VERSION}/file", send_file),
    PageRoute(f"{VERSION}/examples", examples_page),
    PageRoute(f"{POLICY}/compare", compare_page),
)
