"""`/sign-in` and `/sign-out`: how a session begins and ends.

Who is refused is not told whether the name or the password was wrong; who tries too often is told when to come back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, ClassVar

from fastapi import APIRouter
from pydantic import Field, SecretStr
from starlette.requests import Request
from starlette.responses import Response

from api.authentication import asker, refuse_other_sites, session_cookie
from api.browsers import hand_over, signed_in_browser, take_away
from api.confirmation import enter
from api.pages.forms import Filled, Form, FormModel, checked, read_form
from api.pages.frame import Frame
from api.pages.listing import link
from api.pages.rendering import SIGN_IN, Pages
from api.problems import BUSY, SIGN_IN_REFUSED, TOO_MANY_ATTEMPTS, Problem
from api.returning import LONGEST, back_to
from api.transactions import writing
from policy_service.identity.sessions import sign_out
from policy_service.sentences import Sentence

ELSEWHERE = "/v1/session/oidc"
NOTICES: Mapping[str, Sentence] = {
    "signed-out": Sentence("You have signed out."),
    "password": Sentence("Your password was changed, and all your sessions have ended. Sign in with the new one."),
}
"""What was just done, by the word in the address."""
WRONG = Sentence("The name or the password is wrong, or the account is disabled.")
ENDED = Sentence("Your session has ended. Sign in again to go on where you were.")


class SignInForm(FormModel):
    """Who wants to come in, and where they want to go."""

    name: Annotated[str, Field(max_length=100)]
    password: Annotated[SecretStr, Field(max_length=256)]
    next: Annotated[str, Field(max_length=LONGEST)] = "/"


@dataclass(frozen=True, slots=True)
class SignInPage:
    """The form to come in by."""

    template: ClassVar[str] = "entrance/sign_in.html"
    frame: Frame
    form: Filled
    following: str
    """Where to go on at."""
    ended: Sentence | None
    """That a session has ended, when the browser comes from one."""
    elsewhere: str | None
    """The way to the provider of identities, when there is one."""


def sign_in_routes(pages: Pages) -> APIRouter:
    """The routes."""
    router = APIRouter(include_in_schema=False)
    service = pages.service

    @router.get(SIGN_IN)
    async def ask_who(request: Request) -> Response:
        """Shows the form; who is signed in already is led on."""
        following = back_to(request.query_params.get("next"))
        if await signed_in_browser(service, request) is not None:
            return pages.go_on(following)
        has_ended = session_cookie(service, request.scope) is not None
        notice = NOTICES.get(request.query_params.get("done", ""))
        ended = ENDED if has_ended and notice is None else None
        answer = pages.show(_page(pages, request, pages.new_form(), following, ended, notice))
        return take_away(service, request, answer) if has_ended else answer

    @router.post(SIGN_IN)
    async def come_in(request: Request) -> Response:
        """Begins a session, and leads on."""
        refuse_other_sites(service, request.scope)
        form = await read_form(request)
        given = checked(form, SignInForm)
        if not isinstance(given, SignInForm):
            return pages.show(_page(pages, request, form.filled(given), back_to(form.one("next"))), 422)
        return await _let_in(pages, request, form, given)

    @router.post("/sign-out")
    async def go_out(request: Request) -> Response:
        """Ends the session."""
        by = asker(request)
        if (signed_in := by.signed_in) is not None:
            await writing(service, lambda transaction: sign_out(transaction, by.actor, signed_in))
        return take_away(service, request, pages.go_on(link(SIGN_IN, done="signed-out")))

    return router


async def _let_in(pages: Pages, request: Request, form: Form, given: SignInForm) -> Response:
    """A session for who gives the right password, or the form again with why not."""
    service, password = pages.service, given.password.get_secret_value()
    following = back_to(given.next)
    try:
        started = await enter(service, request, given.name, password)
    except Exception as error:
        problem = pages.problem_of(error)
        if problem is None or problem.kind not in {SIGN_IN_REFUSED, TOO_MANY_ATTEMPTS, BUSY}:
            raise
        page = _page(pages, request, form.filled(refusal=_why(pages, problem)), following)
        answer = pages.show(page, problem.kind.status)
        if (wait := problem.headers.get("Retry-After")) is not None:
            answer.headers["Retry-After"] = wait
        return answer
    return await hand_over(service, request, started, pages.go_on(following))


def _why(pages: Pages, problem: Problem) -> Sentence:
    """Why nobody is let in, in words; with the time from which on it is worth trying."""
    if problem.kind is SIGN_IN_REFUSED:
        return WRONG
    wait = timedelta(seconds=int(problem.headers.get("Retry-After", "0")) + 1)
    time = f"{(pages.service.clock.now() + wait).astimezone(pages.service.zone):%H:%M:%S}"
    if problem.kind is BUSY:
        return Sentence("Too many people sign in at this moment. Try again after {time}.", time=time)
    return Sentence(
        "Too many wrong passwords. Try again after {time}; browsers that you have signed in with before need not wait.",
        time=time,
    )


def _page(  # noqa: PLR0913, PLR0917  # what the page shows
    pages: Pages,
    request: Request,
    form: Filled,
    following: str,
    ended: Sentence | None = None,
    notice: Sentence | None = None,
) -> SignInPage:
    elsewhere = link(ELSEWHERE, next=following) if pages.service.provider is not None else None
    return SignInPage(pages.frame(request, notice), form, following, ended, elsewhere)
