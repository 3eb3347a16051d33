"""The head of all pages of one version: the policy, the version, whether it is in force, and the tabs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlmodel import Session
from starlette.requests import Request

from api.auth.visible_versions import visible_versions
from api.kit.listing import link
from api.kit.rendering import Pages
from policy_service.labels import domain_name
from policy_service.language.policy import Bilingual, Policy
from policy_service.messages import Message
from policy_service.registry.catalogue import Catalogue
from policy_service.registry.model import Period
from policy_service.registry.snapshot import RegistrySnapshot, Version

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
    def policy_address(self) -> str:
        """The address of the policy."""
        return f"/policies/{self.name}"

    @property
    def address(self) -> str:
        """The address of the version."""
        return f"{self.policy_address}/versions/{self.version.version}"

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
        return link(f"{self.policy_address}/compare", from_=other, to=self.version.version)

    @property
    def is_active(self) -> bool:
        """True if it is in force."""
        return self.active == self.version.version


def version_query(
    pages: Pages, request: Request, name: str, version: str, tab: Tab = "text"
) -> Callable[[Session], tuple[Policy, VersionHead]]:
    """Return what reads a version that the caller may see, and the head of its pages; it raises UnknownPolicy."""
    catalogue, now = pages.service.catalogue, pages.service.now()

    def query(session: Session) -> tuple[Policy, VersionHead]:
        snapshot = visible_versions(catalogue, session, request)
        return load_version_head(catalogue, snapshot, session, name, version, now=now, tab=tab)

    return query


def load_version_head(  # noqa: PLR0913  # where it is looked for, what, when
    catalogue: Catalogue,
    snapshot: RegistrySnapshot,
    session: Session,
    name: str,
    version: str,
    *,
    now: datetime,
    tab: Tab = "text",
) -> tuple[Policy, VersionHead]:
    """Return a version and the head of its pages. Raises UnknownPolicy."""
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
