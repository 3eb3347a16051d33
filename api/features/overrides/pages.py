"""`/overrides`: listed, told, made and ended; making and ending take a reason and a fresh proof of who acts."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter
from pydantic import Field, SecretStr
from starlette.requests import Request
from starlette.responses import Response

from api.auth.confirmation import reauthenticate
from api.features.overrides.detail import override_id, override_page
from api.features.overrides.listing import PATH, overrides_page, read_query
from api.features.overrides.new_override import (
    OverrideSubmission,
    new_override_page,
    prefilled_form,
    read_override_form,
)
from api.kit.forms import FormModel, FormState, read_form, validate_form
from api.kit.frame import Page
from api.kit.rendering import Command, Pages, WorkerPage
from api.web.transactions import run_read
from api.workers.heads import warm_heads
from api.workers.override_preparation import prepared_override
from policy_service.actor import Role
from policy_service.database import Transaction
from policy_service.decisions.override import MAX_REASON
from policy_service.decisions.override_store import end_override
from policy_service.messages import Message
from policy_service.overrides.service import record_override, sign_override

NOTICES = {
    "runs": Message("The exception applies from now on."),
    "provisional": Message("The exception applies for now. It lapses unless the others sign it in time."),
    "waiting": Message("The exception is recorded. It applies once the others have signed it."),
    "signed": Message("You signed the exception."),
    "ended": Message("The exception was ended; the rules decide again."),
}
PREFILLED = ("subject", "policy")
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
    _add_creation(router, pages)
    _add_signing(router, pages)
    _add_ending(router, pages)
    return router


def _add_reading(router: APIRouter, pages: Pages) -> None:
    service = pages.service

    @router.get("")
    async def overrides(request: Request) -> Response:
        """The list."""
        frame, query = pages.frame(request), read_query(request.query_params)
        return pages.render(await run_read(service, lambda session: overrides_page(service, session, frame, query)))


def _add_creation(router: APIRouter, pages: Pages) -> None:
    service = pages.service

    @router.get("/new")
    async def new(request: Request) -> Response:
        """The form, begun by what the address names."""
        query = {name: value for name, value in request.query_params.items() if name in PREFILLED}
        form = prefilled_form(pages.new_form(), query)
        status = HTTPStatus.UNPROCESSABLE_ENTITY if form.errors else HTTPStatus.OK
        return pages.render(await render_new(pages, request, form), status)

    @router.post("")
    async def create(request: Request) -> Response:
        """Makes an exception."""
        form, lang, form_page = await read_form(request), pages.frame(request).lang, WorkerPage(render_new)
        await warm_heads(service)
        submission = await run_read(service, lambda session: read_override_form(service, session, form, lang))
        if not isinstance(submission, OverrideSubmission):
            return await pages.render_invalid(
                request, form_page, form.bind(submission), HTTPStatus.UNPROCESSABLE_ENTITY
            )

        async def prepare() -> Command:
            actor = await reauthenticate(service, request, submission.password)
            prepared = await prepared_override(service, actor, submission.override)

            def command(transaction: Transaction) -> str:
                override = record_override(transaction, actor, prepared)
                return f"{PATH}/{override.id}?done={override.state(transaction.now)}"

            return command

        return await pages.execute(request, form, prepare, form_page)


def _add_signing(router: APIRouter, pages: Pages) -> None:
    service = pages.service

    @router.post("/{override}/sign")
    async def sign(request: Request, override: str) -> Response:
        """Signs an exception that another person recorded."""
        form, form_page = await read_form(request), WorkerPage(render_one, (override, "sign"))
        values = validate_form(form, SignForm)
        if not isinstance(values, SignForm):
            return await pages.render_invalid(request, form_page, form.bind(values), HTTPStatus.UNPROCESSABLE_ENTITY)

        async def prepare() -> Command:
            actor = await reauthenticate(service, request, values.password)
            role, digest, reason = values.role, values.digest, values.reason

            def command(transaction: Transaction) -> str:
                sign_override(transaction, actor, override_id(override), role=role, digest=digest, reason=reason)
                return f"{PATH}/{override}?done=signed"

            return command

        return await pages.execute(request, form, prepare, form_page)


def _add_ending(router: APIRouter, pages: Pages) -> None:
    service = pages.service

    @router.get("/{override}")
    async def override_(request: Request, override: str) -> Response:
        """One exception."""
        return pages.render(
            await render_one(pages, request, override, request.query_params.get("act", ""), pages.new_form())
        )

    @router.post("/{override}/end")
    async def end(request: Request, override: str) -> Response:
        """Ends an exception now."""
        form, form_page = await read_form(request), WorkerPage(render_one, (override, "end"))
        values = validate_form(form, EndForm)
        if not isinstance(values, EndForm):
            return await pages.render_invalid(request, form_page, form.bind(values), HTTPStatus.UNPROCESSABLE_ENTITY)

        async def prepare() -> Command:
            actor = await reauthenticate(service, request, values.password)

            def command(transaction: Transaction) -> str:
                end_override(transaction, actor, override_id(override), role=values.role, reason=values.reason)
                return f"{PATH}/{override}?done=ended"

            return command

        return await pages.execute(request, form, prepare, form_page)


async def render_new(pages: Pages, request: Request, form: FormState) -> Page:
    """The form of an exception, as far as it is filled in."""
    service, frame = pages.service, pages.frame(request)
    return await run_read(service, lambda session: new_override_page(service, session, request, frame, form))


async def render_one(pages: Pages, request: Request, override: str, action: str, form: FormState) -> Page:
    """An exception, with the form that signs it or the one that ends it."""
    service, name = pages.service, override_id(override)
    frame = pages.frame(request, NOTICES.get(request.query_params.get("done", "")))
    return await run_read(service, lambda session: override_page(service, session, request, frame, name, action, form))
