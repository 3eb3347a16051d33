"""A form that is sent: read, checked, and let have its effect; or its page once more, with what is wrong with it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import TypeVar

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from api.pages.forms import Form, checked, read_form
from api.pages.rendering import Again, Do, Pages

Given = TypeVar("Given", bound=BaseModel)


async def sent(
    pages: Pages,
    request: Request,
    model: type[Given],
    prepare: Callable[[Given, Form], Awaitable[Do]],
    again: Again,
) -> Response:
    """What a form of these fields leads to. `prepare` gives its effect; `again` is its page. Raises ProblemError."""
    form = await read_form(request)
    given = checked(form, model)
    if isinstance(given, dict):
        return await pages.show_again(request, again, form.filled(given), HTTPStatus.UNPROCESSABLE_ENTITY)

    async def prepared() -> Do:
        return await prepare(given, form)

    return await pages.attempt(request, form, prepared, again)
