"""Form actions: a form's model, its page, the command it runs once, and the redirect afterwards.

    ENABLE = FormAction("/accounts/{account}/enable", EmptyForm, page, command, done)
    ROUTES = (ENABLE, DISABLE)                      # api/kit/page_route.py makes the routes

A rejected form is shown again: with 422 and errors at its fields, or with the status of the command's exception.
Resubmitted with the same form key, it has one effect.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from pydantic import BaseModel
from sqlmodel import Session
from starlette.responses import Response

from api.auth.confirmation import reauthenticate
from api.kit.context import Command, FormPage, PageBuilder, PageContext
from api.kit.forms import (
    CODE,
    MAX_FORM_BYTES,
    FieldErrors,
    Form,
    FormModel,
    read_form,
    valid_form_fields,
    validate_form,
)
from api.service import Service
from api.web.problems import PRECONDITION_FAILED, ProblemError
from policy_service.actor import Actor
from policy_service.database import Transaction
from policy_service.messages import Message

Values = TypeVar("Values", bound=BaseModel)
STALE = Message("This has changed since you read it. Check what it says now, then send the form again.")


class EmptyForm(FormModel):
    """A form without additional fields."""


@dataclass(frozen=True, slots=True)
class FormRequest(Generic[Values]):
    """A valid form, with the request that sent it."""

    context: PageContext
    form: Form
    values: Values
    actor: Actor
    prepared: Any = None
    """What the action's `prepare` returned."""

    @property
    def service(self) -> Service:
        """The service that was asked."""
        return self.context.service

    @property
    def path(self) -> Mapping[str, str]:
        """The parameters of the path."""
        return self.context.request.path_params

    @property
    def etag(self) -> str:
        """The state shown by the page."""
        return self.form.etag


@dataclass(frozen=True, slots=True)
class FormAction(Generic[Values]):
    """One form."""

    path: str
    form: type[Values]
    page: PageBuilder
    """Builds the form's page, from the context, the path's parameters and the form's state."""
    command: Callable[[Transaction, FormRequest[Values]], Any]
    """Runs once for each form key, in one transaction."""
    done: Callable[[FormRequest[Values], Any], str]
    """Returns the redirect address, from the command's result."""
    validate: Callable[[FormRequest[Values]], Awaitable[FieldErrors]] | None = None
    """Finds errors beyond the model's; also called with the valid fields of a form that the model rejects."""
    etag: Callable[[Session, FormRequest[Values]], str] | None = None
    """Returns the current state; a form that shows another one is rejected with 412."""
    prepare: Callable[[FormRequest[Values]], Awaitable[Any]] | None = None
    """Slow work before the transaction."""
    confirm: bool = False
    """True if the actor must re-authenticate; the model then has a field `password`."""
    answer: Callable[[FormRequest[Values], Response, Any], Response] | None = None
    """Returns a response instead of the redirect, from the command's result; None for a resubmitted form."""
    max_bytes: int = MAX_FORM_BYTES
    """Maximum size of the form with its files, bytes."""
    in_worker: bool = False
    """True if the page is slow, and built in a worker process; `page` must then be picklable."""


def page_with_form(session: Session, context: PageContext, *arguments: Any, page: PageBuilder, name: str) -> Any:  # noqa: ANN401  # what `page` takes and makes
    """Build a page with several forms, one of which was submitted."""
    *path, form = arguments
    return page(session, context, *path, {name: form})


async def submit(action: FormAction[Values], context: PageContext) -> Response:
    """Process a submitted form. Raises ProblemError for what its page cannot show."""
    form = await read_form(context.request, action.max_bytes)
    page = FormPage(action.page, tuple(context.request.path_params.values()), action.in_worker)
    values, actor = validate_form(form, action.form), context.actor
    if isinstance(values, dict):
        with suppress(AttributeError):  # it needs a field that is not valid
            valid: FormRequest[Any] = FormRequest(context, form, valid_form_fields(form, action.form), actor)
            values = {**(await action.validate(valid) if action.validate else {}), **values}
        return await context.render_invalid(page, form.bind(values))
    form_request = FormRequest(context, form, values, actor)
    if action.validate and (errors := await action.validate(form_request)):
        return await context.render_invalid(page, form.bind(errors))
    return await _run(action, form_request, page)


async def _run(action: FormAction[Values], form_request: FormRequest[Values], page: FormPage) -> Response:
    results: list[Any] = []

    async def prepare() -> Command:
        ready = await _prepare(action, form_request)

        def command(transaction: Transaction) -> str:
            if action.etag and ready.etag != action.etag(transaction.session, ready):
                raise ProblemError(PRECONDITION_FAILED, STALE)
            results[:] = [action.command(transaction, ready)]
            return action.done(ready, results[0])

        return command

    response = await form_request.context.execute(form_request.form, prepare, page)
    if action.answer is None or "location" not in response.headers:
        return response
    return action.answer(form_request, response, results[0] if results else None)


async def _prepare(action: FormAction[Values], form_request: FormRequest[Values]) -> FormRequest[Values]:
    if action.confirm:
        password = getattr(form_request.values, "password", None)
        code = form_request.form.value(CODE)
        actor = await reauthenticate(form_request.service, form_request.context.request, password, code)
        form_request = replace(form_request, actor=actor)
    if action.prepare:
        form_request = replace(form_request, prepared=await action.prepare(form_request))
    return form_request
