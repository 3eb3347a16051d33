"""`/policies/{domain}/{policy}`: when each version is in force, who signed them, what can be done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Literal

from sqlmodel import Session
from starlette.requests import Request

from api.auth.authentication import principal_of
from api.auth.permissions import PERMISSIONS, check_permission, may_read
from api.auth.visible_versions import visible_versions
from api.features.policies.version_head import POLICY
from api.kit.drawing import Bar, Timeline, timeline
from api.kit.frame import Frame
from api.kit.listing import Column, Listing, link
from api.kit.page_route import PageRoute
from api.kit.rendering import Pages
from api.web.transactions import run_read
from policy_service.actor import Actor
from policy_service.approval.provenance import SignedChange, read_signed_changes
from policy_service.decisions.in_force import OWN_DOMAIN
from policy_service.labels import domain_name, enum_label
from policy_service.language.policy import Policy
from policy_service.language.requirements import Dependencies
from policy_service.messages import Message
from policy_service.registry.model import Activation, ActivationKind, Period
from policy_service.registry.snapshot import Piece, PolicyStatus, RegistrySnapshot, Version

MAX_DRAWN = 12
"""Pieces of time that are drawn at a time."""
PAGE = 20
"""Versions on a page."""
OLDEST, NEWEST = "version", "-version"
COLUMNS = (
    Column("version", Message("Version"), is_sortable=True),
    Column("periods", Message("Effective periods")),
    Column("submitted", Message("Submitted")),
    Column("change", Message("Change")),
    Column("signed", Message("Signed by")),
    Column("rollback", Message("Roll back")),
)
SUSPENSION = Message("in force while another version is suspended")
STOP = Message("suspended: no version applies")


@dataclass(frozen=True, slots=True)
class OverviewQuery:
    """Of which policy, which periods are drawn, and which versions are listed in which order."""

    policy: str
    before: datetime | None
    sort: str
    cursor: str | None
    """The last version of the page before."""


@dataclass(frozen=True, slots=True)
class VersionItem:
    """One version in the list."""

    version: Version
    address: str
    periods: tuple[Period, ...]
    """When it is in force, the newest first."""
    is_active: bool
    change: SignedChange | None
    rollback_address: str | None
    """Where an author asks to go back to it; None where that is not possible."""


@dataclass(frozen=True, slots=True)
class OverviewData:
    """The data of the page."""

    policy: Policy
    status: PolicyStatus
    pieces: Sequence[Piece]
    has_earlier: bool
    versions: Sequence[Version]
    has_more: bool
    periods: Mapping[str, Sequence[Period]]
    signed_imports: Mapping[str, str]
    """The change by which each imported version was signed, by the version's number."""
    changes: Mapping[str, SignedChange]
    dependencies: Dependencies


@dataclass(frozen=True, slots=True)
class PolicyPage:
    """One policy."""

    template: ClassVar[str] = "policies/policy.html"
    frame: Frame
    data: OverviewData
    address: str
    domain: str
    change: SignedChange | None
    """The change that put in force what is in force."""
    drawing: Timeline | None
    earlier_address: str | None
    """Where earlier periods are."""
    latest_address: str | None
    """Where the latest periods are, when these are earlier ones."""
    version_items: tuple[VersionItem, ...]
    listing: Listing
    write_permission: Literal[True] | str
    suspend_permission: Literal[True] | str
    may_reevaluate: bool
    """Whether the reader may have everybody decided again."""


async def policy_page(pages: Pages, request: Request, domain: str, policy: str) -> PolicyPage:
    """Build the page of one policy."""
    service, params = pages.service, request.query_params
    now, sort = service.now(), OLDEST if params.get("sort") == OLDEST else NEWEST
    query = OverviewQuery(f"{domain}/{policy}", _parse_instant(params.get("before", "")), sort, params.get("cursor"))
    data = await run_read(
        service,
        lambda session: _read(pages, visible_versions(service.catalogue, session, request), session, query, now),
    )
    return make_page(pages, request, data, query)


ROUTES = (PageRoute(POLICY, policy_page),)


