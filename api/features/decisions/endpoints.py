"""`POST /v1/decisions`: one subject's facts in, outcomes with their rules and reasons out, on record before that.

The one route that is called for every click in a CRM: bytes to bytes, without pydantic and without a thread but the one
that writes; what it waits for is the write.
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
        """Answers one request. Raises ProblemError, and what the desk does."""
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
        """The answer that the request would get, which is recorded nowhere."""
        evaluation = await self.service.decisions.evaluate(request)
        answer = preview_answer(evaluation.decision, *evaluation.question.subject, self.service.now())
        return RecordedAnswer(encode_answer(answer), answer["outcomes"])


def is_preview(scope: Scope) -> bool:
    """Return True if the query asks for nothing to be recorded. Raises ProblemError when it says anything else."""
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
    """Count a decision, unless it had been answered before."""
    if answer.outcomes is not None:
        service.metrics.count_decision(answer.outcomes, time.perf_counter() - started)


def scope_principal(scope: Scope) -> Principal:
    """The principal of a request that was authenticated."""
    principal: Principal = scope["state"][STATE]
    return principal


def parse_request(service: Service, body: bytes) -> DecisionRequest:
    """The request in the body. Raises ProblemError with every fault there is, those of the facts included."""
    try:
        return read_request(body)
    except NotJsonError as error:
        raise ProblemError(MALFORMED_JSON, str(error)) from None
    except InvalidRequest as error:
        raise rejected_request_error(service, error) from None


def rejected_request_error(service: Service, error: InvalidRequest) -> ProblemError:
    """The problem with the faults of a request and, as far as it is sound, those of its facts."""
    return invalid_request_error(invalid_request_faults(service.decisions.in_force, error, _today(service)))


def undecided_request_error(service: Service, request: DecisionRequest, refusal: Exception) -> ProblemError:
    """The problem with all that the decider refuses of a request."""
    return invalid_request_error(request_faults(service.decisions.in_force, request, _today(service), refusal))


def _today(service: Service) -> date:
    return today(service.clock, service.zone)


def invalid_request_error(problems: list[Json]) -> ProblemError:
    """The problem with all of them."""
    kind = FACTS_REFUSED if all("fact" in problem for problem in problems) else REQUEST_REFUSED
    summary = f"{len(problems)} problems" if len(problems) > 1 else "1 problem"
    return ProblemError(
        kind,
        f"{summary}: {', '.join(problem['pointer'] or 'the body' for problem in problems[:20])}",
        problems=problems,
    )
