"""`/overrides`: listed, told, made and ended; making and ending take a reason and a fresh proof of who acts."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter
from pydantic import Field, SecretStr
from starlette.requests import Request
from starlette.responses import Response

from api.confirmation import confirmed_actor
from api.heads import warm_heads
from api.pages.forms import Filled, FormModel, checked, read_form
from api.pages.frame import Page
from api.pages.overrides.listing import PATH, overrides_page, sought
from api.pages.overrides.making import Asked, asked, begun, new_page
from api.pages.overrides.one import override_id, override_page
from api.pages.rendering import Do, Made, Pages
from api.reach import prepared_override
from api.transactions import reading
from policy_service.actor import Role
from policy_service.database import Transaction
from policy_service.decisions.overrides import end_override
from policy_service.decisions.overriding import MAX_REASON
from policy_service.overrides.service import record_override, sign_override
from policy_service.sentences import Sentence

NOTICES = {
    "runs": Sentence("The exception applies from now on."),
    "provisional": Sentence("The exception applies for now. It lapses unless the others sign it in time."),
    "waiting": Sentence("The exception is recorded. It applies once the others have signed it."),
    "signed": Sentence("You signed the exception."),
    "ended": Sentence("The exception was ended; the rules decide again."),
}
BEGINNING = ("subject", "policy")
"""What an address may begin a form with."""


class EndForm(FormModel):
    """Why an exception is ended, and by whom."""

    role: Role
    reason: Annotated[str, Field(max_length=MAX_REASON)]
    password: Annotated[SecretStr, Field(max_length=256)] | None = None


class SignForm(EndForm):
    """Why an exception is signed, by whom, and what was shown."""

    digest: Annotated[str, Field(max_length=71)]


def override_routes(pages: Pages) -> APIRouter:
    """The routes."""
    router = APIRouter(include_in_schema=False, prefix=PATH)
    _add_reading(router, pages)
    _add_making(router, pages)
    _add_signing(router, pages)
    _add_ending(router, pages)
    return router


def _add_reading(router: APIRouter, pages: Pages) -> None:
    service = pages.service

    @router.get("")
    async def overrides(request: Request) -> Response:
        """The list."""
        frame, wanted = pages.frame(request), sought(request.query_params)
        return pages.show(await reading(service, lambda session: overrides_page(service, session, frame, wanted)))


def _add_making(router: APIRouter, pages: Pages) -> None:
    service = pages.service

    @router.get("/new")
    async def new(request: Request) -> Response:
        """The form, begun by what the address names."""
        query = {name: value for name, value in request.query_params.items() if name in BEGINNING}
        form = begun(pages.new_form(), query)
        status = HTTPStatus.UNPROCESSABLE_ENTITY if form.faults else HTTPStatus.OK
        return pages.show(await show_new(pages, request, form), status)

    @router.post("")
    async def make(request: Request) -> Response:
        """Makes an exception."""
        form, lang, again = await read_form(request), pages.frame(request).lang, Made(show_new)
        await warm_heads(service)
        given = await reading(service, lambda session: asked(service, session, form, lang))
        if not isinstance(given, Asked):
            return await pages.show_again(request, again, form.filled(given), HTTPStatus.UNPROCESSABLE_ENTITY)

        async def prepare() -> Do:
            actor = await confirmed_actor(service, request, given.password)
            prepared = await prepared_override(service, actor, given.override)

            def do(transaction: Transaction) -> str:
                made = record_override(transaction, actor, prepared)
                return f"{PATH}/{made.id}?done={made.state(transaction.now)}"

            return do

        return await pages.attempt(request, form, prepare, again)


def _add_signing(router: APIRouter, pages: Pages) -> None:
    service = pages.service

    @router.post("/{override}/sign")
    async def sign(request: Request, override: str) -> Response:
        """Signs an exception that another person recorded."""
        form, again = await read_form(request), Made(show_one, (override, "sign"))
        given = checked(form, SignForm)
        if not isinstance(given, SignForm):
            return await pages.show_again(request, again, form.filled(given), HTTPStatus.UNPROCESSABLE_ENTITY)

        async def prepare() -> Do:
            actor = await confirmed_actor(service, request, given.password)
            role, digest, reason = given.role, given.digest, given.reason

            def do(transaction: Transaction) -> str:
                sign_override(transaction, actor, override_id(override), role=role, digest=digest, reason=reason)
                return f"{PATH}/{override}?done=signed"

            return do

        return await pages.attempt(request, form, prepare, again)


def _add_ending(router: APIRouter, pages: Pages) -> None:
    service = pages.service

    @router.get("/{override}")
    async def override_(request: Request, override: str) -> Response:
        """One exception."""
        return pages.show(
            await show_one(pages, request, override, request.query_params.get("act", ""), pages.new_form())
        )

    @router.post("/{override}/end")
    async def end(request: Request, override: str) -> Response:
        """Ends an exception now."""
        form, again = await read_form(request), Made(show_one, (override, "end"))
        given = checked(form, EndForm)
        if not isinstance(given, EndForm):
            return await pages.show_again(request, again, form.filled(given), HTTPStatus.UNPROCESSABLE_ENTITY)

        async def prepare() -> Do:
            actor = await confirmed_actor(service, request, given.password)

            def do(transaction: Transaction) -> str:
                end_override(transaction, actor, override_id(override), role=given.role, reason=given.reason)
                return f"{PATH}/{override}?done=ended"

            return do

        return await pages.attempt(request, form, prepare, again)


async def show_new(pages: Pages, request: Request, form: Filled) -> Page:
    """The form of an exception, as far as it is filled in."""
    service, frame = pages.service, pages.frame(request)
    return await reading(service, lambda session: new_page(service, session, request, frame, form))


async def show_one(pages: Pages, request: Request, override: str, act: str, form: Filled) -> Page:
    """An exception, with the form that signs it or the one that ends it."""
    service, name = pages.service, override_id(override)
    frame = pages.frame(request, NOTICES.get(request.query_params.get("done", "")))
    return await reading(service, lambda session: override_page(service, session, request, frame, name, act, form))
