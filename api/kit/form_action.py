"""Form actions: a form's model, the page it stands on, the command it runs once, and where that leads.

    ENABLE = FormAction("/accounts/{account}/enable", EmptyForm, page, command, done)
    ROUTES = (ENABLE, DISABLE)                      # api/kit/page_route.py makes the routes

A form is refused in place: 422 beside its fields, or with the status of what its command raised. Sent twice with one
form key, it has one effect.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any, Generic, TypeVar

from pydantic import BaseModel
from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import Response

from api.auth.authentication import principal_of
from api.auth.confirmation import reauthenticate
from api.kit.forms import (
    CODE,
    MAX_FORM_BYTES,
    FieldErrors,
    Form,
    FormModel,
    FormState,
    read_form,
    valid_form_fields,
    validate_form,
)
from api.kit.rendering import Command, FormPage, PageBuilder, Pages, WorkerPage
from api.service import Service
from api.web.problems import PRECONDITION_FAILED, ProblemError
from policy_service.actor import Actor
from policy_service.database import Transaction
from policy_service.messages import Message

Values = TypeVar("Values", bound=BaseModel)
STALE = Message("This has changed since you read it. Check what it says now, then send the form again.")


class EmptyForm(FormModel):
    """A form without fields of its own."""


@dataclass(frozen=True, slots=True)
class FormRequest(Generic[Values]):
    """A valid form, with the request that sent it."""

    pages: Pages
    request: Request
    form: Form
    values: Values
    actor: Actor
    prepared: Any = None
    """What the action's `prepare` returned."""

    @property
    def service(self) -> Service:
        """The service that was asked."""
        return self.pages.service

    @property
    def path(self) -> Mapping[str, str]:
        """The parameters of the path."""
        return self.request.path_params

    @property
    def etag(self) -> str:
        """The state of what the page showed."""
        return self.form.etag


@dataclass(frozen=True, slots=True)
class FormAction(Generic[Values]):
    """One form."""

    path: str
    form: type[Values]
    page: PageBuilder
    """Builds the page the form stands on, from `Pages`, the request, the path's parameters and the form's state."""
    command: Callable[[Transaction, FormRequest[Values]], Any]
    """Runs once for each form key, in one transaction."""
    done: Callable[[FormRequest[Values], Any], str]
    """The address to go on at, from what the command returned."""
    validate: Callable[[FormRequest[Values]], Awaitable[FieldErrors]] | None = None
    """Finds what the model alone cannot; also asked about the valid fields of a form that the model refuses."""
    etag: Callable[[Session, FormRequest[Values]], str] | None = None
    """The present state; a form that shows another one is refused with 412."""
    prepare: Callable[[FormRequest[Values]], Awaitable[Any]] | None = None
    """Slow work before the transaction."""
    confirm: bool = False
    """Whether the actor has to reauthenticate; the model has a field `password` then."""
    answer: Callable[[FormRequest[Values], Response, Any], Response] | None = None
    """The response instead of the redirect; gets what the command returned, None when the form was sent before."""
    max_bytes: int = MAX_FORM_BYTES
    """Bytes of the form, with its files."""
    in_worker: bool = False
    """Whether the page takes long, and is built in a worker process; `page` must be picklable then."""


def form_endpoint(pages: Pages, action: FormAction[Values]) -> Callable[[Request], Awaitable[Response]]:
    """Return the endpoint of an action."""

    async def endpoint(request: Request) -> Response:
        form = await read_form(request, action.max_bytes)
        form_page = _form_page(pages, action, request)
        values = validate_form(form, action.form)
        actor = principal_of(request).actor
        if isinstance(values, dict):
            with suppress(AttributeError):  # it needs a field that is not valid
                valid: FormRequest[Any] = FormRequest(pages, request, form, valid_form_fields(form, action.form), actor)
                values = {**(await action.validate(valid) if action.validate else {}), **values}
            return await _render_invalid(pages, request, form_page, form.bind(values))
        form_request = FormRequest(pages, request, form, values, actor)
        if action.validate and (errors := await action.validate(form_request)):
            return await _render_invalid(pages, request, form_page, form.bind(errors))
        return await _run(action, form_request, form_page)

    return endpoint


def _form_page(pages: Pages, action: FormAction[Any], request: Request) -> FormPage:
    arguments = tuple(request.path_params.values())
    if action.in_worker:
        return WorkerPage(action.page, arguments)
    return lambda form_state: action.page(pages, request, *arguments, form_state)


async def _render_invalid(pages: Pages, request: Request, form_page: FormPage, state: FormState) -> Response:
    return await pages.render_invalid(request, form_page, state, HTTPStatus.UNPROCESSABLE_ENTITY)


async def _run(action: FormAction[Values], form_request: FormRequest[Values], form_page: FormPage) -> Response:
    results: list[Any] = []

    async def prepare() -> Command:
        ready = await _prepare(action, form_request)

        def command(transaction: Transaction) -> str:
            if action.etag and ready.etag != action.etag(transaction.session, ready):
                raise ProblemError(PRECONDITION_FAILED, STALE)
            results[:] = [action.command(transaction, ready)]
            return action.done(ready, results[0])

        return command

    pages, request = form_request.pages, form_request.request
    response = await pages.execute(request, form_request.form, prepare, form_page)
    if action.answer is None or "location" not in response.headers:
        return response
    return action.answer(form_request, response, results[0] if results else None)


async def _prepare(action: FormAction[Values], form_request: FormRequest[Values]) -> FormRequest[Values]:
    if action.confirm:
        password = getattr(form_request.values, "password", None)
        code = form_request.form.value(CODE)
        actor = await reauthenticate(form_request.service, form_request.request, password, code)
        form_request = replace(form_request, actor=actor)
    if action.prepare:
        form_request = replace(form_request, prepared=await action.prepare(form_request))
    return form_request
