"""`/api-keys`, `/api-keys/new`: the list of API keys, and the forms that issue and revoke one.

The secret of a key only appears on the response page of the form: it is neither in an address nor in the stored
response for the form key. Resubmitting the form leads to the list.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Annotated, ClassVar, cast

from pydantic import Field, NaiveDatetime
from sqlmodel import Session
from starlette.responses import Response

from api.kit.context import PageContext
from api.kit.form_action import EmptyForm, FormAction, FormRequest
from api.kit.form_fields import FormField, Widget, form_fields
from api.kit.forms import FieldErrors, FormModel, FormState
from api.kit.frame import Page
from api.kit.listing import link
from api.kit.page_route import PageRoute
from api.kit.passwords import field_errors
from api.kit.table import Table, TableColumn, TableFilter, TableQuery, table_page
from policy_service.actor import Role
from policy_service.database import Transaction
from policy_service.identity.api_keys import (
    MAX_LIFETIME,
    MAX_NAME,
    SCOPES,
    ApiKey,
    ApiKeyStatus,
    IssuedKey,
    api_key_errors,
    api_keys,
    issue_key,
    revoke_key,
)
from policy_service.identity.queries import ApiKeyFilter, list_api_keys
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
    """The address of the form that revokes it; None if it is no longer valid."""

    @property
    def status_name(self) -> Message:
        """Its status in words."""
        return dict(STATUS_NAMES)[self.status]


@dataclass(frozen=True, slots=True)
class Revocation:
    """The form that revokes a key."""

    key: ApiKey | None
    """The key to be revoked; None if none is selected."""
    form: FormState


def keys_page(session: Session, context: PageContext, key: str, form: FormState) -> Page:
    """Return the list with the form that revokes a key, and its errors."""
    page = table_page(API_KEYS, session, context)
    return replace(page, extra=Revocation(_key_to_revoke(session, key), form))


def _read_page(session: Session, context: PageContext, query: TableQuery) -> ListPage[KeyRow]:
    filters, now = query.filters, context.frame.now
    status = cast("ApiKeyStatus | None", filters["state"] or None)
    criteria = ApiKeyFilter(filters["q"], Role(filters["scope"]) if filters["scope"] else None, status)
    page = list_api_keys(session, criteria, now, **query.paging)
    issuers = accounts(session, {key.issued_by for key in page.items})

    def row(key: ApiKey) -> KeyRow:
        issuer = issuers.get(key.issued_by)
        revoke_address = None if key.revoked_at else link("/api-keys", **filters, revoke=key.id)
        return KeyRow(key, key.status(now), issuer.printed_name if issuer else key.issued_by, revoke_address)

    return ListPage(tuple(map(row, page.items)), page.next_cursor)


def _read_revocation(session: Session, context: PageContext) -> Revocation:
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


DEFAULT_LIFETIME = timedelta(days=365)
"""The default lifetime of a key."""


class NewKeyForm(FormModel):
    """The fields of a new API key."""

    name: Annotated[
        str,
        Widget(
            "text",
            Message("Program that uses it"),
            Message("What uses it and where; audit entries show this name."),
        ),
        Field(max_length=MAX_NAME),
    ]
    scopes: Annotated[
        tuple[Role, ...],
        Widget(
            "checks",
            Message("Permissions"),
            Message("“integration” can request and read decisions; “compliance” can read what compliance reads."),
        ),
    ] = ()
    expires_at: Annotated[NaiveDatetime, Widget("datetime-local", Message("Ends"))]


@dataclass(frozen=True, slots=True)
class NewKeyPage:
    """The form of a new key."""

    template: ClassVar[str] = "api_keys/new_api_key.html"
    fields: ClassVar[tuple[FormField, ...]] = form_fields(NewKeyForm)
    form: FormState
    scopes: Sequence[tuple[str, Message]]
    zone: str
    latest: datetime


@dataclass(frozen=True, slots=True)
class IssuedKeyPage:
    """A new key with its secret, shown once."""

    template: ClassVar[str] = "api_keys/issued.html"
    key: ApiKey
    secret: str


async def new_key_page(context: PageContext, form: FormState) -> Page:
    """Return the form of a new key."""
    zone, now = context.service.zone, context.service.clock.now()
    return NewKeyPage(form, SCOPE_NAMES, zone.key, now + MAX_LIFETIME)


async def _first_page(context: PageContext) -> Page:
    local = (context.service.clock.now() + DEFAULT_LIFETIME).astimezone(context.service.zone)
    return await new_key_page(context, context.new_form(expires_at=f"{local:%Y-%m-%dT%H:%M}"))


def _expires_at(form: FormRequest[NewKeyForm]) -> datetime:
    return form.values.expires_at.replace(tzinfo=form.service.zone)


async def _validate(form: FormRequest[NewKeyForm]) -> FieldErrors:
    scopes, now = frozenset(form.values.scopes), form.service.clock.now()
    return field_errors(api_key_errors(form.values.name, scopes, _expires_at(form), now))


def _issue(transaction: Transaction, form: FormRequest[NewKeyForm]) -> IssuedKey:
    return issue_key(
        transaction, form.actor, name=form.values.name, scopes=form.values.scopes, expires_at=_expires_at(form)
    )


def _show_secret(form: FormRequest[NewKeyForm], response: Response, issued: IssuedKey | None) -> Response:
    if issued is None:
        return response
    form.context.status = HTTPStatus.CREATED
    return form.context.render(IssuedKeyPage(issued.key, issued.text))


ISSUE = FormAction(
    "/api-keys",
    NewKeyForm,
    page=new_key_page,
    command=_issue,
    done=lambda *_: link("/api-keys", done="issued"),
    validate=_validate,
    answer=_show_secret,
)
REVOKE = FormAction(
    "/api-keys/{key}/revoke",
    EmptyForm,
    page=keys_page,
    command=lambda transaction, form: revoke_key(transaction, form.actor, form.path["key"]),
    done=lambda _, key: link("/api-keys", q=key.name, done="revoked"),
)
ROUTES = (ISSUE, REVOKE, PageRoute("/api-keys/new", _first_page))
