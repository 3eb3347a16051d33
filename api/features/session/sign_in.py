"""`/sign-in` and `/sign-out`: begins and ends a session.

A rejection does not disclose whether the name or the password was wrong; after too many attempts it says when to retry.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, ClassVar, Literal

from pydantic import Field, SecretStr
from starlette.responses import Response

from api.auth.authentication import is_secure, principal_of, refuse_other_sites, session_cookie
from api.auth.browsers import browser_principal, delete_session_cookie, end_session_of, set_session_cookie
from api.auth.confirmation import sign_in_with_password
from api.kit import languages
from api.kit.context import FormPage, PageContext
from api.kit.form_fields import HIDDEN, MAX_PASSWORD, FormField, Widget, form_fields
from api.kit.forms import ENTER_AGAIN, Form, FormModel, FormState, read_form, validate_form
from api.kit.frame import THEME
from api.kit.listing import link
from api.kit.page_route import PageRoute
from api.kit.rendering import SIGN_IN
from api.service import Service
from api.web.error_mapping import problem_of
from api.web.parameters import MAX_ADDRESS, safe_redirect_address
from api.web.problems import BUSY, MALFORMED_FORM, SIGN_IN_REFUSED, TOO_MANY_ATTEMPTS, Problem, ProblemError
from policy_service.language.policy import Language
from policy_service.messages import Message

YEAR = 365 * 24 * 60 * 60


class Preferences(FormModel):
    """The preferences to set; missing ones are unchanged."""

    language: Language | None = None
    theme: Literal["system", "light", "dark"] | None = None
    back: Annotated[str, Field(max_length=MAX_ADDRESS)] = "/"


async def save_preferences(context: PageContext) -> Response:
    """Store a reader's preference, and redirect back."""
    refuse_other_sites(context.service, context.request.scope)
    values = validate_form(await read_form(context.request), Preferences)
    if not isinstance(values, Preferences):
        raise ProblemError(MALFORMED_FORM, Message("There is no such language or theme."))
    response, secure = (
        context.pages.redirect(safe_redirect_address(values.back)),
        is_secure(context.service, context.request.scope),
    )
    for name, value in ((languages.COOKIE, values.language), (THEME, values.theme)):
        if value is not None:
            response.set_cookie(name, value, max_age=YEAR, httponly=True, samesite="lax", secure=secure)
    return response


PROVIDER_SIGN_IN = "/v1/session/oidc"
NOTICES: Mapping[str, Message] = {
    "signed-out": Message("You have signed out."),
    "password": Message("Your password was changed, and all your sessions have ended. Sign in with the new one."),
}
"""Confirmations, by the word in the address."""
WRONG_CREDENTIALS = Message("The user name or the password is wrong, or the account is disabled.")
SESSION_ENDED = Message("Your session has ended. Sign in again to continue.")


class SignInForm(FormModel):
    """The fields of signing in, and the address to go to afterwards."""

    name: Annotated[str, Widget("username", Message("User name")), Field(max_length=100)]
    password: Annotated[SecretStr, Widget("current-password", Message("Password")), Field(max_length=MAX_PASSWORD)]
    next: Annotated[str, HIDDEN, Field(max_length=MAX_ADDRESS)] = "/"


@dataclass(frozen=True, slots=True)
class SignInPage:
    """The sign-in form."""

    template: ClassVar[str] = "session/sign_in.html"
    notices: ClassVar[Mapping[str, Message]] = NOTICES
    fields: ClassVar[tuple[FormField, ...]] = form_fields(SignInForm)
    form: FormState
    next_address: str
    """The address after sign-in."""
    session_ended: Message | None
    """True if the browser's session has ended."""
    provider_address: str | None
    """The address of sign-in at the identity provider, if there is one."""


async def show_form(context: PageContext) -> Response:
    """Show the form; redirect a person who is already signed in."""
    next_address, service, request = safe_redirect_address(context.params.get("next")), context.service, context.request
    if await browser_principal(service, request) is not None:
        return context.pages.redirect(next_address)
    has_ended = session_cookie(service, request.scope) is not None
    session_ended = SESSION_ENDED if has_ended and context.params.get("done") not in NOTICES else None
    response = context.render(_page(context, context.new_form(), next_address, session_ended))
    return delete_session_cookie(service, request, response) if has_ended else response


async def start_session(context: PageContext) -> Response:
    """Begin a session, and redirect."""
    refuse_other_sites(context.service, context.request.scope)
    form = await read_form(context.request)
    values, next_address = validate_form(form, SignInForm), safe_redirect_address(form.value("next"))
    if not isinstance(values, SignInForm):
        return await context.render_invalid(_form_page(next_address), form.bind(values))
    return await _sign_in(context, form, values)


async def end_session(context: PageContext) -> Response:
    """End the session."""
    await end_session_of(context.service, principal_of(context.request))
    return delete_session_cookie(
        context.service, context.request, context.pages.redirect(link(SIGN_IN, done="signed-out"))
    )


async def _sign_in(context: PageContext, form: Form, values: SignInForm) -> Response:
    """Return a session for the right password, or the form again with the reason."""
    service, request, password = context.service, context.request, values.password.get_secret_value()
    next_address = safe_redirect_address(values.next)
    try:
        session = await sign_in_with_password(service, request, values.name, password)
    except Exception as error:
        problem = problem_of(error, context.service.clock.now())
        if problem is None or problem.kind not in {SIGN_IN_REFUSED, TOO_MANY_ATTEMPTS, BUSY}:
            raise
        errors = {"password": ENTER_AGAIN} if problem.kind is SIGN_IN_REFUSED else {}
        form_state = form.bind(errors, _rejection_message(service, problem))
        response = await context.render_invalid(_form_page(next_address), form_state, problem.kind.status)
        if (wait := problem.headers.get("Retry-After")) is not None:
            response.headers["Retry-After"] = wait
        return response
    return await set_session_cookie(service, request, session, context.pages.redirect(next_address))


def _rejection_message(service: Service, problem: Problem) -> Message:
    """Return why sign-in was rejected, with the time of the next allowed attempt."""
    if problem.kind is SIGN_IN_REFUSED:
        return WRONG_CREDENTIALS
    wait = timedelta(seconds=int(problem.headers.get("Retry-After", "0")) + 1)
    time = f"{(service.clock.now() + wait).astimezone(service.zone):%H:%M:%S}"
    if problem.kind is BUSY:
        return Message("Too many people sign in at this moment. Try again after {time}.", time=time)
    return Message(
        "Too many wrong passwords. Try again after {time}; browsers that you have signed in with before need not wait.",
        time=time,
    )


async def _rejected_page(context: PageContext, next_address: str, form: FormState) -> SignInPage:
    return _page(context, form, next_address)


def _form_page(next_address: str) -> FormPage:
    return FormPage(_rejected_page, (next_address,), in_worker=False)


def _page(context: PageContext, form: FormState, next_address: str, session_ended: Message | None = None) -> SignInPage:
    provider_address = link(PROVIDER_SIGN_IN, next=next_address) if context.service.provider is not None else None
    return SignInPage(form, next_address, session_ended, provider_address)


ROUTES = (
    PageRoute("/preferences", save_preferences, method="POST"),
    PageRoute(SIGN_IN, show_form),
    PageRoute(SIGN_IN, start_session, method="POST"),
    PageRoute("/sign-out", end_session, method="POST"),
)
