"""`/api-keys`: what machines come in with. A key's secret is on the page that answers to its issuing, and nowhere else.

It is neither in an address, nor in what is kept so that a form has one effect: the same form again leads to the list.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, ClassVar

from fastapi import APIRouter
from pydantic import Field, NaiveDatetime
from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import Response

from api.auth.authentication import principal_of
from api.features.session.passwords import field_errors
from api.kit.forms import FieldErrors, Form, FormModel, FormState, read_form, validate_form
from api.kit.frame import Frame, Page
from api.kit.listing import Column, Listing, link
from api.kit.rendering import Command, Pages
from api.kit.vocabulary import enum_label
from api.web.cursors import decode_number_cursor, encode_cursor
from api.web.transactions import run_read
from policy_service.actor import Role
from policy_service.database import Transaction
from policy_service.identity.api_keys import (
    MAX_LIFETIME,
    SCOPES,
    ApiKey,
    IssuedKey,
    api_key_errors,
    api_keys,
    issue_key,
    revoke_key,
)
from policy_service.identity.service import accounts
from policy_service.messages import Message

PAGE = 50
"""Keys on a page."""
EXPIRING_WITHIN = timedelta(days=30)
"""A key that ends within so long wants another one in its place."""
DEFAULT_LIFETIME = timedelta(days=365)
"""How long a key is to last, unless something else is asked for."""
NOTICES: Mapping[str, Message] = {
    "issued": Message(
        "The API key was issued, and its secret was shown once. If it is lost, revoke the key and issue another."
    ),
    "revoked": Message("The API key was revoked: it opens nothing any more."),
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


class NewKeyForm(FormModel):
    """What a key is issued for."""

    name: Annotated[str, Field(max_length=100)]
    scopes: tuple[Role, ...] = ()
    expires_at: NaiveDatetime


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


@dataclass(frozen=True, slots=True)
class NewKeyPage:
    """The form of a new key."""

    template: ClassVar[str] = "api_keys/new_api_key.html"
    frame: Frame
    form: FormState
    scopes: Sequence[tuple[str, Message]]
    zone: str
    latest: datetime


@dataclass(frozen=True, slots=True)
class IssuedKeyPage:
    """A key that was just issued, with its secret, this once."""

    template: ClassVar[str] = "api_keys/issued.html"
    frame: Frame
    key: ApiKey
    secret: str


def key_routes(pages: Pages) -> APIRouter:
    """The routes."""
    router = APIRouter(include_in_schema=False)

    @router.get("/api-keys")
    async def list_keys(request: Request) -> Response:
        """The keys."""
        return pages.render(await _list_page(pages, request, pages.new_form(), request.query_params.get("revoke")))

    @router.get("/api-keys/new")
    async def new_key(request: Request) -> Response:
        """The form of a new key."""
        local = (pages.service.clock.now() + DEFAULT_LIFETIME).astimezone(pages.service.zone)
        form = pages.new_form(expires_at=f"{local:%Y-%m-%dT%H:%M}")
        return pages.render(await _new_page(pages, request, form))

    @router.post("/api-keys")
    async def issue(request: Request) -> Response:
        """Issues a key, and shows its secret this once."""
        form = await read_form(request)
        values = validate_form(form, NewKeyForm)
        errors = values if not isinstance(values, NewKeyForm) else _new_key_errors(pages, values)
        if not isinstance(values, NewKeyForm) or errors:
            return pages.render(await _new_page(pages, request, form.bind(errors)), 422)
        return await _issue(pages, request, form, values)

    @router.post("/api-keys/{key}/revoke")
    async def revoke(request: Request, key: str) -> Response:
        """Takes a key back."""
        form, actor = await read_form(request), principal_of(request).actor

        async def prepare() -> Command:
            return lambda transaction: _revoked_address(revoke_key(transaction, actor, key))

        return await pages.execute(
            request, form, prepare, lambda form_state: _list_page(pages, request, form_state, key)
        )

    return router


def _revoked_address(key: ApiKey) -> str:
    return link("/api-keys", words=key.name, done="revoked")


async def _issue(pages: Pages, request: Request, form: Form, values: NewKeyForm) -> Response:
    """Issues a key; the secret goes from the transaction to the page, past all that is kept."""
    actor, issued = principal_of(request).actor, list[IssuedKey]()
    expires_at = values.expires_at.replace(tzinfo=pages.service.zone)

    async def prepare() -> Command:
        def command(transaction: Transaction) -> str:
            key = issue_key(transaction, actor, name=values.name, scopes=values.scopes, expires_at=expires_at)
            issued.append(key)
            return link("/api-keys", done="issued")

        return command

    response = await pages.execute(request, form, prepare, lambda form_state: _new_page(pages, request, form_state))
    if not issued or "location" not in response.headers:
        return response
    return pages.render(IssuedKeyPage(pages.frame(request), issued[0].key, issued[0].text), 201)


def _new_key_errors(pages: Pages, values: NewKeyForm) -> FieldErrors:
    expires_at = values.expires_at.replace(tzinfo=pages.service.zone)
    return field_errors(api_key_errors(values.name, frozenset(values.scopes), expires_at, pages.service.clock.now()))


async def _new_page(pages: Pages, request: Request, form: FormState) -> Page:
    zone = pages.service.zone
    return NewKeyPage(pages.frame(request), form, SCOPE_NAMES, zone.key, pages.service.clock.now() + MAX_LIFETIME)


async def _list_page(pages: Pages, request: Request, form: FormState, key_to_revoke: str | None) -> KeysPage:
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
    """Whether a key is one of those that the filters leave; one that ends soon is in use as well."""
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
