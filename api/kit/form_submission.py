"""A form that is sent: read, checked, and let have its effect; or its page once more, with what is wrong with it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import TypeVar

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from api.kit.forms import Form, read_form, validate_form
from api.kit.rendering import Command, FormPage, Pages

Values = TypeVar("Values", bound=BaseModel)


async def submit_form(
    pages: Pages,
    request: Request,
    model: type[Values],
    prepare: Callable[[Values, Form], Awaitable[Command]],
    form_page: FormPage,
) -> Response:
    """Validates a submitted form and runs its command; renders `form_page` on errors. Raises ProblemError."""
    form = await read_form(request)
    values = validate_form(form, model)
    if isinstance(values, dict):
        return await pages.render_invalid(request, form_page, form.bind(values), HTTPStatus.UNPROCESSABLE_ENTITY)

    async def prepare_command() -> Command:
        return await prepare(values, form)

    return await pages.execute(request, form, prepare_command, form_page)
