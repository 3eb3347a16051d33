"""`/policies/{domain}/{policy}`: the versions, their periods in force and signatures, and the possible actions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Literal
from zoneinfo import ZoneInfo

from sqlmodel import Session

from api.auth.permissions import PERMISSIONS, may_read
from api.features.policies.version import POLICY
from api.kit.context import PageContext
from api.kit.drawing import Bar, Timeline, timeline
from api.kit.listing import Column, Listing, link, page_behind
from api.kit.page_route import PageRoute
from policy_service.access import check_permission
from policy_service.actor import Actor
from policy_service.approval.provenance import SignedChange, read_signed_changes
from policy_service.decisions.in_force import OWN_DOMAIN
from policy_service.labels import enum_label
from policy_service.language.policy import Policy
from policy_service.language.requirements import Dependencies
from policy_service.messages import Message
from policy_service.registry.model import Activation, ActivationKind, Period
from policy_service.registry.snapshot import Piece, PolicyStatus, Version

MAX_DRAWN = 12
"""Maximum number of periods in a drawing."""
PAGE = 20
"""Versions per page."""
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
class VersionItem:
    """One version in the list."""

    version: Version
    periods: tuple[Period, ...]
    """When it is in force, the newest first."""
    is_active: bool
    change: SignedChange | None
    can_roll_back: bool
    """True if the reader may request a rollback to it."""


@dataclass(frozen=True, slots=True)
class PolicyPage:
    """One policy."""

    template: ClassVar[str] = "policies/policy.html"
    policy: Policy
    """In the version in force, or that was stopped; else the newest."""
    status: PolicyStatus
    dependencies: Dependencies
    change: SignedChange | None
    """The change that put the current version in force."""
    drawing: Timeline | None
    earlier_address: str | None
    """The address of earlier periods."""
    latest_address: str | None
    """The address of the latest periods, if these are earlier ones."""
    version_items: tuple[VersionItem, ...]
    listing: Listing
    write_permission: Literal[True] | str
    suspend_permission: Literal[True] | str
    may_reevaluate: bool
    """True if the reader may start a re-evaluation."""


def _parse_instant(text: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo is not None else None


def policy_page(session: Session, context: PageContext, domain: str, policy: str) -> PolicyPage:
    """Build the page of one policy."""
    catalogue, now, params = context.service.catalogue, context.service.now(), context.params
    name, actor = f"{domain}/{policy}", context.actor
    snapshot = context.visible(session)
    listed, status = snapshot.versions_of(name), snapshot.status(name, now)
    loaded = catalogue.load(session, status.current[1].digest if status.current else listed[0].digest)
    before, sort = _parse_instant(params.get("before", "")), OLDEST if params.get("sort") == OLDEST else NEWEST
    pieces = [piece for piece in snapshot.pieces(name) if before is None or piece[0].start < before]
    drawn = pieces[-MAX_DRAWN:]
    ordered = listed if sort == NEWEST else listed[::-1]
    versions, cursors = page_behind(ordered, lambda each: each.version, params.get("cursor"), PAGE)
    filters = {"before": before.isoformat() if before else ""}
    listing = Listing(f"/policies/{name}", filters, COLUMNS, sort, *cursors)
    imports = {each.version: each.change for _, each in pieces if each.kind is ActivationKind.INITIAL and each.change}
    submissions = {each.version: each.change or imports.get(each.version, "") for each in versions}
    names = (
        *submissions.values(),
        *(each.change for _, each in drawn),
        status.active[1].change if status.active else "",
    )
    changes = read_signed_changes(session, filter(None, names))
    write_permission = check_permission(actor, PERMISSIONS["GET", "/changes/new"])

    def item(version: Version) -> VersionItem:
        periods = tuple(reversed(snapshot.periods(name).get(version.version, ())))
        is_active = status.active is not None and status.active[1].version == version.version
        was_active = not is_active and any(each.start <= context.frame.now for each in periods)
        change = changes.get(submissions[version.version])
        return VersionItem(version, periods, is_active, change, write_permission is True and was_active)

    return PolicyPage(
        policy=loaded,
        status=status,
        dependencies=catalogue.dependencies(session, snapshot, name, now),
        change=changes.get(status.active[1].change or "") if status.active else None,
        drawing=_drawing(drawn, changes, context.frame.now, context.service.zone),
        earlier_address=link(listing.path, before=drawn[0][0].start.isoformat(), sort=sort)
        if len(pieces) > len(drawn)
        else None,
        latest_address=listing.path if before else None,
        version_items=tuple(map(item, versions)),
        listing=listing,
        write_permission=write_permission,
        suspend_permission=_suspend_permission(actor, status),
        may_reevaluate=may_read(actor, "/reevaluations") and loaded.domain != OWN_DOMAIN,
    )


def _suspend_permission(actor: Actor, status: PolicyStatus) -> Literal[True] | str:
    if status.stop is not None:
        return Message("It is already suspended, and no version applies.")
    if status.active is None:
        return Message("No version is in force that could be suspended.")
    return check_permission(actor, PERMISSIONS["GET", "/policies/{domain}/{policy}/suspend"])


def _drawing(
    pieces: Sequence[Piece], changes: Mapping[str, SignedChange], now: datetime, zone: ZoneInfo
) -> Timeline | None:
    """Return the pieces of time, a lane a version, the newest version above."""
    if not pieces:
        return None
    bars = [_bar(period, active, changes) for period, active in reversed(pieces)]
    return timeline(bars, now, start=pieces[0][0].start, zone=zone)


def _bar(period: Period, active: Activation, changes: Mapping[str, SignedChange]) -> Bar:
    if active.is_emergency:
        label, address = STOP if active.is_stop else SUSPENSION, f"/suspensions/{active.suspension}"
        return Bar(active.version, period.start, period.until, "suspension", label, address)
    change = changes.get(active.change or "")
    if change is None:
        return Bar(active.version, period.start, period.until, label=enum_label(active.kind))
    label = Message("{kind}: {title}", kind=enum_label(active.kind), title=change.title)
    return Bar(active.version, period.start, period.until, label=label, address=f"/changes/{change.id}")


ROUTES = (PageRoute(POLICY, policy_page),)
