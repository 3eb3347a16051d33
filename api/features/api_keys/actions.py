"""`/api-keys/new`, `POST /api-keys`, `POST /api-keys/{key}/revoke`: an API key is issued, or revoked.

The secret of a key is on the page that answers to its issuing, and nowhere else: it is neither in an address nor in
what is stored so that a form has one effect. The same form again leads to the list.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, ClassVar

from pydantic import Field, NaiveDatetime
from starlette.requests import Request
from starlette.responses import Response

from api.features.api_keys.pages import SCOPE_NAMES, keys_page
from api.kit.form_action import EmptyForm, FormAction, FormRequest
from api.kit.form_fields import FormField, Widget, form_fields
from api.kit.forms import FieldErrors, FormModel, FormState
from api.kit.frame import Frame, Page
from api.kit.listing import link
from api.kit.page_route import PageRoute
from api.kit.passwords import field_errors
from api.kit.rendering import Pages
from policy_service.actor import Role
from policy_service.database import Transaction
from policy_service.identity.api_keys import (
    MAX_LIFETIME,
    MAX_NAME,
    ApiKey,
    IssuedKey,
    api_key_errors,
    issue_key,
    revoke_key,
)
from policy_service.messages import Message

DEFAULT_LIFETIME = timedelta(days=365)
"""How long a key lasts unless the form says otherwise."""


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


async def new_key_page(pages: Pages, request: Request, form: FormState) -> Page:
    """The form of a new key."""
    zone = pages.service.zone
    return NewKeyPage(pages.frame(request), form, SCOPE_NAMES, zone.key, pages.service.clock.now() + MAX_LIFETIME)


async def _first_page(pages: Pages, request: Request) -> Page:
    local = (pages.service.clock.now() + DEFAULT_LIFETIME).astimezone(pages.service.zone)
    return await new_key_page(pages, request, pages.new_form(expires_at=f"{local:%Y-%m-%dT%H:%M}"))


async def _revocation_page(pages: Pages, request: Request, key: str, form: FormState) -> Page:
    return await keys_page(pages, request, form, key)


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
    return form.pages.render(IssuedKeyPage(form.pages.frame(form.request), issued.key, issued.text), 201)


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
    page=_revocation_page,
    command=lambda transaction, form: revoke_key(transaction, form.actor, form.path["key"]),
    done=lambda _, key: link("/api-keys", q=key.name, done="revoked"),
)
ROUTES = (ISSUE, REVOKE, PageRoute("/api-keys/new", _first_page))
