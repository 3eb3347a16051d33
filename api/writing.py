"""Writes of people: one effect for one `Idempotency-Key`, on what the caller has seen (`If-Match`), in one transaction.

    given = await read_members(request, Reason)
    expected = expected_etag(request)                     # 428 when it is missing
    return await perform(service, request, lambda transaction: Answer(…), given)

The answer is kept with the effect, so the same request again gets the same answer, marked `Idempotency-Replayed`. What
is kept of the request is a digest of its members, in which every password is a row of stars. A refusal is not kept.
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

from api.authentication import asker
from api.heads import warm_heads
from api.problems import INVALID_PARAMETER, PRECONDITION_REQUIRED, ProblemError, refused_parameters
from api.service import Service
from api.transactions import reading, writing
from policy_service.damaged import row_of
from policy_service.database import Transaction
from policy_service.decisions.request import shown
from policy_service.idempotency import KeyRefused, Stored, check_key, fingerprint_of, recall, remember
from policy_service.sentences import Sentence

KEY = "Idempotency-Key"
REPLAYED = {"Idempotency-Replayed": "true"}


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered to a write, and kept under its key."""

    model: BaseModel
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)

    def stored(self) -> Stored:
        """As it is kept: a line of headers, then the body."""
        head = json.dumps(dict(self.headers)).encode()
        return Stored(self.status, head + b"\n" + self.model.model_dump_json(by_alias=True).encode())


@dataclass(frozen=True, slots=True)
class Once:
    """Under what the answer to a request is kept: who asks, the key they chose, the digest of all they sent."""

    principal: str
    key: str
    fingerprint: str


Store = Callable[[Transaction], Stored]
Act = Callable[[Transaction], Answer]
Prepare = Callable[[], Awaitable[Act]]


async def perform(service: Service, request: Request, act: Act, given: BaseModel | None = None) -> Response:
    """What `act` answers, once its effect is kept; or what was answered before. `given` is the request's body.

    Raises ProblemError, KeyReused, DatabaseUnavailable, and what `act` raises.
    """

    async def prepared() -> Act:
        return act

    return await perform_prepared(service, request, prepared, given)


async def perform_prepared(
    service: Service, request: Request, prepare: Prepare, given: BaseModel | None = None
) -> Response:
    """The same, where what is slow has to be done before the transaction, unless the answer is known already."""
    key = key_of(request)
    if key is None:
        act = await prepare()
        await warm_heads(service)
        answer = await writing(service, act)
        return _response(answer.stored())

    async def storing() -> Store:
        act = await prepare()
        return lambda transaction: act(transaction).stored()

    once = Once(asker(request).actor.id, key, await run_in_threadpool(_fingerprint, request, given))
    kept, is_new = await perform_once(service, once, storing)
    return _response(kept, {} if is_new else REPLAYED)


async def perform_once(service: Service, once: Once, prepare: Callable[[], Awaitable[Store]]) -> tuple[Stored, bool]:
    """What is answered to a request, and whether that is new; `prepare` is left out when it was answered before.

    Raises ProblemError, KeyReused, DatabaseUnavailable, and what the act raises.
    """
    async with service.in_flight.turn((once.principal, once.key), once.fingerprint):
        before = await reading(service, lambda session: recall(session, once.principal, once.key, once.fingerprint))
        if before is not None:
            return before, False
        act = await prepare()
        await warm_heads(service)
        return await writing(service, lambda transaction: _once(transaction, once, act))


def _once(transaction: Transaction, once: Once, act: Store) -> tuple[Stored, bool]:
    """The answer, and whether it is new: another process may have given it while this one waited for its turn."""
    stored = recall(transaction.session, once.principal, once.key, once.fingerprint)
    if stored is not None:
        return stored, False
    stored = act(transaction)
    remember(transaction, once.principal, once.key, once.fingerprint, stored)
    return stored, True


def _fingerprint(request: Request, given: BaseModel | None) -> str:
    body = b"" if given is None else given.model_dump_json(by_alias=True).encode()
    path, query = request.scope["path"], request.scope["query_string"].decode("latin-1")
    return fingerprint_of(request.method, f"{path}?{query}" if query else path, body)


def _response(stored: Stored, more: Mapping[str, str] | None = None) -> Response:
    head, _, body = stored.body.partition(b"\n")
    with row_of("idempotency", "of the request's key"):
        headers = {"Cache-Control": "no-store", **json.loads(head), **(more or {})}
    return Response(body, stored.status, headers, "application/json")


# -------------------------------------------------------------------------------------------------- the headers


def key_of(request: Request) -> str | None:
    """The idempotency key of a request. Raises ProblemError when it is none."""
    keys = request.headers.getlist(KEY)
    if not keys:
        return None
    key = ", ".join(keys)  # a key has no blank, so several are none
    try:
        check_key(key)
    except KeyRefused:
        fault = {"parameter": KEY, "code": "mistyped", "value": shown(key), "expected": "1 to 200 visible ASCII"}
        raise ProblemError(INVALID_PARAMETER, refused_parameters([KEY]), problems=[fault]) from None
    return key


def etag(tag: str) -> dict[str, str]:
    """The header that names the state of what is answered."""
    return {"ETag": f'"{tag}"'}


def expected_etag(request: Request) -> str:
    """The state the caller has seen. Raises ProblemError when it is not told."""
    given = request.headers.get("If-Match", "").strip()
    if given in {"", "*"}:
        raise ProblemError(PRECONDITION_REQUIRED, Sentence("send the ETag of what you read as If-Match"))
    return given.removeprefix('"').removesuffix('"')


def _key_header(
    key: Annotated[
        str | None,
        Header(alias=KEY, description="1 to 200 visible ASCII characters; the same request again has no second effect"),
    ] = None,
) -> None:
    """Documents the header."""


def _if_match_header(
    tag: Annotated[str | None, Header(alias="If-Match", description="the ETag of the change as it was read")] = None,
) -> None:
    """Documents the header."""


WRITE = [Depends(_key_header)]
"""What the document says of a write."""
EDIT = [Depends(_key_header), Depends(_if_match_header)]
"""What it says of a write to something that was read before."""
