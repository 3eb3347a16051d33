"""`POST /accounts/{account}/…`: what is done to an account, in the state in which it was shown."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from sqlmodel import Session
from starlette.requests import Request

from api.auth.confirmation import hash_password
from api.features.accounts.account import FORMS, LinkForm, RolesForm, account_page
from api.kit.form_action import FormAction, FormRequest
from api.kit.forms import FieldErrors, FormState
from api.kit.frame import Page
from api.kit.listing import quote_segment
from api.kit.page_route import PageRoute
from api.kit.passwords import NewPasswordForm, field_errors
from api.kit.rendering import Pages
from api.web.transactions import run_read
from policy_service.database import Transaction
from policy_service.identity import second_factor
from policy_service.identity import service as identity
from policy_service.identity.account import ExternalIdentity, roles_error

AccountCommand = Callable[[Transaction, Any, str], object]
"""Changes the account with an identifier, by a form."""


async def _validate_roles(form: FormRequest[RolesForm]) -> FieldErrors:
    error = roles_error(frozenset(form.values.roles))
    return field_errors([error]) if error is not None else {}


async def _validate_password(form: FormRequest[NewPasswordForm]) -> FieldErrors:
    service, account = form.service, form.path["account"]
    owner = await run_read(service, lambda session: identity.read_account(session, account))
    return form.values.errors(owner.name, owner.printed_name, *service.settings.words)


async def _hash_password(form: FormRequest[NewPasswordForm]) -> str:
    return await hash_password(form.values.new.get_secret_value())


def _link(transaction: Transaction, form: FormRequest[LinkForm], account: str) -> None:
    external = ExternalIdentity(form.values.issuer.rstrip("/"), form.values.subject)
    identity.link(transaction, form.actor, account, external)


def _etag(session: Session, form: FormRequest[Any]) -> str:
    return identity.read_account(session, form.path["account"]).etag


def _action(
    name: str,
    command: AccountCommand,
    *,
    validate: Callable[[FormRequest[Any]], Awaitable[FieldErrors]] | None = None,
    prepare: Callable[[FormRequest[Any]], Awaitable[Any]] | None = None,
    confirm: bool = False,
) -> FormAction[Any]:
    async def page(pages: Pages, request: Request, account: str, form_state: FormState) -> Page:
        return await account_page(pages, request, account, {name: form_state})

    return FormAction(
        f"/accounts/{{account}}/{name}",
        FORMS[name],
        page=page,
        command=lambda transaction, form: command(transaction, form, form.path["account"]),
        done=lambda form, _: f"/accounts/{quote_segment(form.path['account'])}?done={name}",
        validate=validate,
        etag=_etag,
        prepare=prepare,
        confirm=confirm,
    )


ROUTES = (
    PageRoute("/accounts/{account}", account_page),
    _action(
        "roles",
        lambda transaction, form, account: identity.change_roles(transaction, form.actor, account, form.values.roles),
        validate=_validate_roles,
    ),
    _action("disable", lambda transaction, form, account: identity.disable(transaction, form.actor, account)),
    _action("enable", lambda transaction, form, account: identity.enable(transaction, form.actor, account)),
    _action(
        "password",
        lambda transaction, form, account: identity.set_password(transaction, form.actor, account, form.prepared),
        validate=_validate_password,
        prepare=_hash_password,
    ),
    _action("link", _link),
    _action("second-factor", lambda transaction, form, account: second_factor.remove(transaction, form.actor, account)),
    _action(
        "attest",
        lambda transaction, form, account: identity.attest(transaction, form.actor, account, expected=form.etag),
        confirm=True,
    ),
)
