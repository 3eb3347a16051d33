"""`POST /v1/decisions`: one subject's facts in, outcomes with their rules and reasons out, on record before that.

The one route that is called for every click in a CRM: bytes to bytes, without pydantic and without a thread but the one
that writes; what it waits for is the write.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs

from starlette.types import Receive, Scope, Send

from api.auth.authentication import STATE, Principal
from api.service import Service
from api.web.body import read_body
from api.web.problems import (
    FACTS_REFUSED,
    INVALID_PARAMETER,
    MALFORMED_JSON,
    REQUEST_REFUSED,
    ProblemError,
    parameter_problem,
)
from api.web.rest_router import unknown_parameters
from policy_service import FactsRejected, UnknownPolicies, UnknownSubjectKind, WrongSubjectKind
from policy_service.clock import today
from policy_service.decisions.answer import encode_answer, preview_answer
from policy_service.decisions.evaluation import Question
from policy_service.decisions.exact_json import NotJsonError
from policy_service.decisions.group import RecordedAnswer
from policy_service.decisions.in_force import NotReady
from policy_service.decisions.request import (
    DecisionRequest,
    InvalidRequest,
    RequestProblem,
    escape_pointer,
    format_or_null,
    read_request,
)
from policy_service.idempotency import InvalidIdempotencyKey, check_key, fingerprint_of
from policy_service.language.diagnostics import did_you_mean
from policy_service.messages import plain_text
from policy_service.subject import Subject

PATH = "/v1/decisions"
Json = dict[str, Any]
MEDIA_TYPES = ("application/json",)
OTHER_KIND, UNKNOWN_KIND = "other-kind", "unknown-kind"
POLICY_ENDED = "policy-ended"
KIND_CODES = (OTHER_KIND, UNKNOWN_KIND)
"""The codes of what does not fit the kind of the subject."""
RECORD = "record"
"""The parameter that says whether the decision is recorded."""
KEY = b"idempotency-key"
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
        request, key, principal = parse_request(service, body), scope_idempotency_key(scope), scope_principal(scope)
        fingerprint = fingerprint_of("POST", PATH, body) if key else ""
        try:
            if preview:
                answer = await self._preview(request)
            else:
                answer = await service.decisions.decide(request, principal.actor, key=key, fingerprint=fingerprint)
                count_decision(service, answer, started)
        except (FactsRejected, UnknownPolicies, UnknownSubjectKind) as error:
            raise invalid_request_error(request_problems(service, request, error)) from None
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


def scope_idempotency_key(scope: Scope) -> str | None:
    """The idempotency key of a request. Raises ProblemError when it is none."""
    keys = [value for name, value in scope["headers"] if name == KEY]
    if not keys:
        return None
    key = b", ".join(keys).decode("latin-1")  # a key has no blank, so several are none
    try:
        check_key(key)
    except InvalidIdempotencyKey:
        expected = "1 to 200 visible ASCII"
        problem = {
            "parameter": "Idempotency-Key",
            "code": "mistyped",
            "value": format_or_null(key),
            "expected": expected,
        }
        raise ProblemError(INVALID_PARAMETER, "refused: Idempotency-Key", problems=[problem]) from None
    return key


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
    problems = [problem.to_dict() for problem in error.problems]
    fact_problems = request_problems(service, error.valid_members)
    if any(problem.pointer == "/kind" for problem in error.problems):  # which kind was meant is not known
        fact_problems = [problem for problem in fact_problems if problem["code"] not in KIND_CODES]
    return invalid_request_error([*problems, *fact_problems])


def request_problems(
    service: Service, request: DecisionRequest, refusal: Exception | None = None, requested: Sequence[str] | None = None
) -> list[Json]:
    """All that the decider refuses, each with its JSON pointer: unknown policies, then the facts of the others.

    `refusal` is what it is known to refuse already, `requested` the policies asked for, in the request's order.
    """
    match refusal or _refusal(service, request):
        case FactsRejected() as error:
            return [
                {"pointer": f"/facts/{escape_pointer(problem.fact)}", **problem.to_dict()} for problem in error.problems
            ]
        case UnknownPolicies() as error:
            policies = request.policies or ()
            rest = tuple(name for name in policies if name not in error.names)
            every = policies if requested is None else requested
            unknown = [_unknown(every.index(name), name, error).to_dict() for name in error.names]
            return [*unknown, *request_problems(service, replace(request, policies=rest or None), requested=every)]
        case UnknownSubjectKind() as error:
            expected = f"a kind that policies in force are about, one of {', '.join(error.kinds)}"
            hint = did_you_mean(error.kind, error.kinds)
            return [RequestProblem("/kind", UNKNOWN_KIND, error.kind, expected, hint).to_dict()]
        case _:
            return []


def _refusal(service: Service, request: DecisionRequest) -> Exception | None:
    as_of = request.as_of or today(service.clock, service.zone)
    try:
        subject = Subject(request.subject, request.kind)
        service.decisions.in_force.evaluate(Question(subject, request.facts, as_of, request.policies))
    except (FactsRejected, UnknownPolicies, UnknownSubjectKind) as error:
        return error
    except NotReady:  # then nothing more can be told
        return None
    return None


def _unknown(index: int, name: str, error: UnknownPolicies) -> RequestProblem:
    pointer, hint = f"/policies/{index}", error.hints.get(name)
    if isinstance(error, WrongSubjectKind):
        return RequestProblem(pointer, OTHER_KIND, name, f"a policy about `{error.kind}`", hint)
    if name in error.ended:
        return RequestProblem(pointer, POLICY_ENDED, name, "a policy that is in force", plain_text(error.ended[name]))
    return RequestProblem(pointer, "unknown-policy", name, "a policy that is served", hint)


def invalid_request_error(problems: list[Json]) -> ProblemError:
    """The problem with all of them."""
    kind = FACTS_REFUSED if all("fact" in problem for problem in problems) else REQUEST_REFUSED
    summary = f"{len(problems)} problems" if len(problems) > 1 else "1 problem"
    return ProblemError(
        kind,
        f"{summary}: {', '.join(problem['pointer'] or 'the body' for problem in problems[:20])}",
        problems=problems,
    )
