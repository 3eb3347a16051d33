"""`/audit/checkpoints` and `/audit/public-key.pem`: what was signed when, and the key to verify signatures with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Literal
from zoneinfo import ZoneInfo

from fastapi import APIRouter
from sqlmodel import Session, select
from starlette.requests import Request
from starlette.responses import Response

from api.cursors import close_cursor, open_number
from api.pages.audit.filters import span
from api.pages.audit.trail import TO_LOG, Trail
from api.pages.forms import Day, Filled, Form, FormModel, checked
from api.pages.frame import Frame
from api.pages.listing import Column, Listing
from api.pages.rendering import Pages
from api.problems import CONFLICT, ProblemError
from api.transactions import reading
from policy_service.audit.checkpoints import SignedExtent
from policy_service.audit.keys import PublicKey, public_key
from policy_service.audit.service import checkpoints, signing_keys
from policy_service.audit.tables import CheckpointCopy
from policy_service.sentences import Sentence

PAGE = 50
COLUMNS = (
    Column("size", Sentence("Entries"), sorts=True),
    Column("at", Sentence("Signed")),
    Column("root", Sentence("Root of the tree")),
    Column("head", Sentence("Digest of the last entry")),
    Column("key", Sentence("Key")),
)
NO_KEY = Sentence("the log has no signing key: run `policy-service init`")


NEWEST, OLDEST = "-size", "size"


class SignedFilters(FormModel):
    """Between which days it was signed, and in which order; what is left out does not matter."""

    since: Day | None = None
    until: Day | None = None
    sort: Literal["size", "-size"] = "-size"


@dataclass(frozen=True, slots=True)
class Signed:
    """One checkpoint."""

    size: int
    at: datetime
    root: str
    head: str
    key: int | None
    """The number of the key, from 1; None when the log names no such key."""


@dataclass(frozen=True, slots=True)
class Copied:
    """A place that checkpoints are copied to, as the database remembers it."""

    location: str
    count: int
    size: int
    """Entries that the newest covers."""
    at: datetime


@dataclass(frozen=True, slots=True)
class CheckpointsPage:
    """What was signed, and the keys it was signed with."""

    template: ClassVar[str] = "audit/checkpoints.html"
    frame: Frame
    listing: Listing
    form: Filled
    """The days, as typed."""
    checkpoints: tuple[Signed, ...]
    keys: tuple[PublicKey, ...]
    """In the order in which they were taken into use; the last one is in use."""
    copies: tuple[Copied, ...]
    advice: tuple[Sentence, ...]
    """What lies beside the database and had better lie elsewhere."""
    trail: Trail = TO_LOG


def add_signed(router: APIRouter, pages: Pages) -> None:
    """Adds the routes."""

    @router.get("/audit/checkpoints")
    async def listed(request: Request) -> Response:
        """The checkpoints that are wanted."""
        cursor, asked = request.query_params.get("cursor") or None, _asked(request)
        look = _Look(asked[1], open_number(cursor), pages.service.zone)
        found = await reading(pages.service, look)
        page = _page(pages.frame(request), asked, cursor, found, tuple(pages.service.advice))
        return pages.show(page, 422 if asked[1] is None else 200)

    @router.get("/audit/public-key.pem")
    async def key() -> Response:
        """The public key in use, as PEM."""
        keys = await reading(pages.service, _keys)
        if not keys:
            raise ProblemError(CONFLICT, NO_KEY)
        headers = {"content-disposition": 'attachment; filename="policy-service.pub.pem"', "cache-control": "no-store"}
        return Response(keys[-1].to_pem(), headers=headers, media_type="application/x-pem-file")


def _asked(request: Request) -> tuple[Filled, SignedFilters | None]:
    """The filters of an address as typed, and what they mean; None when something is wrong with them."""
    given = {name: (request.query_params.get(name, "").strip(),) for name in ("since", "until", "sort")}
    form = Form(given, {})
    found = checked(form, SignedFilters)
    return (form.filled(), found) if isinstance(found, SignedFilters) else (form.filled(found), None)


@dataclass(frozen=True, slots=True)
class _Found:
    """What was read: one page of the checkpoints and one more, every key, every copy."""

    page: list[SignedExtent]
    keys: tuple[PublicKey, ...]
    copies: tuple[Copied, ...]


@dataclass(frozen=True, slots=True)
class _Look:
    """Reads one page of the checkpoints, the keys and the copies."""

    filters: SignedFilters | None
    cursor: int | None
    zone: ZoneInfo

    def __call__(self, session: Session) -> _Found:
        keys, copies, filters = _keys(session), _copies(session), self.filters
        if filters is None:
            return _Found([], keys, copies)
        since, until = span(filters.since, filters.until, self.zone)
        oldest_first = filters.sort == OLDEST
        page = checkpoints(session, self.cursor, PAGE + 1, since=since, until=until, oldest_first=oldest_first)
        return _Found(page, keys, copies)


def _page(
    frame: Frame,
    asked: tuple[Filled, SignedFilters | None],
    cursor: str | None,
    found: _Found,
    advice: tuple[Sentence, ...],
) -> CheckpointsPage:
    form, filters = asked
    typed = {name: form.value(name) for name in ("since", "until")}
    more = close_cursor(str(found.page[PAGE - 1].extent.size)) if len(found.page) > PAGE else None
    listing = Listing("/audit/checkpoints", typed, COLUMNS, filters.sort if filters else NEWEST, cursor, more)
    shown = tuple(_shown(each, found.keys) for each in found.page[:PAGE])
    return CheckpointsPage(frame, listing, form, shown, found.keys, found.copies, advice)


def _copies(session: Session) -> tuple[Copied, ...]:
    rows = session.exec(select(CheckpointCopy).where(CheckpointCopy.count > 0).order_by(CheckpointCopy.location))
    return tuple(Copied(row.location, row.count, row.size, row.copied_at) for row in rows)


def _keys(session: Session) -> tuple[PublicKey, ...]:
    bodies: list[dict[str, Any]] = signing_keys(session)
    return tuple(public_key(body["public_key"]) for body in bodies)


def _shown(signed: SignedExtent, keys: Sequence[PublicKey]) -> Signed:
    number = next((number for number, key in enumerate(keys, 1) if key.id == signed.key), None)
    extent = signed.extent
    return Signed(extent.size, datetime.fromisoformat(signed.at), extent.root, extent.head, number)
