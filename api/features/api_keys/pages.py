"""`/api-keys`: the API keys, and the question whether one is to be revoked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar

from fastapi import APIRouter
from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import Response

from api.kit.forms import FormState
from api.kit.frame import Frame
from api.kit.listing import Column, Listing, link
from api.kit.rendering import Pages
from api.kit.vocabulary import enum_label
from api.web.cursors import decode_number_cursor, encode_cursor
from api.web.transactions import run_read
from policy_service.identity.api_keys import (
    SCOPES,
    ApiKey,
    api_keys,
)
from policy_service.identity.service import accounts
from policy_service.messages import Message

PAGE = 50
"""Keys on a page."""
EXPIRING_WITHIN = timedelta(days=30)
"""A key that ends within so long wants another one in its place."""
NOTICES: Mapping[str, Message] = {
    "issued": Message(
        "The API key was issued, and its secret was shown once. If it is lost, revoke the key and issue another."
    ),
    "revoked": Message("The API key was revoked and no longer works."),
}
STATES: Sequence[tuple[str, Message]] = (
    ("open", Message("in use")),
    ("expiring", Message("ends within 30 days")),
    ("expired", Message("has ended")),
    ("revoked", Message("revoked")),
)
SCOPE_NAMES: Sequence[tuple[str, Message]] = tuple((role.value, enum_label(role)) for role in SCOPES)
COLUMNS = (
    Column("name", Message("Name"), is_sortable=True),
    Column("scopes", Message("Scopes")),
    Column("state", Message("State")),
    Column("issued", Message("Issued"), is_sortable=True),
    Column("used", Message("Last used"), is_sortable=True),
    Column("expires", Message("Ends"), is_sortable=True),
    Column("acts", Message("Actions")),
)
ORDERS: Mapping[str, Callable[[ApiKey], Any]] = {
    "name": lambda key: (key.name.casefold(), key.id),
    "issued": lambda key: (key.issued_at, key.id),
    "used": lambda key: (key.used_at is not None, key.used_at or key.issued_at, key.id),
    "expires": lambda key: (key.expires_at, key.id),
}


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A key in the list."""

    key: ApiKey
    state: str
    issued_by: str
    revoke_address: str | None
    """Where to begin to revoke it; None when that is over."""


@dataclass(frozen=True, slots=True)
class KeysPage:
    """The keys that are wanted; one may be about to be revoked."""

    template: ClassVar[str] = "api_keys/api_keys.html"
    frame: Frame
    listing: Listing
    rows: tuple[KeyRow, ...]
    matching_count: int
    total_count: int
    states: Sequence[tuple[str, Message]]
    state_names: Mapping[str, Message]
    scopes: Sequence[tuple[str, Message]]
    key_to_revoke: ApiKey | None
    form: FormState


def key_routes(pages: Pages) -> APIRouter:
    """The routes."""
    router = APIRouter(include_in_schema=False)

    @router.get("/api-keys")
    async def list_keys(request: Request) -> Response:
        """The keys."""
        return pages.render(await keys_page(pages, request, pages.new_form(), request.query_params.get("revoke")))

    return router


async def keys_page(pages: Pages, request: Request, form: FormState, key_to_revoke: str | None) -> KeysPage:
    """The keys that the address asks for, and the form that revokes one."""

    def query(session: Session) -> tuple[dict[str, ApiKey], dict[str, str]]:
        return api_keys(session), {each.id: each.printed_name for each in accounts(session).values()}

    keys, names = await run_read(pages.service, query)
    params, now = request.query_params, pages.service.clock.now()
    filters = {name: params.get(name, "")[:100] for name in ("words", "scope", "state")}
    sort = params.get("sort", "")
    sort = sort if sort.removeprefix("-") in ORDERS else "-issued"
    matching = [key for key in keys.values() if _matches(key, filters, now)]
    matching.sort(key=ORDERS[sort.removeprefix("-")], reverse=sort.startswith("-"))
    cursor = params.get("cursor")
    first = decode_number_cursor(cursor) or 0
    next_cursor = encode_cursor(str(first + PAGE)) if len(matching) > first + PAGE else None
    selected = keys.get(key_to_revoke or "")
    return KeysPage(
        frame=pages.frame(request, NOTICES.get(params.get("done", ""))),
        listing=Listing("/api-keys", filters, COLUMNS, sort, cursor, next_cursor),
        rows=tuple(_row(key, names, filters, now) for key in matching[first : first + PAGE]),
        matching_count=len(matching),
        total_count=len(keys),
        states=STATES,
        state_names=dict(STATES),
        scopes=SCOPE_NAMES,
        key_to_revoke=selected if selected is not None and selected.revoked_at is None else None,
        form=form,
    )


def _row(key: ApiKey, names: Mapping[str, str], filters: Mapping[str, str], now: datetime) -> KeyRow:
    revoke_address = None if key.revoked_at else link("/api-keys", **filters, revoke=key.id)
    return KeyRow(key, _state(key, now), names.get(key.issued_by, key.issued_by), revoke_address)


def _state(key: ApiKey, now: datetime) -> str:
    if key.revoked_at is not None:
        return "revoked"
    if now >= key.expires_at:
        return "expired"
    return "expiring" if now >= key.expires_at - EXPIRING_WITHIN else "open"


def _matches(key: ApiKey, filters: Mapping[str, str], now: datetime) -> bool:
    """Return True if a key is one of those that the filters leave; one that ends soon is in use as well."""
    text, scope, wanted_state = filters["words"].casefold(), filters["scope"], filters["state"]
    state = _state(key, now)
    return (
        text in key.name.casefold()
        and (not scope or scope in key.scopes)
        and (
            wanted_state not in dict(STATES)
            or wanted_state == state
            or (wanted_state == "open" and state == "expiring")
        )
    )
