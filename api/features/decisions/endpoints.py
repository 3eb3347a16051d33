"""`POST /v1/decisions`: decides about one subject; recorded before it is answered.

This is the route called for every click in a CRM: bytes to bytes, without pydantic and without a thread other than the
writer; it only waits for the write.
"""

from __future__ import annotations

import time
from datetime import date
from typing import Any
from urllib.parse import parse_qs

from starlette.types import Receive, Scope, Send

from api.auth.authentication import STATE, Principal
from api.service import Service
from api.web.body import read_body
from api.web.idempotent_writes import idempotency_key
from api.web.problems import FACTS_REFUSED, MALFORMED_JSON, REQUEST_REFUSED, ProblemError, parameter_problem
from api.web.rest_router import unknown_parameters
from policy_service import FactsRejected, UnknownPolicies, UnknownSubjectKind
from policy_service.clock import today
from policy_service.decisions.answer import encode_answer, preview_answer
from policy_service.decisions.exact_json import NotJsonError
from policy_service.decisions.group import RecordedAnswer
from policy_service.decisions.request import DecisionRequest, InvalidRequest, read_request
from policy_service.decisions.request_faults import invalid_request_faults, request_faults
from policy_service.idempotency import fingerprint_of

PATH = "/v1/decisions"
Json = dict[str, Any]
MEDIA_TYPES = ("application/json",)
RECORD = "record"
"""The parameter that says whether the decision is recorded."""
REPLAYED = (b"idempotency-replayed", b"true")


class DecisionRoute:
    """The route, as a plain ASGI application."""

    def __init__(self, service: Service) -> None:
        self.service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request. Raises ProblemError, and what the decision service does."""
        service, preview = self.service, is_preview(scope)
        body = await read_body(scope, receive, limit=service.settings.decision_body_limit, media_types=MEDIA_TYPES)
        started = time.perf_counter()
        request, key, principal = parse_request(service, body), idempotency_key(scope), scope_principal(scope)
        fingerprint = fingerprint_of("POST", PATH, body) if key else ""
        try:
            if preview:
                answer = await self._preview(request)
            else:
                answer = await service.decisions.decide(request, principal.actor, key=key, fingerprint=fingerprint)
                count_decision(service, answer, started)
        except (FactsRejected, UnknownPolicies, UnknownSubjectKind) as error:
            raise undecided_request_error(service, request, error) from None
        await send({"type": "http.response.start", "status": 200, "headers": _headers(answer)})
        await send({"type": "http.response.body", "body": answer.body})

    async def _preview(self, request: DecisionRequest) -> RecordedAnswer:
        """Return the answer that the request would get, without recording it."""
        evaluation = await self.service.decisions.evaluate(request)
        answer = preview_answer(evaluation.decision, *evaluation.question.subject, self.service.now())
        return RecordedAnswer(encode_answer(answer), answer["outcomes"])


def is_preview(scope: Scope) -> bool:
    """Return True if the query requests a preview. Raises ProblemError for any other value."""
    if not scope["query_string"]:
        return False
    parameters = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    values = parameters.pop(RECORD, ["true"])
    errors = list(unknown_parameters(parameters, [RECORD]))
    if values not in [["true"], ["false"]]:
        errors.append({"type": "bool", "loc": ("query", RECORD), "msg": "`true` or `false`", "input": ",".join(values)})
    if errors:
        raise ProblemError.from_problem(parameter_problem(errors))
    return values == ["false"]


def _headers(answer: RecordedAnswer) -> list[tuple[bytes, bytes]]:
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(answer.body)),
        (b"cache-control", b"no-store"),
    ]
    return headers if answer.outcomes is not None else [*headers, REPLAYED]


def count_decision(service: Service, answer: RecordedAnswer, started: float) -> None:
    """Count a decision, unless it was recalled."""
    if answer.outcomes is not None:
        service.metrics.count_decision(answer.outcomes, time.perf_counter() - started)


def scope_principal(scope: Scope) -> Principal:
    """Return the principal of an authenticated request."""
    principal: Principal = scope["state"][STATE]
    return principal


def parse_request(service: Service, body: bytes) -> DecisionRequest:
    """Parse the request in the body. Raises ProblemError with every error, including those of the facts."""
    try:
        return read_request(body)
    except NotJsonError as error:
        raise ProblemError(MALFORMED_JSON, str(error)) from None
    except InvalidRequest as error:
        raise rejected_request_error(service, error) from None


def rejected_request_error(service: Service, error: InvalidRequest) -> ProblemError:
    """Return the problem with the errors of a request and, as far as its members are valid, of its facts."""
    return invalid_request_error(invalid_request_faults(service.decisions.in_force, error, _today(service)))


def undecided_request_error(service: Service, request: DecisionRequest, refusal: Exception) -> ProblemError:
    """Return the problem with all that the decider rejects in a request."""
    return invalid_request_error(request_faults(service.decisions.in_force, request, _today(service), refusal))


def _today(service: Service) -> date:
    return today(service.clock, service.zone)


def invalid_request_error(problems: list[Json]) -> ProblemError:
    """Return the problem with all errors."""
    kind = FACTS_REFUSED if all("fact" in problem for problem in problems) else REQUEST_REFUSED
    summary = f"{len(problems)} problems" if len(problems) > 1 else "1 problem"
    return ProblemError(
        kind,
        f"{summary}: {', '.join(problem['pointer'] or 'the body' for problem in problems[:20])}",
        problems=problems,
    )
