"""`POST /v1/decisions`: one subject's facts in, outcomes with their rules and reasons out, on record before that.

The one route that is called for every click in a CRM: bytes to bytes, without pydantic and without a thread but the one
that writes; what it waits for is the write.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from starlette.types import Receive, Scope, Send

from api.authentication import STATE, Asker
from api.body import read_body
from api.problems import (
    FACTS_REFUSED,
    INVALID_PARAMETER,
    MALFORMED_JSON,
    REQUEST_REFUSED,
    ProblemError,
)
from api.service import Service
from policy_service import FactsRefused, OtherKind, UnknownKind, UnknownPolicies
from policy_service.clock import today
from policy_service.decisions.exact_json import NotJsonError
from policy_service.decisions.group import Answer
from policy_service.decisions.in_force import NotReady, Question
from policy_service.decisions.request import (
    DecisionRequest,
    RequestProblem,
    RequestRefused,
    escape,
    read_request,
    shown,
)
from policy_service.idempotency import KeyRefused, check_key, fingerprint_of
from policy_service.language.diagnostics import did_you_mean
from policy_service.sentences import plain
from policy_service.subject import Subject

PATH = "/v1/decisions"
Json = dict[str, Any]
KINDS = ("application/json",)
OTHER_KIND, UNKNOWN_KIND = "other-kind", "unknown-kind"
POLICY_ENDED = "policy-ended"
OF_KINDS = (OTHER_KIND, UNKNOWN_KIND)
"""The codes of what does not fit the kind of the subject."""
KEY = b"idempotency-key"
REPLAYED = (b"idempotency-replayed", b"true")


class DecisionRoute:
    """The route, as a plain ASGI application."""

    def __init__(self, service: Service) -> None:
        self.service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request. Raises ProblemError, and what the desk does."""
        service = self.service
        body = await read_body(scope, receive, limit=service.settings.decision_body_limit, kinds=KINDS)
        started = time.perf_counter()
        request, key, by = read(service, body), key_of(scope), asker_of(scope)
        fingerprint = fingerprint_of("POST", PATH, body) if key else ""
        try:
            answer = await service.decisions.decide(request, by.actor, key=key, fingerprint=fingerprint)
        except (FactsRefused, UnknownPolicies, UnknownKind) as error:
            raise refused(faults(service, request, error)) from None
        count(service, answer, started)
        await send({"type": "http.response.start", "status": 200, "headers": _headers(answer)})
        await send({"type": "http.response.body", "body": answer.body})


def _headers(answer: Answer) -> list[tuple[bytes, bytes]]:
    found = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(answer.body)),
        (b"cache-control", b"no-store"),
    ]
    return found if answer.outcomes is not None else [*found, REPLAYED]


def count(service: Service, answer: Answer, started: float) -> None:
    """Counts a decision, unless it had been answered before."""
    if answer.outcomes is not None:
        service.metrics.decided(answer.outcomes, time.perf_counter() - started)


def key_of(scope: Scope) -> str | None:
    """The idempotency key of a request. Raises ProblemError when it is none."""
    keys = [value for name, value in scope["headers"] if name == KEY]
    if not keys:
        return None
    key = b", ".join(keys).decode("latin-1")  # a key has no blank, so several are none
    try:
        check_key(key)
    except KeyRefused:
        expected = "1 to 200 visible ASCII"
        fault = {"parameter": "Idempotency-Key", "code": "mistyped", "value": shown(key), "expected": expected}
        raise ProblemError(INVALID_PARAMETER, "refused: Idempotency-Key", problems=[fault]) from None
    return key


def asker_of(scope: Scope) -> Asker:
    """Who sent a request that the gate let through."""
    found: Asker = scope["state"][STATE]
    return found


def read(service: Service, body: bytes) -> DecisionRequest:
    """The request in the body. Raises ProblemError with every fault there is, those of the facts included."""
    try:
        return read_request(body)
    except NotJsonError as error:
        raise ProblemError(MALFORMED_JSON, str(error)) from None
    except RequestRefused as error:
        raise refused_request(service, error) from None


def refused_request(service: Service, error: RequestRefused) -> ProblemError:
    """The problem that tells the faults of a request and, as far as it is sound, those of its facts."""
    problems = [problem.to_dict() for problem in error.problems]
    found = faults(service, error.sound)
    if any(problem.pointer == "/kind" for problem in error.problems):  # which kind was meant is not known
        found = [problem for problem in found if problem["code"] not in OF_KINDS]
    return refused([*problems, *found])


def faults(
    service: Service, request: DecisionRequest, known: Exception | None = None, named: Sequence[str] | None = None
) -> list[Json]:
    """All that the decider refuses, each with its JSON pointer: unknown policies, then the facts of the others.

    `known` is what it is known to refuse already, `named` the policies that were asked for, in the request's order.
    """
    match known or _refusal(service, request):
        case FactsRefused() as error:
            return [{"pointer": f"/facts/{escape(problem.fact)}", **problem.to_dict()} for problem in error.problems]
        case UnknownPolicies() as error:
            asked = request.policies or ()
            rest = tuple(name for name in asked if name not in error.names)
            every = asked if named is None else named
            found = [_unknown(every.index(name), name, error).to_dict() for name in error.names]
            return [*found, *faults(service, replace(request, policies=rest or None), named=every)]
        case UnknownKind() as error:
            expected = f"a kind that policies in force are about, one of {', '.join(error.kinds)}"
            hint = did_you_mean(error.kind, error.kinds)
            return [RequestProblem("/kind", UNKNOWN_KIND, error.kind, expected, hint).to_dict()]
        case _:
            return []


def _refusal(service: Service, request: DecisionRequest) -> Exception | None:
    as_of = request.as_of or today(service.clock, service.zone)
    try:
        subject = Subject(request.subject, request.kind)
        service.decisions.in_force.make(Question(subject, request.facts, as_of, request.policies))
    except (FactsRefused, UnknownPolicies, UnknownKind) as error:
        return error
    except NotReady:  # then nothing more can be told
        return None
    return None


def _unknown(index: int, name: str, error: UnknownPolicies) -> RequestProblem:
    pointer, hint = f"/policies/{index}", error.hints.get(name)
    if isinstance(error, OtherKind):
        return RequestProblem(pointer, OTHER_KIND, name, f"a policy about `{error.kind}`", hint)
    if name in error.ended:
        return RequestProblem(pointer, POLICY_ENDED, name, "a policy that is in force", plain(error.ended[name]))
    return RequestProblem(pointer, "unknown-policy", name, "a policy that is served", hint)


def refused(listed: list[Json]) -> ProblemError:
    """The problem that tells all of them."""
    kind = FACTS_REFUSED if all("fact" in problem for problem in listed) else REQUEST_REFUSED
    count_ = f"{len(listed)} problems" if len(listed) > 1 else "1 problem"
    return ProblemError(
        kind, f"{count_}: {', '.join(problem['pointer'] or 'the body' for problem in listed[:20])}", problems=listed
    )
