"""`POST /v1/decisions`: one subject's facts in, outcomes with their rules and reasons out.

The one route that is called for every click in a CRM: bytes to bytes, without pydantic and without a thread. Between
the decider's first and last step nothing is awaited, so decisions never mix.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import msgspec
from starlette.types import Receive, Scope, Send

from api.body import read_body
from api.problems import FACTS_REFUSED, MALFORMED_JSON, REQUEST_REFUSED, ProblemError
from api.service import Service
from policy_service import Decision, FactsRefused, UnknownPolicies
from policy_service.clock import today
from policy_service.decisions.answer import answer
from policy_service.decisions.exact_json import NotJsonError
from policy_service.decisions.request import DecisionRequest, RequestProblem, RequestRefused, escape, read_request

PATH = "/v1/decisions"
Json = dict[str, Any]
KINDS = ("application/json",)


class DecisionRoute:
    """The route, as a plain ASGI application."""

    def __init__(self, service: Service) -> None:
        self.service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request. Raises ProblemError."""
        service = self.service
        body = await read_body(scope, receive, limit=service.settings.decision_body_limit, kinds=KINDS)
        started = time.perf_counter()
        request = read(service, body)
        try:
            decision = decide(service, request)
        except (FactsRefused, UnknownPolicies) as error:
            raise refused(faults(service, request, error)) from None
        told = answer(decision, request.subject, service.clock)
        encoded = msgspec.json.encode(told)
        service.metrics.decided(told["outcomes"], time.perf_counter() - started)
        await send({"type": "http.response.start", "status": 200, "headers": _headers(encoded)})
        await send({"type": "http.response.body", "body": encoded})


def _headers(body: bytes) -> list[tuple[bytes, bytes]]:
    return [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"no-store"),
    ]


def read(service: Service, body: bytes) -> DecisionRequest:
    """The request in the body. Raises ProblemError with every fault there is, those of the facts included."""
    try:
        return read_request(body)
    except NotJsonError as error:
        raise ProblemError(MALFORMED_JSON, str(error)) from None
    except RequestRefused as error:
        problems = [problem.to_dict() for problem in error.problems]
        raise refused([*problems, *faults(service, error.sound)]) from None


def decide(service: Service, request: DecisionRequest) -> Decision:
    """What is decided. Raises FactsRefused, UnknownPolicies."""
    as_of = request.as_of or today(service.clock, service.zone)
    return service.decider.decide(request.facts, as_of=as_of, policies=request.policies, explain=request.explain)


def faults(service: Service, request: DecisionRequest, known: Exception | None = None) -> list[Json]:
    """All that the decider refuses, each with its JSON pointer: unknown policies, then the facts of the others.

    `known` is what it is known to refuse already.
    """
    match known or _refusal(service, request):
        case FactsRefused() as error:
            return [{"pointer": f"/facts/{escape(problem.fact)}", **problem.to_dict()} for problem in error.problems]
        case UnknownPolicies() as error:
            asked = list(request.policies or ())
            rest = tuple(name for name in asked if name not in error.names)
            found = [_unknown(asked.index(name), name, error.hints.get(name)).to_dict() for name in error.names]
            return [*found, *faults(service, replace(request, policies=rest or None))]
        case _:
            return []


def _refusal(service: Service, request: DecisionRequest) -> Exception | None:
    try:
        decide(service, request)
    except (FactsRefused, UnknownPolicies) as error:
        return error
    return None


def _unknown(index: int, name: str, hint: str | None) -> RequestProblem:
    return RequestProblem(f"/policies/{index}", "unknown-policy", name, "a policy that is served", hint)


def refused(listed: list[Json]) -> ProblemError:
    """The problem that tells all of them."""
    kind = FACTS_REFUSED if all("fact" in problem for problem in listed) else REQUEST_REFUSED
    count = f"{len(listed)} problems" if len(listed) > 1 else "1 problem"
    return ProblemError(
        kind, f"{count}: {', '.join(problem['pointer'] or 'the body' for problem in listed[:20])}", problems=listed
    )
