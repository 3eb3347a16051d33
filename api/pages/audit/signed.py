"""`/audit/checkpoints` and `/audit/public-key.pem`: what was signed when, and the key to verify signatures with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Literal
from zoneinfo import ZoneInfo

from fastapi import APIRouter
from sqlmodel import Session
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
    trail: Trail = TO_LOG


def add_signed(router: APIRouter, pages: Pages) -> None:
    """Adds the routes."""

    @router.get("/audit/checkpoints")
    async def listed(request: Request) -> Response:
        """The checkpoints that are wanted."""
        cursor, asked = request.query_params.get("cursor") or None, _asked(request)
        look = _Look(asked[1], open_number(cursor), pages.service.zone)
        found, keys = await reading(pages.service, look)
        page = _page(pages.frame(request), asked, cursor, found, keys)
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
class _Look:
    """Reads one page of the checkpoints, and the keys."""

    filters: SignedFilters | None
    cursor: int | None
    zone: ZoneInfo

    def __call__(self, session: Session) -> tuple[list[SignedExtent], tuple[PublicKey, ...]]:
        keys, filters = _keys(session), self.filters
        if filters is None:
            return [], keys
        since, until = span(filters.since, filters.until, self.zone)
        oldest_first = filters.sort == OLDEST
        return checkpoints(session, self.cursor, PAGE + 1, since=since, until=until, oldest_first=oldest_first), keys


def _page(
    frame: Frame,
    asked: tuple[Filled, SignedFilters | None],
    cursor: str | None,
    found: Sequence[SignedExtent],
    keys: tuple[PublicKey, ...],
) -> CheckpointsPage:
    form, filters = asked
    typed = {name: form.value(name) for name in ("since", "until")}
    more = close_cursor(str(found[PAGE - 1].extent.size)) if len(found) > PAGE else None
    listing = Listing("/audit/checkpoints", typed, COLUMNS, filters.sort if filters else NEWEST, cursor, more)
    return CheckpointsPage(frame, listing, form, tuple(_shown(each, keys) for each in found[:PAGE]), keys)


def _keys(session: Session) -> tuple[PublicKey, ...]:
    bodies: list[dict[str, Any]] = signing_keys(session)
    return tuple(public_key(body["public_key"]) for body in bodies)


def _shown(signed: SignedExtent, keys: Sequence[PublicKey]) -> Signed:
    number = next((number for number, key in enumerate(keys, 1) if key.id == signed.key), None)
    extent = signed.extent
    return Signed(extent.size, datetime.fromisoformat(signed.at), extent.root, extent.head, number)
