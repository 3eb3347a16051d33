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

from api.authentication import asker
from api.cursors import close_cursor, open_number
from api.pages.entrance.passwords import beside
from api.pages.forms import Faults, Filled, Form, FormModel, checked, read_form
from api.pages.frame import Frame, Page
from api.pages.listing import Column, Listing, link
from api.pages.rendering import Do, Pages
from api.pages.vocabulary import name_of
from api.transactions import reading
from policy_service.actor import Role
from policy_service.database import Transaction
from policy_service.identity.api_keys import LONGEST, SCOPES, ApiKey, Issued, api_keys, faults_of, issue_key, revoke_key
from policy_service.identity.service import accounts
from policy_service.sentences import Sentence

PAGE = 50
"""Keys on a page."""
SOON = timedelta(days=30)
"""A key that ends within so long wants another one in its place."""
USUAL = timedelta(days=365)
"""How long a key is to last, unless something else is asked for."""
NOTICES: Mapping[str, Sentence] = {
    "issued": Sentence(
        "The API key was issued, and its secret was shown once. If it is lost, revoke the key and issue another."
    ),
    "revoked": Sentence("The API key was revoked: it opens nothing any more."),
}
STATES: Sequence[tuple[str, Sentence]] = (
    ("open", Sentence("in use")),
    ("expiring", Sentence("ends within 30 days")),
    ("expired", Sentence("has ended")),
    ("revoked", Sentence("revoked")),
)
SCOPE_NAMES: Sequence[tuple[str, Sentence]] = tuple((role.value, name_of(role)) for role in SCOPES)
COLUMNS = (
    Column("name", Sentence("Name"), sorts=True),
    Column("scopes", Sentence("Scopes")),
    Column("state", Sentence("State")),
    Column("issued", Sentence("Issued"), sorts=True),
    Column("used", Sentence("Last used"), sorts=True),
    Column("expires", Sentence("Ends"), sorts=True),
    Column("acts", Sentence("Actions")),
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
class Line:
    """A key in the list."""

    key: ApiKey
    state: str
    issued_by: str
    revoke: str | None
    """Where to begin to revoke it; None when that is over."""


@dataclass(frozen=True, slots=True)
class KeysPage:
    """The keys that are wanted; one may be about to be revoked."""

    template: ClassVar[str] = "administration/api_keys.html"
    frame: Frame
    listing: Listing
    lines: tuple[Line, ...]
    matching: int
    all: int
    states: Sequence[tuple[str, Sentence]]
    names: Mapping[str, Sentence]
    scopes: Sequence[tuple[str, Sentence]]
    revoking: ApiKey | None
    form: Filled


@dataclass(frozen=True, slots=True)
class NewKeyPage:
    """The form of a new key."""

    template: ClassVar[str] = "administration/new_api_key.html"
    frame: Frame
    form: Filled
    scopes: Sequence[tuple[str, Sentence]]
    zone: str
    latest: datetime


@dataclass(frozen=True, slots=True)
class IssuedPage:
    """A key that was just issued, with its secret, this once."""

    template: ClassVar[str] = "administration/issued.html"
    frame: Frame
    key: ApiKey
    text: str


def key_routes(pages: Pages) -> APIRouter:
    """The routes."""
    router = APIRouter(include_in_schema=False)

    @router.get("/api-keys")
    async def list_keys(request: Request) -> Response:
        """The keys."""
        return pages.show(await _list_page(pages, request, pages.new_form(), request.query_params.get("revoke")))

    @router.get("/api-keys/new")
    async def new_key(request: Request) -> Response:
        """The form of a new key."""
        local = (pages.service.clock.now() + USUAL).astimezone(pages.service.zone)
        form = pages.new_form(expires_at=f"{local:%Y-%m-%dT%H:%M}")
        return pages.show(await _new_page(pages, request, form))

    @router.post("/api-keys")
    async def issue(request: Request) -> Response:
        """Issues a key, and shows its secret this once."""
        form = await read_form(request)
        given = checked(form, NewKeyForm)
        faults = given if not isinstance(given, NewKeyForm) else _faults(pages, given)
        if not isinstance(given, NewKeyForm) or faults:
            return pages.show(await _new_page(pages, request, form.filled(faults)), 422)
        return await _issue(pages, request, form, given)

    @router.post("/api-keys/{key}/revoke")
    async def revoke(request: Request, key: str) -> Response:
        """Takes a key back."""
        form, actor = await read_form(request), asker(request).actor

        async def prepare() -> Do:
            return lambda transaction: _revoked(revoke_key(transaction, actor, key))

        return await pages.attempt(request, form, prepare, lambda filled: _list_page(pages, request, filled, key))

    return router


def _revoked(key: ApiKey) -> str:
    return link("/api-keys", words=key.name, done="revoked")


async def _issue(pages: Pages, request: Request, form: Form, given: NewKeyForm) -> Response:
    """Issues a key; the secret goes from the transaction to the page, past all that is kept."""
    actor, fresh = asker(request).actor, list[Issued]()
    expires_at = given.expires_at.replace(tzinfo=pages.service.zone)

    async def prepare() -> Do:
        def do(transaction: Transaction) -> str:
            issued = issue_key(transaction, actor, name=given.name, scopes=given.scopes, expires_at=expires_at)
            fresh.append(issued)
            return link("/api-keys", done="issued")

        return do

    answer = await pages.attempt(request, form, prepare, lambda filled: _new_page(pages, request, filled))
    if not fresh or "location" not in answer.headers:
        return answer
    return pages.show(IssuedPage(pages.frame(request), fresh[0].key, fresh[0].text), 201)


def _faults(pages: Pages, given: NewKeyForm) -> Faults:
    expires_at = given.expires_at.replace(tzinfo=pages.service.zone)
    return beside(faults_of(given.name, frozenset(given.scopes), expires_at, pages.service.clock.now()))


async def _new_page(pages: Pages, request: Request, form: Filled) -> Page:
    zone = pages.service.zone
    return NewKeyPage(pages.frame(request), form, SCOPE_NAMES, zone.key, pages.service.clock.now() + LONGEST)


async def _list_page(pages: Pages, request: Request, form: Filled, revoking: str | None) -> KeysPage:
    def look(session: Session) -> tuple[dict[str, ApiKey], dict[str, str]]:
        return api_keys(session), {each.id: each.printed_name for each in accounts(session).values()}

    keys, names = await reading(pages.service, look)
    said, now = request.query_params, pages.service.clock.now()
    filters = {name: said.get(name, "")[:100] for name in ("words", "scope", "state")}
    sort = said.get("sort", "")
    sort = sort if sort.removeprefix("-") in ORDERS else "-issued"
    found = [key for key in keys.values() if _wanted(key, filters, now)]
    found.sort(key=ORDERS[sort.removeprefix("-")], reverse=sort.startswith("-"))
    cursor = said.get("cursor")
    first = open_number(cursor) or 0
    more = close_cursor(str(first + PAGE)) if len(found) > first + PAGE else None
    chosen = keys.get(revoking or "")
    return KeysPage(
        frame=pages.frame(request, NOTICES.get(said.get("done", ""))),
        listing=Listing("/api-keys", filters, COLUMNS, sort, cursor, more),
        lines=tuple(_line(key, names, filters, now) for key in found[first : first + PAGE]),
        matching=len(found),
        all=len(keys),
        states=STATES,
        names=dict(STATES),
        scopes=SCOPE_NAMES,
        revoking=chosen if chosen is not None and chosen.revoked_at is None else None,
        form=form,
    )


def _line(key: ApiKey, names: Mapping[str, str], filters: Mapping[str, str], now: datetime) -> Line:
    revoke = None if key.revoked_at else link("/api-keys", **filters, revoke=key.id)
    return Line(key, _state(key, now), names.get(key.issued_by, key.issued_by), revoke)


def _state(key: ApiKey, now: datetime) -> str:
    if key.revoked_at is not None:
        return "revoked"
    if now >= key.expires_at:
        return "expired"
    return "expiring" if now >= key.expires_at - SOON else "open"


def _wanted(key: ApiKey, filters: Mapping[str, str], now: datetime) -> bool:
    """Whether a key is one of those that the filters leave; one that ends soon is in use as well."""
    words, scope, wanted = filters["words"].casefold(), filters["scope"], filters["state"]
    state = _state(key, now)
    return (
        words in key.name.casefold()
        and (not scope or scope in key.scopes)
        and (wanted not in dict(STATES) or wanted == state or (wanted == "open" and state == "expiring"))
    )
