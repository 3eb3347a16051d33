"""`POST /accounts/{account}/…`: what is done to an account, as it was seen, and by whom it may be done."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter
from pydantic import Field, SecretStr
from starlette.requests import Request
from starlette.responses import Response

from api.authentication import asker
from api.confirmation import confirmed_actor, hashing
from api.pages.administration.account import account_page
from api.pages.entrance.passwords import beside, faults_of_password
from api.pages.forms import Faults, Filled, Form, FormModel, checked, read_form
from api.pages.listing import quoted
from api.pages.rendering import Do, Pages, Prepare
from api.transactions import reading
from policy_service.actor import Actor, Role
from policy_service.database import Transaction
from policy_service.identity import passwords
from policy_service.identity import service as identity
from policy_service.identity.account import (
    LONGEST_EXTERNAL_SUBJECT,
    LONGEST_ISSUER,
    Account,
    External,
    fault_of_roles,
)
from policy_service.identity.refusals import Outdated
from policy_service.sentences import Sentence

ON_ONE_LINE = "^[^\\x00-\\x1f\\x7f-\\x9f]*$"
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

    issuer: Annotated[str, Field(max_length=LONGEST_ISSUER, pattern=ON_ONE_LINE)]
    subject: Annotated[str, Field(max_length=LONGEST_EXTERNAL_SUBJECT, pattern=ON_ONE_LINE)]


class VouchForm(FormModel):
    """The password of whoever vouches, unless they prove elsewhere who they are."""

    password: Secret | None = None


class NothingForm(FormModel):
    """Nothing more than that it is to be done."""


def account_act_routes(pages: Pages) -> APIRouter:
    """The routes."""
    router = APIRouter(include_in_schema=False, prefix="/accounts/{account}")
    _add_roles(router, pages)
    _add_state(router, pages)
    _add_password(router, pages)
    _add_link(router, pages)
    _add_vouching(router, pages)
    return router


def _add_roles(router: APIRouter, pages: Pages) -> None:
    @router.post("/roles")
    async def change_roles(request: Request, account: str) -> Response:
        """Gives an account other roles."""
        form = await read_form(request)
        given = checked(form, RolesForm)
        if not isinstance(given, RolesForm):
            return await _again(pages, request, account, "roles", form.filled(given))
        if (fault := fault_of_roles(frozenset(given.roles))) is not None:
            return await _again(pages, request, account, "roles", form.filled(beside([fault])))
        return await _act(
            pages, request, account, "roles", form, lambda t, by: identity.change_roles(t, by, account, given.roles)
        )


def _add_state(router: APIRouter, pages: Pages) -> None:
    @router.post("/disable")
    async def disable(request: Request, account: str) -> Response:
        """Lets an account in no longer."""
        form = await read_form(request)
        if isinstance(given := checked(form, NothingForm), dict):
            return await _again(pages, request, account, "disable", form.filled(given))
        return await _act(pages, request, account, "disable", form, lambda t, by: identity.disable(t, by, account))

    @router.post("/enable")
    async def enable(request: Request, account: str) -> Response:
        """Lets an account in again."""
        form = await read_form(request)
        if isinstance(given := checked(form, NothingForm), dict):
            return await _again(pages, request, account, "enable", form.filled(given))
        return await _act(pages, request, account, "enable", form, lambda t, by: identity.enable(t, by, account))


def _add_password(router: APIRouter, pages: Pages) -> None:
    @router.post("/password")
    async def set_password(request: Request, account: str) -> Response:
        """Gives an account another password."""
        form, words = await read_form(request), pages.service.settings.words
        owner = await reading(pages.service, lambda session: identity.read_account(session, account))
        given = checked(form, PasswordForm)
        faults = given if not isinstance(given, PasswordForm) else _faults(given, owner, *words)
        if not isinstance(given, PasswordForm) or faults:
            return await _again(pages, request, account, "password", form.filled(faults))
        secret = given.new.get_secret_value()

        async def prepare() -> Do:
            kept = await hashing(lambda: passwords.hash_password(secret))
            actor = asker(request).actor
            return _doing(form, account, "password", lambda t: identity.set_password(t, actor, account, kept))

        return await _attempt(pages, request, account, "password", form, prepare)


def _faults(given: PasswordForm, owner: Account, *words: str) -> Faults:
    new, again = given.new.get_secret_value(), given.again.get_secret_value()
    return faults_of_password("new", new, again, owner.name, owner.printed_name, *words)


def _add_link(router: APIRouter, pages: Pages) -> None:
    @router.post("/link")
    async def link(request: Request, account: str) -> Response:
        """Says how the provider of identities knows the person."""
        form = await read_form(request)
        given = checked(form, LinkForm)
        if not isinstance(given, LinkForm):
            return await _again(pages, request, account, "link", form.filled(given))
        external = External(given.issuer.rstrip("/"), given.subject)
        return await _act(pages, request, account, "link", form, lambda t, by: identity.link(t, by, account, external))


def _add_vouching(router: APIRouter, pages: Pages) -> None:
    @router.post("/vouch")
    async def vouch(request: Request, account: str) -> Response:
        """Says that the account is the person's alone, as it was seen."""
        form = await read_form(request)
        given = checked(form, VouchForm)
        if not isinstance(given, VouchForm):
            return await _again(pages, request, account, "vouch", form.filled(given))

        async def prepare() -> Do:
            actor = await confirmed_actor(pages.service, request, given.password)
            return _doing(form, account, "vouch", lambda t: identity.vouch(t, actor, account, expected=form.etag))

        return await _attempt(pages, request, account, "vouch", form, prepare)


Act = Callable[[Transaction, Actor], object]


async def _act(  # noqa: PLR0913, PLR0917  # what is done, to which account, by which form
    pages: Pages, request: Request, account: str, name: str, form: Form, act: Act
) -> Response:
    """Does something to an account that needs no preparing."""
    actor = asker(request).actor

    async def prepare() -> Do:
        return _doing(form, account, name, lambda transaction: act(transaction, actor))

    return await _attempt(pages, request, account, name, form, prepare)


def _doing(form: Form, account: str, name: str, act: Callable[[Transaction], object]) -> Do:
    """What does it, if the account still is as it was seen."""

    def do(transaction: Transaction) -> str:
        found = identity.read_account(transaction.session, account)
        if form.etag != found.etag:
            raise Outdated(Sentence("The account {name} is not as you have seen it: read it again.", name=found.name))
        act(transaction)
        return f"/accounts/{quoted(account)}?done={name}"

    return do


async def _attempt(  # noqa: PLR0913, PLR0917  # what is done, to which account, by which form
    pages: Pages, request: Request, account: str, name: str, form: Form, prepare: Prepare
) -> Response:
    return await pages.attempt(
        request, form, prepare, lambda filled: account_page(pages, request, account, {name: filled})
    )


async def _again(pages: Pages, request: Request, account: str, name: str, filled: Filled) -> Response:
    """The page again, with what is wrong in one of its forms."""
    return pages.show(await account_page(pages, request, account, {name: filled}), 422)
