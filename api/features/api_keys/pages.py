"""`/api-keys`: the API keys, and the question whether one is to be revoked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

from sqlmodel import Session
from starlette.requests import Request

from api.kit.forms import FormState
from api.kit.frame import Page
from api.kit.listing import link
from api.kit.rendering import Pages
from api.kit.table import (
    Table,
    TableColumn,
    TableContext,
    TableFilter,
    TableQuery,
    table_context,
    table_page,
)
from api.web.transactions import run_read
from policy_service.actor import Role
from policy_service.identity.api_keys import SCOPES, ApiKey, ApiKeyStatus, api_keys
from policy_service.identity.queries import ApiKeyFilter, ApiKeySort, list_api_keys
from policy_service.identity.service import accounts
from policy_service.labels import enum_label
from policy_service.messages import Message
from policy_service.paging import Page as ListPage

NOTICES: Mapping[str, Message] = {
    "issued": Message(
        "The API key was issued, and its secret was shown once. If it is lost, revoke the key and issue another."
    ),
    "revoked": Message("The API key was revoked and no longer works."),
}
STATUS_NAMES: Sequence[tuple[ApiKeyStatus, Message]] = (
    ("open", Message("in use")),
    ("expiring", Message("ends within 30 days")),
    ("expired", Message("has ended")),
    ("revoked", Message("revoked")),
)
SCOPE_NAMES: Sequence[tuple[str, Message]] = tuple((role.value, enum_label(role)) for role in SCOPES)


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A key in the list."""

    key: ApiKey
    status: ApiKeyStatus
    issued_by: str
    revoke_address: str | None
    """Where to begin to revoke it; None when that is over."""

    @property
    def status_name(self) -> Message:
        """Its status in words."""
        return dict(STATUS_NAMES)[self.status]


@dataclass(frozen=True, slots=True)
class Revocation:
    """The form that revokes a key."""

    key: ApiKey | None
    """None when none is about to be revoked."""
    form: FormState


async def keys_page(pages: Pages, request: Request, form: FormState, key: str) -> Page:
    """The list with the form that revokes a key, and why it was not."""
    context = table_context(pages, request)

    def query(session: Session) -> Page:
        page = table_page(session, API_KEYS, context)
        return replace(page, extra=Revocation(_key_to_revoke(session, key), form))

    return await run_read(pages.service, query)


def _read_page(session: Session, context: TableContext, query: TableQuery) -> ListPage[KeyRow]:
    filters, now = query.filters, context.frame.now
    status = cast("ApiKeyStatus | None", filters["state"] or None)
    criteria = ApiKeyFilter(filters["q"], Role(filters["scope"]) if filters["scope"] else None, status)
    sort = cast("ApiKeySort", query.sort)
    page = list_api_keys(session, criteria, now, sort=sort, cursor=query.cursor, limit=query.limit)
    issuers = accounts(session, {key.issued_by for key in page.items})

    def row(key: ApiKey) -> KeyRow:
        issuer = issuers.get(key.issued_by)
        revoke_address = None if key.revoked_at else link("/api-keys", **filters, revoke=key.id)
        return KeyRow(key, key.status(now), issuer.printed_name if issuer else key.issued_by, revoke_address)

    return ListPage(tuple(map(row, page.items)), page.next_cursor)


def _read_revocation(session: Session, context: TableContext) -> Revocation:
    form = FormState(str(context.service.clock.new_id()))
    return Revocation(_key_to_revoke(session, context.params.get("revoke", "")), form)


def _key_to_revoke(session: Session, key: str) -> ApiKey | None:
    api_key = api_keys(session).get(key)
    return api_key if api_key is not None and api_key.revoked_at is None else None


API_KEYS: Table[KeyRow] = Table(
    path="/api-keys",
    title=Message("API keys"),
    about=Message(
        "API keys authenticate programs. A key can read and request decisions; it cannot draft, sign or manage "
        "accounts."
    ),
    columns=(
        TableColumn("name", Message("Name"), lambda each, _: each.key.name, is_sortable=True),
        TableColumn("scopes", Message("Scopes"), lambda each, _: sorted(each.key.scopes)),
        TableColumn("state", Message("State"), lambda each, _: each.status_name),
        TableColumn("issued", Message("Issued"), lambda each, _: each.key.issued_at, is_sortable=True),
        TableColumn("by", Message("By"), lambda each, _: each.issued_by, is_export_only=True),
        TableColumn("used", Message("Last used"), lambda each, _: each.key.used_at, is_sortable=True),
        TableColumn("expires", Message("Ends"), lambda each, _: each.key.expires_at, is_sortable=True),
        TableColumn("acts", Message("Revoked"), lambda each, _: each.key.revoked_at),
        TableColumn("id", Message("Identifier"), lambda each, _: each.key.id, is_export_only=True),
    ),
    filters=(
        TableFilter("q", Message("Name contains")),
        TableFilter("scope", Message("Scope"), "choice", SCOPE_NAMES),
        TableFilter("state", Message("State"), "choice", STATUS_NAMES),
    ),
    sort="-issued",
    read=_read_page,
    row_id=lambda each: each.key.id,
    cells="api_keys/_cells.html",
    empty=(Message("There is no API key yet."), Message("A program that requests decisions needs one.")),
    no_match=Message("No matching API keys."),
    read_extra=_read_revocation,
    notices=NOTICES,
)
