"""`/account`: who I am here, in which roles, until when; and another password."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, ClassVar

from fastapi import APIRouter
from pydantic import Field, SecretStr
from starlette.requests import Request
from starlette.responses import Response

from api.authentication import asker
from api.browsers import take_away
from api.confirmation import change_password
from api.pages.entrance.passwords import faults_of_password
from api.pages.forms import Faults, Filled, FormModel, checked, read_form
from api.pages.frame import Frame
from api.pages.listing import link
from api.pages.rendering import SIGN_IN, Do, Pages
from api.problems import CONFIRMATION_NEEDED, ProblemError
from api.transactions import reading
from policy_service.actor import Actor, Role
from policy_service.identity.account import Account
from policy_service.identity.refusals import SignInRefused
from policy_service.identity.service import hash_of, read_account
from policy_service.identity.sessions import SignedIn
from policy_service.sentences import Sentence

Secret = Annotated[SecretStr, Field(max_length=256)]
METHODS: Mapping[str, Sentence] = {
    "password": Sentence("with name and password"),
    "oidc": Sentence("at your organisation's provider of identities"),
}


class PasswordForm(FormModel):
    """The password of now, and the one to be, twice."""

    old: Secret
    new: Secret
    again: Secret


@dataclass(frozen=True, slots=True)
class AccountPage:
    """My account."""

    template: ClassVar[str] = "entrance/account.html"
    frame: Frame
    account: Account
    roles: tuple[Role, ...]
    """Those that have effect."""
    waiting: tuple[Role, ...]
    why_waiting: str | None
    signed_in: SignedIn | None
    method: Sentence | None
    until: datetime | None
    """When the session ends if nothing more is asked."""
    at_the_latest: datetime | None
    idle: timedelta
    has_password: bool
    form: Filled


def account_routes(pages: Pages) -> APIRouter:
    """The routes."""
    router = APIRouter(include_in_schema=False)

    @router.get("/account")
    async def my_account(request: Request) -> Response:
        """Who I am."""
        return pages.show(await _page(pages, request, pages.new_form()))

    @router.post("/account/password")
    async def another_password(request: Request) -> Response:
        """Gives me another password; all my sessions end."""
        form, actor = await read_form(request), asker(request).actor
        given = checked(form, PasswordForm)
        faults = given if not isinstance(given, PasswordForm) else _faults(given, actor, *pages.service.settings.words)
        if not isinstance(given, PasswordForm) or faults:
            return pages.show(await _page(pages, request, form.filled(faults)), 422)
        answer = await pages.attempt(
            request, form, lambda: _change(pages, request, given), lambda filled: _page(pages, request, filled)
        )
        return take_away(pages.service, request, answer) if "location" in answer.headers else answer

    return router


def _faults(given: PasswordForm, actor: Actor, *words: str) -> Faults:
    new, again = given.new.get_secret_value(), given.again.get_secret_value()
    return faults_of_password("new", new, again, actor.name, actor.printed_name, *words)


async def _change(pages: Pages, request: Request, given: PasswordForm) -> Do:
    """Changes the password; it is tried and hashed outside of the transaction."""
    try:
        await change_password(pages.service, request, given.old, given.new)
    except SignInRefused:
        raise ProblemError(CONFIRMATION_NEEDED, Sentence("The password of now is wrong.")) from None
    return lambda _: link(SIGN_IN, done="password")


async def _page(pages: Pages, request: Request, form: Filled) -> AccountPage:
    by, ends = asker(request), pages.service.settings.ends
    actor, signed_in = by.actor, by.signed_in
    account, kept = await reading(
        pages.service, lambda session: (read_account(session, actor.id), hash_of(session, actor.id))
    )
    now = pages.service.clock.now()
    latest = signed_in.started_at + ends.absolute if signed_in else None
    return AccountPage(
        frame=pages.frame(request),
        account=account,
        roles=tuple(sorted(actor.roles)),
        waiting=tuple(sorted(actor.waiting.roles)) if actor.waiting else (),
        why_waiting=actor.waiting.why if actor.waiting else None,
        signed_in=signed_in,
        method=METHODS.get(signed_in.method) if signed_in else None,
        until=min(now + ends.idle, latest) if latest else None,
        at_the_latest=latest,
        idle=ends.idle,
        has_password=kept is not None,
        form=form,
    )
