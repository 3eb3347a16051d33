"""Routers of `/v1`: an operation is a function that reads in a snapshot of the database, or writes in one transaction.

    router = RestRouter("/v1/suspensions", "suspensions")

    @router.list("", "suspensions", sort=SuspensionSort, by="-begun")
    def list_suspensions(read: ReadRequest, policy: OfPolicy = None) -> SuspensionPage: ...

    @router.read("/{suspension}")
    def get_suspension(read: ReadRequest, suspension: Id) -> SuspensionModel: ...

    @router.write("/{suspension}/end", *REFUSALS)
    def end_suspension(write: WriteRequest[SignedReason], suspension: Id) -> SuspensionModel: ...

The function runs in a thread; its name is the operation's, its parameters are those of the address. The sender of a
`SignedBody` is re-authenticated. An answer with an `etag` gets that header. Undeclared or repeated query parameters are
rejected.
"""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from inspect import Parameter
from itertools import islice
from typing import Annotated, Any, Generic, Protocol, TypeVar, cast, get_args

from fastapi import APIRouter, Depends, Query
from fastapi.dependencies.utils import request_params_to_args
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel
from sqlmodel import Session
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response

from api.auth.authentication import principal_of
from api.auth.confirmation import reauthenticate
from api.auth.visible_versions import visible_versions
from api.service import Service
from api.web import idempotent_writes as writes
from api.web import schemas
from api.web.json_body import MAX_BODY_BYTES, read_json_body, request_body
from api.web.openapi import problems
from api.web.parameters import Cursor
from api.web.problems import INVALID_PARAMETER, REPEATED, UNKNOWN, ProblemType
from api.web.transactions import run_read
from policy_service.actor import Actor
from policy_service.database import Transaction
from policy_service.jobs.runner import Jobs
from policy_service.language.diagnostics import did_you_mean
from policy_service.registry.catalogue import Catalogue
from policy_service.registry.snapshot import RegistrySnapshot

MAX_UNKNOWN = 20
"""Maximum number of unknown parameters reported: each costs a search for the intended one."""
PAGE = 100
"""Default number of items on a page of a list."""
NOT_BEGUN = cast("Transaction", None)
Body = TypeVar("Body")
Function = TypeVar("Function", bound=Callable[..., Any])
Responses = dict[int | str, dict[str, Any]]


class Declare(Protocol):
    """A decorator that declares a function as an operation, and returns it unchanged."""

    def __call__(self, function: Function, /) -> Function:
        """Declare the function."""
        ...


def service_of(request: Request) -> Service:
    """Return the service of a request."""
    return cast("Service", request.app.state.service)


def jobs_of(request: Request) -> Jobs:
    """Return the jobs of a request's service."""
    return cast("Jobs", request.app.state.jobs)


async def _service(request: Request) -> Service:
    return service_of(request)


ServiceOf = Annotated[Service, Depends(_service)]
"""The service, for an endpoint that is not one of the operations below."""


@dataclass(frozen=True, slots=True)
class ReadRequest:
    """A request that reads, in a snapshot of the database."""

    service: Service
    request: Request
    session: Session
    now: datetime
    paging: Mapping[str, Any]
    """For a list, the order, the number of items, and the cursor."""

    @property
    def actor(self) -> Actor:
        """The caller."""
        return principal_of(self.request).actor

    @property
    def catalogue(self) -> Catalogue:
        """The registry's versions."""
        return self.service.catalogue

    @property
    def visible(self) -> RegistrySnapshot:
        """The versions visible to the caller."""
        return visible_versions(self.catalogue, self.session, self.actor)


@dataclass(frozen=True, slots=True)
class WriteRequest(Generic[Body]):
    """A request that writes, in one transaction."""

    service: Service
    request: Request
    actor: Actor
    body: Body
    expected: str
    """The state of the edited object seen by the caller."""
    prepared: Any = None
    """The result of `prepare`."""
    transaction: Transaction = NOT_BEGUN
    """The transaction, which begins after `prepare`."""

    @property
    def session(self) -> Session:
        """The session of the transaction."""
        return self.transaction.session

    @property
    def now(self) -> datetime:
        """The instant of the transaction."""
        return self.transaction.now

    @property
    def fields(self) -> dict[str, Any]:
        """The members of the body except the password."""
        return cast("BaseModel", self.body).model_dump(exclude={"password"})


