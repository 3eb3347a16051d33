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

from api.auth.authentication import principal_of
from api.auth.browsers import delete_session_cookie
from api.auth.confirmation import change_password
from api.features.session.passwords import password_errors
from api.kit.forms import FieldErrors, FormModel, FormState, read_form, validate_form
from api.kit.frame import Frame
from api.kit.listing import link
from api.kit.rendering import SIGN_IN, Command, Pages
from api.web.problems import CONFIRMATION_NEEDED, ProblemError
from api.web.transactions import run_read
from policy_service.actor import Actor, Role
from policy_service.identity.account import Account
from policy_service.identity.errors import SignInFailed
from policy_service.identity.service import read_account, stored_hash
from policy_service.identity.sessions import UserSession
from policy_service.messages import Message

Secret = Annotated[SecretStr, Field(max_length=256)]
METHODS: Mapping[str, Message] = {
    "password": Message("with name and password"),
    "oidc": Message("at your organisation's provider of identities"),
}


class PasswordForm(FormModel):
    """The password of now, and the one to be, twice."""

    old: Secret
    new: Secret
    again: Secret


@dataclass(frozen=True, slots=True)
class AccountPage:
    """My account."""

    template: ClassVar[str] = "session/account.html"
    frame: Frame
    account: Account
    roles: tuple[Role, ...]
    """Those that have effect."""
    pending_roles: tuple[Role, ...]
    pending_reason: str | None
    user_session: UserSession | None
    method: Message | None
    idle_until: datetime | None
    """When the session ends if nothing more is asked."""
    expires_at: datetime | None
    idle_limit: timedelta
    has_password: bool
    form: FormState


def account_routes(pages: Pages) -> APIRouter:
    """The routes."""
    router = APIRouter(include_in_schema=False)

    @router.get("/account")
    async def my_account(request: Request) -> Response:
        """Who I am."""
        return pages.render(await _page(pages, request, pages.new_form()))

    @router.post("/account/password")
    async def update_password(request: Request) -> Response:
        """Gives me another password; all my sessions end."""
        form, actor = await read_form(request), principal_of(request).actor
        values = validate_form(form, PasswordForm)
        errors = (
            values
            if not isinstance(values, PasswordForm)
            else _password_errors(values, actor, *pages.service.settings.words)
        )
        if not isinstance(values, PasswordForm) or errors:
            return pages.render(await _page(pages, request, form.bind(errors)), 422)
        response = await pages.execute(
            request,
            form,
            lambda: _change_command(pages, request, values),
            lambda form_state: _page(pages, request, form_state),
        )
        return delete_session_cookie(pages.service, request, response) if "location" in response.headers else response

    return router


def _password_errors(values: PasswordForm, actor: Actor, *words: str) -> FieldErrors:
    password, repeated = values.new.get_secret_value(), values.again.get_secret_value()
    return password_errors("new", password, repeated, actor.name, actor.printed_name, *words)


async def _change_command(pages: Pages, request: Request, values: PasswordForm) -> Command:
    """Changes the password; it is tried and hashed outside of the transaction."""
    try:
        await change_password(pages.service, request, values.old, values.new)
    except SignInFailed:
        raise ProblemError(CONFIRMATION_NEEDED, Message("The password of now is wrong.")) from None
    return lambda _: link(SIGN_IN, done="password")


async def _page(pages: Pages, request: Request, form: FormState) -> AccountPage:
    principal, limits = principal_of(request), pages.service.settings.session_limits
    actor, user_session = principal.actor, principal.user_session
    account, password_hash = await run_read(
        pages.service, lambda session: (read_account(session, actor.id), stored_hash(session, actor.id))
    )
    now = pages.service.clock.now()
    latest = user_session.started_at + limits.absolute if user_session else None
    return AccountPage(
        frame=pages.frame(request),
        account=account,
        roles=tuple(sorted(actor.roles)),
        pending_roles=tuple(sorted(actor.pending_roles.roles)) if actor.pending_roles else (),
        pending_reason=actor.pending_roles.reason if actor.pending_roles else None,
        user_session=user_session,
        method=METHODS.get(user_session.method) if user_session else None,
        idle_until=min(now + limits.idle, latest) if latest else None,
        expires_at=latest,
        idle_limit=limits.idle,
        has_password=password_hash is not None,
        form=form,
    )
