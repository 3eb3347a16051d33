"""Page routes: the address of a page, and what builds it.

    ROUTES = (PageRoute("/account", account_page, prefilled=()), CHANGE_PASSWORD, END_OTHERS)

`declared_routes` makes the routes of pages and of forms (api/kit/form_action.py).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from api.kit.form_action import FormAction, form_endpoint
from api.kit.frame import Page
from api.kit.rendering import Pages


@dataclass(frozen=True, slots=True)
class PageRoute:
    """One page, or one file."""

    path: str
    build: Callable[..., Awaitable[Page | Response]]
    """Builds it from `Pages`, the request, the parameters of the path and, for a page with a form, that form."""
    prefilled: Sequence[str] | None = None
    """The fields of its form that a link may fill in; None for a page without a form."""
    method: Literal["GET", "POST"] = "GET"


Declared = PageRoute | FormAction[Any]


def declared_routes(pages: Pages, declared: Sequence[Declared]) -> APIRouter:
    """Make a route for each; an address with fewer parameters goes before those that it would match."""
    router = APIRouter(include_in_schema=False)
    for each in sorted(declared, key=lambda each: each.path.count("{")):
        if isinstance(each, PageRoute):
            router.add_api_route(each.path, _page_endpoint(pages, each), methods=[each.method])
        else:
            router.post(each.path)(form_endpoint(pages, each))
    return router


def _page_endpoint(pages: Pages, route: PageRoute) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        arguments: list[object] = list(request.path_params.values())
        if route.prefilled is not None:
            values = {name: value for name in route.prefilled if (value := request.query_params.get(name))}
            arguments.append(pages.new_form(**values))
        built = await route.build(pages, request, *arguments)
        return built if isinstance(built, Response) else pages.render(built)

    return endpoint