def _parse_instant(text: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo is not None else None


def _read(
    pages: Pages, snapshot: RegistrySnapshot, session: Session, query: OverviewQuery, now: datetime
) -> OverviewData:
    name, before = query.policy, query.before
    catalogue = pages.service.catalogue
    newest_first, status = snapshot.versions_of(name), snapshot.status(name, now)
    active, current = status.active, status.current
    versions = newest_first if query.sort == NEWEST else newest_first[::-1]
    first = next((position + 1 for position, each in enumerate(versions[:-1]) if each.version == query.cursor), 0)
    page_versions = versions[first : first + PAGE]
    pieces = [piece for piece in snapshot.pieces(name) if before is None or piece[0].start < before]
    drawn_pieces = pieces[-MAX_DRAWN:]
    signed_imports = {
        each.version: each.change for _, each in pieces if each.kind is ActivationKind.INITIAL and each.change
    }
    names = (
        *(each.change for each in page_versions),
        *signed_imports.values(),
        *(each.change for _, each in drawn_pieces),
        active[1].change if active else None,
    )
    return OverviewData(
        policy=catalogue.load(session, current[1].digest if current else newest_first[0].digest),
        status=status,
        pieces=drawn_pieces,
        has_earlier=len(pieces) > len(drawn_pieces),
        versions=page_versions,
        has_more=len(versions) > first + PAGE,
        periods=snapshot.periods(name),
        signed_imports=signed_imports,
        changes=read_signed_changes(session, names),
        dependencies=catalogue.dependencies(session, snapshot, name, now),
    )


def make_page(pages: Pages, request: Request, data: OverviewData, query: OverviewQuery) -> PolicyPage:
    """The page of what was read."""
    frame, actor, name = pages.frame(request), principal_of(request).actor, data.policy.id
    address = f"/policies/{name}"
    before = query.before.isoformat() if query.before else ""
    next_cursor = data.versions[-1].version if data.has_more else None
    write_permission = check_permission(actor, PERMISSIONS["GET", "/changes/new"])
    return PolicyPage(
        frame=frame,
        data=data,
        address=address,
        domain=domain_name(data.policy.domain),
        change=data.changes.get(data.status.active[1].change or "") if data.status.active else None,
        drawing=_drawing(data, frame.now, pages),
        earlier_address=link(address, before=data.pieces[0][0].start.isoformat(), sort=query.sort)
        if data.has_earlier
        else None,
        latest_address=address if before else None,
        version_items=tuple(
            _version_item(each, data, address, frame.now if write_permission is True else None)
            for each in data.versions
        ),
        listing=Listing(address, {"before": before}, COLUMNS, query.sort, query.cursor, next_cursor),
        write_permission=write_permission,
        suspend_permission=_suspend_permission(actor, data),
        may_reevaluate=may_read(actor, "/reevaluations") and data.policy.domain != OWN_DOMAIN,
    )


def _suspend_permission(actor: Actor, data: OverviewData) -> Literal[True] | str:
    if data.status.stop is not None:
        return Message("It is already suspended, and no version applies.")
    if data.status.active is None:
        return Message("No version is in force that could be suspended.")
    return check_permission(actor, PERMISSIONS["GET", "/policies/{domain}/{policy}/suspend"])


def _version_item(version: Version, data: OverviewData, address: str, now_if_author: datetime | None) -> VersionItem:
    """A version; `now_if_author` is now for a reader who may ask to go back to what was in force."""
    is_active = data.status.active is not None and data.status.active[1].version == version.version
    periods = tuple(reversed(data.periods.get(version.version, ())))
    rollback_address = link("/changes/new", rollback=version.policy, version=version.version)
    return VersionItem(
        version=version,
        address=f"{address}/versions/{version.version}",
        periods=periods,
        is_active=is_active,
        change=data.changes.get(version.change or data.signed_imports.get(version.version, "")),
        rollback_address=rollback_address
        if now_if_author and not is_active and any(each.start <= now_if_author for each in periods)
        else None,
    )


def _drawing(data: OverviewData, now: datetime, pages: Pages) -> Timeline | None:
    """The pieces of time, a lane a version, the newest version above."""
    if not data.pieces:
        return None
    bars = [_bar(period, active, data.changes) for period, active in reversed(data.pieces)]
    return timeline(bars, now, start=data.pieces[0][0].start, zone=pages.service.zone)


def _bar(period: Period, active: Activation, changes: Mapping[str, SignedChange]) -> Bar:
    if active.is_emergency:
        label, address = STOP if active.is_stop else SUSPENSION, f"/suspensions/{active.suspension}"
        return Bar(active.version, period.start, period.until, "suspension", label, address)
    change = changes.get(active.change or "")
    if change is None:
        return Bar(active.version, period.start, period.until, label=enum_label(active.kind))
    label = Message("{kind}: {title}", kind=enum_label(active.kind), title=change.title)
    return Bar(active.version, period.start, period.until, label=label, address=f"/changes/{change.id}")
