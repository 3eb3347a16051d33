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

from api.features.audit.breadcrumbs import LOG_BREADCRUMBS, Breadcrumbs
from api.features.audit.filters import instants_between
from api.kit.forms import Day, Form, FormModel, FormState, validate_form
from api.kit.frame import Frame
from api.kit.listing import Column, Listing
from api.kit.rendering import Pages
from api.web.cursors import decode_number_cursor, encode_cursor
from api.web.problems import CONFLICT, ProblemError
from api.web.transactions import run_read
from policy_service.audit.checkpoints import SignedExtent
from policy_service.audit.keys import PublicKey, public_key
from policy_service.audit.service import checkpoints, signing_keys
from policy_service.audit.tables import CheckpointCopy
from policy_service.messages import Message

PAGE = 50
COLUMNS = (
    Column("size", Message("Entries"), is_sortable=True),
    Column("at", Message("Signed")),
    Column("root", Message("Root of the tree")),
    Column("head", Message("Digest of the last entry")),
    Column("key", Message("Key")),
)
NO_KEY = Message("the log has no signing key: run `policy-service init`")


NEWEST, OLDEST = "-size", "size"


class CheckpointFilters(FormModel):
    """Between which days it was signed, and in which order; what is left out does not matter."""

    since: Day | None = None
    until: Day | None = None
    sort: Literal["size", "-size"] = "-size"


@dataclass(frozen=True, slots=True)
class CheckpointView:
    """One checkpoint."""

    size: int
    at: datetime
    root: str
    head: str
    key: int | None
    """The number of the key, from 1; None when the log names no such key."""


@dataclass(frozen=True, slots=True)
class CopyView:
    """A place that checkpoints are copied to, as the database remembers it."""

    location: str
    count: int
    size: int
    """Entries that the newest covers."""
    at: datetime


@dataclass(frozen=True, slots=True)
class CheckpointsPage:
    """The checkpoints, and the keys that signed them."""

    template: ClassVar[str] = "audit/checkpoints.html"
    frame: Frame
    listing: Listing
    form: FormState
    """The days, as typed."""
    checkpoints: tuple[CheckpointView, ...]
    keys: tuple[PublicKey, ...]
    """In the order in which they were taken into use; the last one is in use."""
    copies: tuple[CopyView, ...]
    advice: tuple[Message, ...]
    """What lies beside the database and had better lie elsewhere."""
    breadcrumbs: Breadcrumbs = LOG_BREADCRUMBS


def add_checkpoints(router: APIRouter, pages: Pages) -> None:
    """Adds the routes."""

    @router.get("/audit/checkpoints")
    async def list_checkpoints(request: Request) -> Response:
        """The checkpoints that are wanted."""
        cursor, filters = request.query_params.get("cursor") or None, _read_filters(request)
        query = _CheckpointQuery(filters[1], decode_number_cursor(cursor), pages.service.zone)
        data = await run_read(pages.service, query)
        page = _page(pages.frame(request), filters, cursor, data, tuple(pages.service.advice))
        return pages.render(page, 422 if filters[1] is None else 200)

    @router.get("/audit/public-key.pem")
    async def key() -> Response:
        """The public key in use, as PEM."""
        keys = await run_read(pages.service, _keys)
        if not keys:
            raise ProblemError(CONFLICT, NO_KEY)
        headers = {"content-disposition": 'attachment; filename="policy-service.pub.pem"', "cache-control": "no-store"}
        return Response(keys[-1].to_pem(), headers=headers, media_type="application/x-pem-file")


def _read_filters(request: Request) -> tuple[FormState, CheckpointFilters | None]:
    """The filters of an address as typed, and what they mean; None when something is wrong with them."""
    texts = {name: (request.query_params.get(name, "").strip(),) for name in ("since", "until", "sort")}
    form = Form(texts, {})
    values = validate_form(form, CheckpointFilters)
    return (form.bind(), values) if isinstance(values, CheckpointFilters) else (form.bind(values), None)


@dataclass(frozen=True, slots=True)
class _CheckpointData:
    """The rows read: one page of the checkpoints and one more, every key, every copy."""

    page: list[SignedExtent]
    keys: tuple[PublicKey, ...]
    copies: tuple[CopyView, ...]


@dataclass(frozen=True, slots=True)
class _CheckpointQuery:
    """Reads one page of the checkpoints, the keys and the copies."""

    filters: CheckpointFilters | None
    cursor: int | None
    zone: ZoneInfo

    def __call__(self, session: Session) -> _CheckpointData:
        keys, copies, filters = _keys(session), _copies(session), self.filters
        if filters is None:
            return _CheckpointData([], keys, copies)
        since, until = instants_between(filters.since, filters.until, self.zone)
        oldest_first = filters.sort == OLDEST
        page = checkpoints(session, self.cursor, PAGE + 1, since=since, until=until, oldest_first=oldest_first)
        return _CheckpointData(page, keys, copies)


def _page(
    frame: Frame,
    query: tuple[FormState, CheckpointFilters | None],
    cursor: str | None,
    data: _CheckpointData,
    advice: tuple[Message, ...],
) -> CheckpointsPage:
    form, filters = query
    texts = {name: form.value(name) for name in ("since", "until")}
    next_cursor = encode_cursor(str(data.page[PAGE - 1].extent.size)) if len(data.page) > PAGE else None
    listing = Listing("/audit/checkpoints", texts, COLUMNS, filters.sort if filters else NEWEST, cursor, next_cursor)
    views = tuple(_checkpoint_view(each, data.keys) for each in data.page[:PAGE])
    return CheckpointsPage(frame, listing, form, views, data.keys, data.copies, advice)


def _copies(session: Session) -> tuple[CopyView, ...]:
    rows = session.exec(select(CheckpointCopy).where(CheckpointCopy.count > 0).order_by(CheckpointCopy.location))
    return tuple(CopyView(row.location, row.count, row.size, row.copied_at) for row in rows)


def _keys(session: Session) -> tuple[PublicKey, ...]:
    bodies: list[dict[str, Any]] = signing_keys(session)
    return tuple(public_key(body["public_key"]) for body in bodies)


def _checkpoint_view(checkpoint: SignedExtent, keys: Sequence[PublicKey]) -> CheckpointView:
    number = next((number for number, key in enumerate(keys, 1) if key.id == checkpoint.key), None)
    extent = checkpoint.extent
    return CheckpointView(extent.size, datetime.fromisoformat(checkpoint.at), extent.root, extent.head, number)
