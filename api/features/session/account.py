"""`/account`, `/account/second-factor`: the reader's account, roles, sessions, password and second factor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, ClassVar

from pydantic import Field, SecretStr
from sqlmodel import Session

from api.auth.authentication import principal_of
from api.auth.browsers import delete_session_cookie
from api.auth.confirmation import change_password, reauthenticate
from api.kit.context import PageContext
from api.kit.form_action import EmptyForm, FormAction, FormRequest
from api.kit.form_fields import HIDDEN, MAX_PASSWORD, FormField, Proof, Widget, form_fields
from api.kit.forms import FieldErrors, FormModel, FormState
from api.kit.listing import link
from api.kit.page_route import PageRoute
from api.kit.passwords import NewPasswordForm
from api.kit.rendering import SIGN_IN
from api.web.problems import CONFIRMATION_NEEDED, ProblemError
from policy_service.database import Transaction
from policy_service.identity import second_factor
from policy_service.identity.account import Account
from policy_service.identity.errors import SignInFailed
from policy_service.identity.qr_code import QrCode, qr_code
from policy_service.identity.service import read_account, stored_hash
from policy_service.identity.sessions import SessionLimits, UserSession, end_others, open_sessions
from policy_service.messages import Message

METHODS: Mapping[str, Message] = {
    "password": Message("with user name and password"),
    "oidc": Message("at your organisation's identity provider"),
}


class PasswordForm(NewPasswordForm):
    """The present password, and the new one, twice."""

    old: Annotated[SecretStr, Widget("current-password", Message("Current password")), Field(max_length=MAX_PASSWORD)]


@dataclass(frozen=True, slots=True)
class AccountPage:
    """My account."""

    template: ClassVar[str] = "session/account.html"
    notices: ClassVar[Mapping[str, Message]] = {"ended": Message("Your other sessions have ended.")}
    fields: ClassVar[tuple[FormField, ...]] = form_fields(PasswordForm, "old", "new", "again")
    account: Account
    user_session: UserSession | None
    """The session of the request, which was seen now."""
    method: Message | None
    open_sessions: tuple[UserSession, ...]
    limits: SessionLimits
    has_password: bool
    form: FormState


def _page(session: Session, context: PageContext, form: FormState) -> AccountPage:
    principal, limits = principal_of(context.request), context.service.settings.session_limits
    actor, user_session = principal.actor, principal.user_session
    now, last_use = context.service.clock.now(), context.service.last_used.session_last_used
    return AccountPage(
        account=read_account(session, actor.id),
        user_session=replace(user_session, seen_at=now) if user_session else None,
        method=METHODS.get(user_session.method) if user_session else None,
        open_sessions=open_sessions(session, actor.id, now, limits, last_use),
        limits=limits,
        has_password=stored_hash(session, actor.id) is not None,
        form=form,
    )


async def _validate(form: FormRequest[PasswordForm]) -> FieldErrors:
    return form.values.errors(form.actor.name, form.actor.printed_name, *form.service.settings.words)


async def _change_password(form: FormRequest[PasswordForm]) -> None:
    """Change the password; it is verified and hashed outside of the transaction."""
    try:
        await change_password(form.service, form.context.request, form.values.old, form.values.new)
    except SignInFailed:
        raise ProblemError(CONFIRMATION_NEEDED, Message("The current password is wrong.")) from None


CHANGE_PASSWORD = FormAction(
    "/account/password",
    PasswordForm,
    page=_page,
    command=lambda *_: None,
    done=lambda *_: link(SIGN_IN, done="password"),
    validate=_validate,
    prepare=_change_password,
    answer=lambda form, response, _: delete_session_cookie(form.service, form.context.request, response),
)


def _end_others(transaction: Transaction, form: FormRequest[EmptyForm]) -> None:
    user_session = principal_of(form.context.request).user_session
    end_others(transaction, form.actor, user_session.id if user_session else None)


END_OTHERS = FormAction(
    "/account/sessions/end",
    EmptyForm,
    page=_page,
    command=_end_others,
    done=lambda *_: link("/account", done="ended"),
)


PATH = "/account/second-factor"


class EnrolForm(FormModel):
    """The seed of the displayed secret, a code, and the password."""

    seed: Annotated[str, HIDDEN, Field(max_length=64)]
    code: Annotated[
        str,
        Widget("name", Message("One-time code"), Message("Six digits, from the application.")),
        Field(max_length=20),
    ]
    password: Annotated[SecretStr, Widget("current-password", Message("Your password")), Field(max_length=MAX_PASSWORD)]


class RemoveForm(FormModel):
    """The re-authentication for removing the second factor."""

    password: Proof = None


@dataclass(frozen=True, slots=True)
class SecondFactorPage:
    """My second factor."""

    template: ClassVar[str] = "session/second_factor.html"
    notices: ClassVar[Mapping[str, Message]] = {
        "set": Message("Your second factor is set up."),
        "removed": Message("Your second factor was removed."),
    }
    enrol_fields: ClassVar[tuple[FormField, ...]] = form_fields(EnrolForm)
    remove_fields: ClassVar[tuple[FormField, ...]] = form_fields(RemoveForm)
    since: datetime | None
    is_required: bool
    seed: str
    """A new one, or that of the rejected form."""
    secret: str
    """The secret for the application; empty for an invalid seed."""
    address: str
    """The address by which an application reads the secret."""
    qr_code: QrCode
    """The QR code of the address."""
    form: FormState


def _factor_page(session: Session, context: PageContext, form: FormState) -> SecondFactorPage:
    actor = context.actor
    seed = form.value("seed") or second_factor.new_seed(session)
    secret = second_factor.secret_of(session, actor.id, seed) or ""
    address = second_factor.address_of(secret, actor.name)
    return SecondFactorPage(
        since=second_factor.enrolled_at(session, actor.id),
        is_required=context.service.settings.second_factor == "required",
        seed=seed,
        secret=secret,
        address=address,
        qr_code=qr_code(address),
        form=form,
    )


async def _check_code(form: FormRequest[EnrolForm]) -> FieldErrors:
    seed, code, now = form.values.seed, form.values.code, form.service.clock.now()
    step = await form.context.read(lambda session: second_factor.proving_step(session, form.actor.id, seed, code, now))
    return {"code": second_factor.WRONG_CODE} if step is None else {}


async def _confirm(form: FormRequest[EnrolForm]) -> None:
    await reauthenticate(form.service, form.context.request, form.values.password, code=None)


def _enrol(transaction: Transaction, form: FormRequest[EnrolForm]) -> None:
    second_factor.enrol(transaction, form.actor, form.values.seed, form.values.code)


def _remove(transaction: Transaction, form: FormRequest[RemoveForm]) -> None:
    second_factor.remove(transaction, form.actor, form.actor.id)


ENROL = FormAction(
    PATH,
    EnrolForm,
    page=_factor_page,
    command=_enrol,
    done=lambda *_: link(PATH, done="set"),
    validate=_check_code,
    prepare=_confirm,
)
REMOVE = FormAction(
    f"{PATH}/remove",
    RemoveForm,
    page=_factor_page,
    command=_remove,
    done=lambda *_: link(PATH, done="removed"),
    confirm=True,
)


ROUTES = (
    PageRoute("/account", _page, prefilled=()),
    CHANGE_PASSWORD,
    END_OTHERS,
    PageRoute(PATH, _factor_page, prefilled=()),
    ENROL,
    REMOVE,
)