class RestRouter(APIRouter):
    """The router of a feature's operations; `prefix` begins with `/v1`."""

    def __init__(self, prefix: str, tag: str) -> None:
        super().__init__(
            prefix=prefix, tags=[tag], route_class=RestRoute, generate_unique_id_function=lambda route: route.name
        )

    def read(
        self,
        path: str,
        *refusals: ProblemType,
        responses: Responses | None = None,
        **route: Any,  # noqa: ANN401  # as FastAPI has it
    ) -> Declare:
        """Declare an operation that reads; `responses` are further ones besides its model and its problems."""
        documented = {**(responses or {}), **problems(*refusals, INVALID_PARAMETER)}
        return self._reading(path, (), responses=documented, **route)

    def list(
        self, path: str, what: str, *refusals: ProblemType, sort: object = None, by: str = "", most: int = PAGE
    ) -> Declare:
        """Declare an operation that returns a page of `what`, at most `most` items, by default in the order `by`."""
        limit = Annotated[int, Query(ge=1, le=most, description=f"{what} on a page")]
        sorting = (_parameter("sort", sort, by),) if sort is not None else ()
        paging = (*sorting, _parameter("limit", limit, most), _parameter("cursor", Cursor, None))
        return self._reading(path, paging, responses=problems(*refusals, INVALID_PARAMETER))

    def _reading(self, path: str, paging: Sequence[Parameter], **route: Any) -> Declare:  # noqa: ANN401  # the same
        def register(function: Function) -> Function:
            async def endpoint(request: Request, response: Response, **parameters: object) -> object:
                service = service_of(request)
                page = {each.name: parameters.pop(each.name) for each in paging}

                def read(session: Session) -> object:
                    return function(ReadRequest(service, request, session, service.now(), page), **parameters)

                answer = await run_read(service, read)
                response.headers.update(_etag(answer))
                return answer

            _take_signature(endpoint, function, REQUEST, RESPONSE, *paging)
            self.add_api_route(path, endpoint, methods=["GET"], **route)
            return function

        return register

    def write(  # noqa: PLR0913  # what a write has
        self,
        path: str,
        *refusals: ProblemType,
        method: str = "POST",
        status: int = 200,
        edit: bool = False,
        location: str | None = None,
        limit: Callable[[Service], int] = lambda _: MAX_BODY_BYTES,
        prepare: Callable[..., Awaitable[Any]] | None = None,
        after: Callable[..., Awaitable[None]] | None = None,
        **route: Any,  # noqa: ANN401  # as FastAPI has it
    ) -> Declare:
        """Declare an operation that writes, once for one `Idempotency-Key`.

        `edit` requires `If-Match`. `location` is the member of the answer that ends its address, `limit` the maximum
        size of the body in bytes. `prepare` does slow work before the transaction, `after` runs after it; both get the
        function's arguments.
        """

        def register(function: Function) -> Function:
            body_type = _body_type(function)

            async def endpoint(request: Request, **parameters: object) -> Response:
                service = service_of(request)
                expected = writes.expected_etag(request) if edit else ""
                body = await read_json_body(request, body_type, limit(service)) if body_type else None
                actor = principal_of(request).actor
                if isinstance(body, schemas.SignedBody):
                    actor = await reauthenticate(service, request, body.password)
                asked = WriteRequest(service, request, actor, body, expected)

                async def prepare_command() -> writes.WriteCommand:
                    ready = replace(asked, prepared=await prepare(asked, **parameters)) if prepare else asked
                    return lambda transaction: result(function(replace(ready, transaction=transaction), **parameters))

                response = await writes.run_prepared_write(service, request, prepare_command, body)
                if after is not None:
                    await after(asked, **parameters)
                return response

            def result(answer: BaseModel) -> writes.WriteResult:
                headers = {"Location": f"{self.prefix}/{getattr(answer, location)}"} if location else {}
                return writes.WriteResult(answer, status, {**_etag(answer), **headers})

            _take_signature(endpoint, function, REQUEST)
            self.add_api_route(
                path,
                endpoint,
                methods=[method],
                status_code=status,
                dependencies=writes.EDIT_HEADERS if edit else writes.WRITE_HEADERS,
                openapi_extra=request_body(body_type) if body_type else None,
                responses=problems(
                    *(schemas.BODY_PROBLEMS if body_type else ()),
                    *refusals,
                    *schemas.KEY_PROBLEMS,
                    *(schemas.SIGNING_PROBLEMS if body_type and issubclass(body_type, schemas.SignedBody) else ()),
                    *(schemas.EDIT_PROBLEMS if edit else ()),
                ),
                **route,
            )
            return function

        return register


def _parameter(name: str, kind: object, default: object = Parameter.empty) -> Parameter:
    return Parameter(name, Parameter.KEYWORD_ONLY, annotation=kind, default=default)


REQUEST, RESPONSE = _parameter("request", Request), _parameter("response", Response)


def _take_signature(endpoint: Callable[..., Any], function: Callable[..., Any], *parameters: Parameter) -> None:
    """Give the endpoint a function's name, docstring and signature, with `parameters` for its first one."""
    signature = inspect.signature(function, eval_str=True)
    own = (each.replace(kind=Parameter.KEYWORD_ONLY) for each in list(signature.parameters.values())[1:])
    endpoint.__name__, endpoint.__doc__ = function.__name__, function.__doc__
    vars(endpoint)["__signature__"] = signature.replace(parameters=[*own, *parameters])


def _body_type(function: Callable[..., Any]) -> type[BaseModel] | None:
    """Return the model of the body in a `WriteRequest`; None if it has none."""
    first = next(iter(inspect.signature(function, eval_str=True).parameters.values()))
    (body_type,) = get_args(first.annotation)
    return None if body_type is type(None) else body_type


def _etag(answer: object) -> dict[str, str]:
    """Return the header with the state of the answer, if it has one."""
    tag = getattr(answer, "etag", None)
    return {} if tag is None else writes.etag(tag)


class RestRoute(APIRoute):
    """A route that rejects a misspelt filter instead of returning every row."""

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
