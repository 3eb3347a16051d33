"""`POST /accounts/{account}/…`: what is done to an account, as it was seen, and by whom it may be done."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter
from pydantic import Field, SecretStr
from starlette.requests import Request
from starlette.responses import Response

from api.auth.authentication import principal_of
from api.auth.confirmation import reauthenticate, run_hashing
from api.features.accounts.account import account_page
from api.features.session.passwords import field_errors, password_errors
from api.kit.forms import FieldErrors, Form, FormModel, FormState, read_form, validate_form
from api.kit.listing import quote_segment
from api.kit.rendering import Command, CommandFactory, Pages
from api.web.transactions import run_read
from policy_service.actor import Actor, Role
from policy_service.database import Transaction
from policy_service.identity import passwords
from policy_service.identity import service as identity
from policy_service.identity.account import (
    MAX_EXTERNAL_SUBJECT,
    MAX_ISSUER,
    Account,
    ExternalIdentity,
    roles_error,
)
from policy_service.identity.errors import StaleAccount
from policy_service.messages import Message

SINGLE_LINE = "^[^\\x00-\\x1f\\x7f-\\x9f]*$"
Secret = Annotated[SecretStr, Field(max_length=256)]


class RolesForm(FormModel):
    """The roles that an account is to have."""

    roles: tuple[Role, ...] = ()


class PasswordForm(FormModel):
    """Another password, twice."""

    new: Secret
    again: Secret


class LinkForm(FormModel):
    """How the provider of identities knows the person."""

    issuer: Annotated[str, Field(max_length=MAX_ISSUER, pattern=SINGLE_LINE)]
    subject: Annotated[str, Field(max_length=MAX_EXTERNAL_SUBJECT, pattern=SINGLE_LINE)]


class AttestationForm(FormModel):
    """The password of whoever vouches, unless they prove elsewhere who they are."""

    password: Secret | None = None


class EmptyForm(FormModel):
    """Nothing more than that it is to be done."""


def account_action_routes(pages: Pages) -> APIRouter:
    """The routes."""
    router = APIRouter(include_in_schema=False, prefix="/accounts/{account}")
    _add_roles(router, pages)
    _add_state(router, pages)
    _add_password(router, pages)
    _add_link(router, pages)
    _add_attestation(router, pages)
    return router


def _add_roles(router: APIRouter, pages: Pages) -> None:
    @router.post("/roles")
    async def change_roles(request: Request, account: str) -> Response:
        """Gives an account other roles."""
        form = await read_form(request)
        values = validate_form(form, RolesForm)
        if not isinstance(values, RolesForm):
            return await _render_invalid(pages, request, account, "roles", form.bind(values))
        if (error := roles_error(frozenset(values.roles))) is not None:
            return await _render_invalid(pages, request, account, "roles", form.bind(field_errors([error])))
        return await _run(
            pages, request, account, "roles", form, lambda t, by: identity.change_roles(t, by, account, values.roles)
        )


def _add_state(router: APIRouter, pages: Pages) -> None:
    @router.post("/disable")
    async def disable(request: Request, account: str) -> Response:
        """Lets an account in no longer."""
        form = await read_form(request)
        if isinstance(values := validate_form(form, EmptyForm), dict):
            return await _render_invalid(pages, request, account, "disable", form.bind(values))
        return await _run(pages, request, account, "disable", form, lambda t, by: identity.disable(t, by, account))

    @router.post("/enable")
    async def enable(request: Request, account: str) -> Response:
        """Lets an account in again."""
        form = await read_form(request)
        if isinstance(values := validate_form(form, EmptyForm), dict):
            return await _render_invalid(pages, request, account, "enable", form.bind(values))
        return await _run(pages, request, account, "enable", form, lambda t, by: identity.enable(t, by, account))


def _add_password(router: APIRouter, pages: Pages) -> None:
    @router.post("/password")
    async def set_password(request: Request, account: str) -> Response:
        """Gives an account another password."""
        form, words = await read_form(request), pages.service.settings.words
        owner = await run_read(pages.service, lambda session: identity.read_account(session, account))
        values = validate_form(form, PasswordForm)
        errors = values if not isinstance(values, PasswordForm) else _password_errors(values, owner, *words)
        if not isinstance(values, PasswordForm) or errors:
            return await _render_invalid(pages, request, account, "password", form.bind(errors))
        secret = values.new.get_secret_value()

        async def prepare() -> Command:
            password_hash = await run_hashing(lambda: passwords.hash_password(secret))
            actor = principal_of(request).actor
            return _account_command(
                form, account, "password", lambda t: identity.set_password(t, actor, account, password_hash)
            )

        return await _submit(pages, request, account, "password", form, prepare)


def _password_errors(values: PasswordForm, owner: Account, *words: str) -> FieldErrors:
    password, repeated = values.new.get_secret_value(), values.again.get_secret_value()
    return password_errors("new", password, repeated, owner.name, owner.printed_name, *words)


def _add_link(router: APIRouter, pages: Pages) -> None:
    @router.post("/link")
    async def link(request: Request, account: str) -> Response:
        """Says how the provider of identities knows the person."""
        form = await read_form(request)
        values = validate_form(form, LinkForm)
        if not isinstance(values, LinkForm):
            return await _render_invalid(pages, request, account, "link", form.bind(values))
        external = ExternalIdentity(values.issuer.rstrip("/"), values.subject)
        return await _run(pages, request, account, "link", form, lambda t, by: identity.link(t, by, account, external))


def _add_attestation(router: APIRouter, pages: Pages) -> None:
    @router.post("/vouch")
    async def attest(request: Request, account: str) -> Response:
        """Says that the account is the person's alone, as it was seen."""
        form = await read_form(request)
        values = validate_form(form, AttestationForm)
        if not isinstance(values, AttestationForm):
            return await _render_invalid(pages, request, account, "vouch", form.bind(values))

        async def prepare() -> Command:
            actor = await reauthenticate(pages.service, request, values.password)
            return _account_command(
                form, account, "vouch", lambda t: identity.attest(t, actor, account, expected=form.etag)
            )

        return await _submit(pages, request, account, "vouch", form, prepare)


AccountCommand = Callable[[Transaction, Actor], object]


async def _run(  # noqa: PLR0913, PLR0917  # what is done, to which account, by which form
    pages: Pages, request: Request, account: str, name: str, form: Form, command: AccountCommand
) -> Response:
    """Does something to an account that needs no preparing."""
    actor = principal_of(request).actor

    async def prepare() -> Command:
        return _account_command(form, account, name, lambda transaction: command(transaction, actor))

    return await _submit(pages, request, account, name, form, prepare)


def _account_command(form: Form, account: str, name: str, action: Callable[[Transaction], object]) -> Command:
    """What does it, if the account still is as it was seen."""

    def command(transaction: Transaction) -> str:
        current = identity.read_account(transaction.session, account)
        if form.etag != current.etag:
            raise StaleAccount(
                Message("The account {name} is not as you have seen it: read it again.", name=current.name)
            )
        action(transaction)
        return f"/accounts/{quote_segment(account)}?done={name}"

    return command


async def _submit(  # noqa: PLR0913, PLR0917  # what is done, to which account, by which form
    pages: Pages, request: Request, account: str, name: str, form: Form, prepare: CommandFactory
) -> Response:
    return await pages.execute(
        request, form, prepare, lambda form_state: account_page(pages, request, account, {name: form_state})
    )


async def _render_invalid(pages: Pages, request: Request, account: str, name: str, form_state: FormState) -> Response:
    """The page again, with what is wrong in one of its forms."""
    return pages.render(await account_page(pages, request, account, {name: form_state}), 422)
