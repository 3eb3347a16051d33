"""Writes of people: one effect for one `Idempotency-Key`, on what the caller has seen (`If-Match`), in one transaction.

    async def prepare() -> WriteCommand: ...              # what is slow; returns what runs in the transaction
    return await run_prepared_write(service, request, prepare, body)

The answer is stored with the effect, so a retry gets the same answer, marked `Idempotency-Replayed`. Of the request
only a digest of its members is stored, with passwords masked. Refusals are not stored.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Header
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from api.auth.authentication import principal_of
from api.service import Service
from api.web.problems import PRECONDITION_REQUIRED, ProblemError, invalid_parameters_error, parameter_fault
from api.web.transactions import run_read, run_write
from api.workers.preparation import warm_heads
from policy_service.database import Transaction
from policy_service.idempotency import (
    IdempotentRequest,
    InvalidIdempotencyKey,
    StoredResponse,
    check_key,
    find_response,
    fingerprint_of,
    run_once,
)
from policy_service.integrity import reading_row
from policy_service.messages import Message

KEY = "Idempotency-Key"
REPLAYED = {"Idempotency-Replayed": "true"}


@dataclass(frozen=True, slots=True)
class WriteResult:
    """The response to a write, stored under its key."""

    model: BaseModel
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)

    def to_stored(self) -> StoredResponse:
        """Return the stored form: a line of headers, then the body."""
        head = json.dumps(dict(self.headers)).encode()
        return StoredResponse(self.status, head + b"\n" + self.model.model_dump_json(by_alias=True).encode())


StoringCommand = Callable[[Transaction], StoredResponse]
WriteCommand = Callable[[Transaction], WriteResult]
PrepareCommand = Callable[[], Awaitable[WriteCommand]]


async def run_prepared_write(
    service: Service, request: Request, prepare: PrepareCommand, body: BaseModel | None = None
) -> Response:
    """Run what `prepare` returns once, and answer with its result, or with the stored answer.

    `prepare` does what is slow before the transaction, and is skipped where the answer is known. `body` is the
    request's. Raises ProblemError, IdempotencyKeyReused, DatabaseUnavailable, and what the command raises.
    """
    key = idempotency_key(request.scope)
    if key is None:
        command = await prepare()
        await warm_heads(service)
        result = await run_write(service, command)
        return _response(result.to_stored())

    async def prepare_storing() -> StoringCommand:
        command = await prepare()
        return lambda transaction: command(transaction).to_stored()

    idempotent_request = IdempotentRequest(
        principal_of(request).actor.id, key, await run_in_threadpool(_fingerprint, request, body)
    )
    stored, is_new = await run_idempotent(service, idempotent_request, prepare_storing)
    return _response(stored, {} if is_new else REPLAYED)


async def run_idempotent(
    service: Service, request: IdempotentRequest, prepare: Callable[[], Awaitable[StoringCommand]]
) -> tuple[StoredResponse, bool]:
    """Return the response to a request, and True if it is new; `prepare` is skipped when it was answered before.

    Raises ProblemError, IdempotencyKeyReused, DatabaseUnavailable, and what the act raises.
    """
    async with service.in_flight.exclusive((request.principal, request.key), request.fingerprint):
        stored = await run_read(
            service, lambda session: find_response(session, request.principal, request.key, request.fingerprint)
        )
        if stored is not None:
            return stored, False
        command = await prepare()
        await warm_heads(service)
        return await run_write(service, lambda transaction: run_once(transaction, request, command))


def _fingerprint(request: Request, model: BaseModel | None) -> str:
    body = b"" if model is None else model.model_dump_json(by_alias=True).encode()
    path, query = request.scope["path"], request.scope["query_string"].decode("latin-1")
    return fingerprint_of(request.method, f"{path}?{query}" if query else path, body)


def _response(stored: StoredResponse, extra_headers: Mapping[str, str] | None = None) -> Response:
    head, _, body = stored.body.partition(b"\n")
    with reading_row("idempotency", "of the request's key"):
        headers = {"Cache-Control": "no-store", **json.loads(head), **(extra_headers or {})}
    return Response(body, stored.status, headers, "application/json")


# -------------------------------------------------------------------------------------------------- the headers


def idempotency_key(scope: Scope) -> str | None:
    """Return the idempotency key of a request. Raises ProblemError when it is none."""
    keys = [value for name, value in scope["headers"] if name == KEY.lower().encode()]
    if not keys:
        return None
    key: str = b", ".join(keys).decode("latin-1")  # a key has no blank, so several are none
    try:
        check_key(key)
    except InvalidIdempotencyKey:
        raise invalid_parameters_error([parameter_fault(KEY, key, "1 to 200 visible ASCII")]) from None
    return key


def etag(tag: str) -> dict[str, str]:
    """Return the header that names the state of what is answered."""
    return {"ETag": f'"{tag}"'}


def expected_etag(request: Request) -> str:
    """Return the state that the caller has seen. Raises ProblemError when the header is missing."""
    if_match = request.headers.get("If-Match", "").strip()
    if if_match in {"", "*"}:
        raise ProblemError(PRECONDITION_REQUIRED, Message("send the ETag of what you read as If-Match"))
    return if_match.removeprefix('"').removesuffix('"')


def _key_header(
    key: Annotated[
        str | None,
        Header(alias=KEY, description="1 to 200 visible ASCII characters; a repeated request has one effect"),
    ] = None,
) -> None:
    """Documents the header."""


def _if_match_header(
    tag: Annotated[
        str | None, Header(alias="If-Match", description="the ETag of the change as the client read it")
    ] = None,
) -> None:
    """Documents the header."""


WRITE_HEADERS = [Depends(_key_header)]
"""What the document says of a write."""
EDIT_HEADERS = [Depends(_key_header), Depends(_if_match_header)]
"""What it says of a write to something that was read before."""
