"""`POST /v1/decisions/batch`: one request per line, answered in order, each recorded before it is answered."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from functools import partial

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Message as AsgiMessage
from starlette.types import Receive, Scope, Send

from api.auth.authentication import Principal, principal_of
from api.features.decisions.endpoints import (
    PATH,
    count_decision,
    rejected_request_error,
    undecided_request_error,
)
from api.service import Service
from api.web.body import check_media_type
from api.web.error_mapping import problem_or_fault
from api.web.idempotent_writes import idempotency_key
from api.web.openapi import BATCH, BATCH_ANSWER, problems
from api.web.problems import (
    BODY_TOO_LARGE,
    IDEMPOTENCY_KEY_REUSED,
    INVALID_PARAMETER,
    MALFORMED_JSON,
    UNSUPPORTED_MEDIA_TYPE,
    Problem,
)
from api.web.rest_router import RestRouter, ServiceOf
from policy_service import FactsRejected, UnknownPolicies, UnknownSubjectKind
from policy_service.decisions.batch import Batch, LineAnswer, LineTooLong
from policy_service.decisions.batch_body import BatchBody, Piece, SpoolFull
from policy_service.decisions.exact_json import NotJsonError
from policy_service.decisions.group import RecordedAnswer
from policy_service.decisions.request import InvalidRequest
from policy_service.messages import plain_text

LINE_MEDIA_TYPES = ("application/x-ndjson", "application/jsonl")
_ENCODER = msgspec.json.Encoder(enc_hook=plain_text)


router = RestRouter(PATH, "decisions")


@router.post(
    "/batch",
    response_class=Response,
    openapi_extra=BATCH,
    responses={
        200: BATCH_ANSWER,
        **problems(UNSUPPORTED_MEDIA_TYPE, INVALID_PARAMETER, IDEMPOTENCY_KEY_REUSED),
    },
)
async def decide_batch(service: ServiceOf, request: Request) -> Response:
    """Decide about many subjects: one request per line, answered in order, each recorded before it is answered."""
    check_media_type(dict(request.scope["headers"]), LINE_MEDIA_TYPES)
    return BatchResponse(service, principal_of(request), idempotency_key(request.scope))


async def _receive_piece(receive: Receive) -> Piece | None:
    message = await receive()
    if message["type"] == "http.disconnect":
        return None
    return message.get("body", b""), message.get("more_body", False)


class BatchResponse(Response):
    """The answers to a batch, streamed while lines still arrive."""

    media_type = LINE_MEDIA_TYPES[0]

    def __init__(self, service: Service, principal: Principal, key: str | None) -> None:
        super().__init__(headers={"Cache-Control": "no-store"})
        del self.headers["content-length"]
        self._service, self._principal, self._key = service, principal, key

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the answers. Raises IdempotencyKeyReused, ClientDisconnect."""
        body = BatchBody(partial(_receive_piece, receive), self._service.settings.batch_spool_limit)
        pumping = asyncio.create_task(body.pump())
        answering = asyncio.create_task(self._send_answers(scope, send, body))
        try:
            await asyncio.wait({pumping, answering}, return_when=asyncio.FIRST_COMPLETED)
            if not answering.done():
                pumping.result()
                raise ClientDisconnect
            answering.result()
        finally:
            for task in (pumping, answering):
                task.cancel()
            await asyncio.gather(pumping, answering, return_exceptions=True)
            body.close()

    async def _send_answers(self, scope: Scope, send: Send, body: BatchBody) -> None:
        service = self._service
        batch = Batch(
            service.decisions,
            self._principal.actor,
            lambda answer: self._render(answer, scope),
            key=self._key,
            line_limit=service.settings.decision_body_limit,
        )

        async def send_part(message: AsgiMessage) -> None:
            try:
                await body.send(send(message))
            except TimeoutError:
                raise ClientDisconnect from None

        async with aclosing(batch.decide(body.pieces())) as answers:
            # with a key the first answer is waited for: the key may have been used for another batch
            first = await anext(answers, b"") if self._key is not None else b""
            await send_part({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            if first:
                await send_part({"type": "http.response.body", "body": first, "more_body": True})
            async for content in answers:
                await send_part({"type": "http.response.body", "body": content, "more_body": True})
        await send_part({"type": "http.response.body", "body": b""})

    def _render(self, answer: LineAnswer, scope: Scope) -> bytes:
        """Return the answer to a line; a refusal is counted and logged like that of a request."""
        if isinstance(answer.result, RecordedAnswer):
            count_decision(self._service, answer.result, answer.started)
            return answer.result.body + b"\n"
        problem, log_fields = self._problem_of(answer, answer.result)
        instance = self._service.log_problem(problem, scope, line=answer.line, **log_fields)
        line = {"line": answer.line, "subject": answer.subject, "problem": problem.to_dict(instance)}
        return _ENCODER.encode(line) + b"\n"

    def _problem_of(self, answer: LineAnswer, error: Exception) -> tuple[Problem, dict[str, object]]:
        """Return the problem as for a single request, and further fields for the log."""
        match error:
            case NotJsonError():
                return Problem(MALFORMED_JSON, str(error)), {}
            case LineTooLong() | SpoolFull():
                return Problem(BODY_TOO_LARGE, str(error), {"limit": error.limit}), {}
            case InvalidRequest():
                return rejected_request_error(self._service, error).problem, {}
            case FactsRejected() | UnknownPolicies() | UnknownSubjectKind() if answer.request is not None:
                return undecided_request_error(self._service, answer.request, error).problem, {}
            case _:
                return problem_or_fault(error, self._service.clock.now())
