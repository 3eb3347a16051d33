"""Routers of `/v1`: an operation refuses query parameters that it does not declare, or that are sent twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from fastapi import APIRouter
from fastapi.dependencies.utils import request_params_to_args
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response

from api.web.problems import REPEATED, UNKNOWN
from policy_service.language.diagnostics import did_you_mean

MAX_UNKNOWN = 20
"""Unknown parameters that are named: each costs a search for the one that was meant."""


class RestRoute(APIRoute):
    """A route that a misspelt filter does not answer with every row."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler, which checks the names of the parameters first."""
        handle = super().get_route_handler()
        query, path = self.dependant.query_params, self.dependant.path_params
        extra = (self.openapi_extra or {}).get("parameters", ())
        names = [*(field.alias for field in query), *(each["name"] for each in extra if each["in"] == "query")]

        async def check_and_handle(request: Request) -> Response:
            refused = [
                *unknown_parameters(request.query_params, names),
                *repeated_parameters(request.query_params, names),
            ]
            if not refused:
                return await handle(request)
            _, errors = request_params_to_args(query, request.query_params)
            _, path_errors = request_params_to_args(path, request.path_params)
            raise RequestValidationError([*refused, *errors, *path_errors])

        return check_and_handle


class RestRouter(APIRouter):
    """The router of a feature's operations; `prefix` begins with `/v1`."""

    def __init__(self, prefix: str, tag: str) -> None:
        super().__init__(prefix=prefix, tags=[tag], route_class=RestRoute)


def unknown_parameters(given: Mapping[str, Any], known: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Yield an error for each parameter whose name is not known, the first twenty of them."""
    expected = f"one of {', '.join(known)}" if known else "no parameters"
    for name in islice((each for each in given if each not in known), MAX_UNKNOWN):
        hint = did_you_mean(name, known)
        yield {"type": UNKNOWN, "loc": ("query", name), "msg": expected, "input": given[name], "hint": hint}


def repeated_parameters(given: QueryParams, known: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Yield an error for each known parameter that is sent more than once: all values but the last would be ignored."""
    times = Counter(name for name, _ in given.multi_items())
    for name in (each for each in known if times[each] > 1):
        yield {"type": REPEATED, "loc": ("query", name), "msg": "one value", "input": ", ".join(given.getlist(name))}
