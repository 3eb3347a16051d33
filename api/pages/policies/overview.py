"""`/policies/{domain}/{policy}`: when each version is in force, who signed them, what can be done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Literal

from fastapi import APIRouter
from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import Response

from api.authentication import asker
from api.pages.drawing import Bar, Timeline, timeline
from api.pages.frame import Frame
from api.pages.listing import Column, Listing, link
from api.pages.policies.needs import Needs, read_needs
from api.pages.policies.opening import POLICY, refuse_unknown
from api.pages.policies.register import Held, Piece, Register, Version, is_suspension
from api.pages.policies.signatures import Signed, read_signed
from api.pages.rendering import Pages
from api.pages.vocabulary import domain_name, name_of
from api.permissions import PERMISSIONS, may_ask
from api.transactions import reading
from policy_service.actor import Actor
from policy_service.language.policy import Policy
from policy_service.registry.model import Activation, Period, nothing_at
from policy_service.sentences import Sentence

DRAWN = 12
"""Pieces of time that are drawn at a time."""
PAGE = 20
"""Versions on a page."""
OLDEST, NEWEST = "version", "-version"
COLUMNS = (
    Column("version", Sentence("Version"), sorts=True),
    Column("periods", Sentence("Periods in force")),
    Column("submitted", Sentence("Submitted")),
    Column("change", Sentence("Change")),
    Column("signed", Sentence("Signed by")),
    Column("rollback", Sentence("Roll back")),
)
SUSPENSION = Sentence("in force while another version is suspended")
STOP = Sentence("suspended: no version applies")


@dataclass(frozen=True, slots=True)
class Asked:
    """Of which policy, which periods are drawn, and which versions are listed in which order."""

    policy: str
    before: datetime | None
    sort: str
    cursor: str | None
    """The last version of the page before."""


@dataclass(frozen=True, slots=True)
class VersionLine:
    """One version in the list."""

    version: Version
    address: str
    periods: tuple[Period, ...]
    """When it is in force, the newest first."""
    now: bool
    signed: Signed | None
    rollback: str | None
    """Where an author asks to go back to it; None where that is not possible."""


@dataclass(frozen=True, slots=True)
class Found:
    """What was read for the page."""

    policy: Policy
    active: Piece | None
    ended: Activation | None
    """By what the policy was ended, where nothing is in force for that."""
    stop: Piece | None
    since: datetime | None
    following: Piece | None
    pieces: Sequence[Piece]
    earlier: bool
    versions: Sequence[Version]
    more: bool
    periods: Mapping[str, Sequence[Period]]
    changes: Mapping[str, Signed]
    needs: Needs


@dataclass(frozen=True, slots=True)
class PolicyPage:
    """One policy."""

    template: ClassVar[str] = "policies/policy.html"
    frame: Frame
    policy: Policy
    address: str
    domain: str
    active: Piece | None
    ended: Activation | None
    stop: Piece | None
    """The stop by which no version applies now."""
    since: datetime | None
    signed: Signed | None
    """The change that put in force what is in force."""
    following: Piece | None
    drawing: Timeline | None
    earlier: str | None
    """Where earlier periods are."""
    latest: str | None
    """Where the latest periods are, when these are earlier ones."""
    versions: tuple[VersionLine, ...]
    listing: Listing
    needs: Needs
    may_write: Literal[True] | str
    may_suspend: Literal[True] | str


def overview_routes(pages: Pages, register: Register) -> APIRouter:
    """The route."""
    router = APIRouter(include_in_schema=False)
    service = pages.service

    @router.get(POLICY)
    async def policy(request: Request, domain: str, policy: str) -> Response:
        """One policy."""
        now, query = service.now(), request.query_params
        sort = OLDEST if query.get("sort") == OLDEST else NEWEST
        asked = Asked(f"{domain}/{policy}", _instant(query.get("before", "")), sort, query.get("cursor"))
        found = await reading(
            service, lambda session: _read(pages, register.read(session, request), session, asked, now)
        )
        return pages.show(make_page(pages, request, found, asked))

    return router


def _instant(text: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo is not None else None


def _read(pages: Pages, held: Held, session: Session, asked: Asked, now: datetime) -> Found:
    name, before = asked.policy, asked.before
    catalogue = pages.service.catalogue
    refuse_unknown(catalogue, held, session, name)
    newest_first, active, stop = held.versions[name], held.active(name, now), held.stop(name, now)
    shown_by = active or stop
    versions = newest_first if asked.sort == NEWEST else newest_first[::-1]
    behind = next((place + 1 for place, each in enumerate(versions[:-1]) if each.version == asked.cursor), 0)
    shown = versions[behind : behind + PAGE]
    pieces = [piece for piece in held.pieces(name) if before is None or piece[0].start < before]
    drawn = pieces[-DRAWN:]
    names = (
        *(each.change for each in shown),
        *(each.change for _, each in drawn),
        active[1].change if active else None,
    )
    return Found(
        policy=catalogue.load(session, shown_by[1].digest if shown_by else newest_first[0].digest),
        active=active,
        ended=nothing_at(held.activations.get(name, ()), name, now, now),
        stop=stop,
        since=held.since(name, now),
        following=held.next(name, now),
        pieces=drawn,
        earlier=len(pieces) > len(drawn),
        versions=shown,
        more=len(versions) > behind + PAGE,
        periods=held.periods(name),
        changes=read_signed(session, names),
        needs=read_needs(catalogue, held, session, name, now),
    )


def make_page(pages: Pages, request: Request, found: Found, asked: Asked) -> PolicyPage:
    """The page of what was read."""
    frame, actor, name = pages.frame(request), asker(request).actor, found.policy.id
    address = f"/policies/{name}"
    before = asked.before.isoformat() if asked.before else ""
    more = found.versions[-1].version if found.more else None
    may_write = may_ask(actor, PERMISSIONS["GET", "/changes/new"])
    return PolicyPage(
        frame=frame,
        policy=found.policy,
        address=address,
        domain=domain_name(found.policy.domain),
        active=found.active,
        ended=found.ended,
        stop=found.stop,
        since=found.since,
        signed=found.changes.get(found.active[1].change or "") if found.active else None,
        following=found.following,
        drawing=_drawing(found, frame.now, pages),
        earlier=link(address, before=found.pieces[0][0].start.isoformat(), sort=asked.sort) if found.earlier else None,
        latest=address if before else None,
        versions=tuple(
            _line(each, found, address, frame.now if may_write is True else None) for each in found.versions
        ),
        listing=Listing(address, {"before": before}, COLUMNS, asked.sort, asked.cursor, more),
        needs=found.needs,
        may_write=may_write,
        may_suspend=_may_suspend(actor, found),
    )


def _may_suspend(actor: Actor, found: Found) -> Literal[True] | str:
    if found.stop is not None:
        return Sentence("It is suspended already, and no version applies.")
    if found.active is None:
        return Sentence("Nothing is in force that could be suspended.")
    return may_ask(actor, PERMISSIONS["GET", "/policies/{domain}/{policy}/suspend"])


def _line(version: Version, found: Found, address: str, writing: datetime | None) -> VersionLine:
    """A version; `writing` is now for a reader who writes changes, and so may ask to go back to what was in force."""
    now = found.active is not None and found.active[1].version == version.version
    periods = tuple(reversed(found.periods.get(version.version, ())))
    back = link("/changes/new", rollback=version.policy, version=version.version)
    return VersionLine(
        version=version,
        address=f"{address}/versions/{version.version}",
        periods=periods,
        now=now,
        signed=found.changes.get(version.change or ""),
        rollback=back if writing and not now and any(each.start <= writing for each in periods) else None,
    )


def _drawing(found: Found, now: datetime, pages: Pages) -> Timeline | None:
    """The pieces of time, a lane a version, the newest version above."""
    if not found.pieces:
        return None
    bars = [_bar(period, active, found.changes) for period, active in reversed(found.pieces)]
    return timeline(bars, now, start=found.pieces[0][0].start, zone=pages.service.zone)


def _bar(period: Period, active: Activation, changes: Mapping[str, Signed]) -> Bar:
    if is_suspension(active):
        words, address = STOP if active.is_stop else SUSPENSION, f"/suspensions/{active.suspension}"
        return Bar(active.version, period.start, period.until, "suspension", words, address)
    signed = changes.get(active.change or "")
    if signed is None:
        return Bar(active.version, period.start, period.until, words=name_of(active.kind))
    words = Sentence("{kind}: {title}", kind=name_of(active.kind), title=signed.title)
    return Bar(active.version, period.start, period.until, words=words, address=signed.address)
