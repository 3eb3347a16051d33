"""Page routes: the address of a page, and what builds it.

    ROUTES = (PageRoute("/account", account_page, prefilled=()), CHANGE_PASSWORD, END_OTHERS)

`declared_routes` makes the routes of pages and of forms (api/kit/form_action.py).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from api.kit.context import PageBuilder, PageContext
from api.kit.form_action import FormAction, submit
from api.kit.rendering import Pages


@dataclass(frozen=True, slots=True)
class PageRoute:
    """One page, or one file."""

    path: str
    build: PageBuilder
    """Builds it from the context, the path's parameters and, for a page with a form, that form."""
    prefilled: Sequence[str] | None = None
    """The fields of its form that a link may fill in; None for a page without a form."""
    method: Literal["GET", "POST"] = "GET"


Declared = PageRoute | FormAction[Any]


def declared_routes(pages: Pages, declared: Iterable[Declared]) -> APIRouter:
    """Make a route for each; an address with fewer parameters goes before those that it would match."""
    router = APIRouter(include_in_schema=False)
    for each in sorted(declared, key=lambda each: each.path.count("{")):
        if isinstance(each, PageRoute):
            answer, method = partial(_show, each), each.method
        else:
            answer, method = partial(submit, each), "POST"
        router.add_api_route(each.path, _endpoint(pages, answer), methods=[method])
    return router


def _endpoint(
    pages: Pages, answer: Callable[[PageContext], Awaitable[Response]]
) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        return await answer(PageContext(pages, request))

    return endpoint


async def _show(route: PageRoute, context: PageContext) -> Response:
    arguments: list[object] = list(context.request.path_params.values())
    if route.prefilled is not None:
        values = {name: value for name in route.prefilled if (value := context.params.get(name))}
        arguments.append(context.new_form(**values))
    built = await context.build(route.build, *arguments)
    return built if isinstance(built, Response) else context.render(built)
