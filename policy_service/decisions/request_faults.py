"""Collects every error of a request for a decision, each with its JSON pointer, as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from policy_service.decisions.evaluation import Question
from policy_service.decisions.in_force import InForce, NotReady
from policy_service.decisions.request import DecisionRequest, InvalidRequest, RequestProblem, escape_pointer
from policy_service.errors import FactsRejected, UnknownPolicies, UnknownSubjectKind, WrongSubjectKind
from policy_service.language.diagnostics import did_you_mean
from policy_service.messages import plain_text
from policy_service.subject import Subject

Json = dict[str, Any]
OTHER_KIND, UNKNOWN_KIND = "other-kind", "unknown-kind"
POLICY_ENDED = "policy-ended"
KIND_CODES = (OTHER_KIND, UNKNOWN_KIND)
"""The error codes about the kind of the subject."""


def invalid_request_faults(in_force: InForce, error: InvalidRequest, day: date) -> list[Json]:
    """Return the errors of a request and, as far as its members are valid, those of its facts."""
    problems = [problem.to_dict() for problem in error.problems]
    fact_problems = request_faults(in_force, error.valid_members, day)
    if any(problem.pointer == "/kind" for problem in error.problems):  # which kind was meant is not known
        fact_problems = [problem for problem in fact_problems if problem["code"] not in KIND_CODES]
    return [*problems, *fact_problems]


def request_faults(
    in_force: InForce,
    request: DecisionRequest,
    day: date,
    refusal: Exception | None = None,
    requested: Sequence[str] | None = None,
) -> list[Json]:
    """Return all that the decider rejects: unknown policies, then the facts of the others.

    `day` replaces a missing day. `refusal` is a rejection already known, `requested` the requested policies in order.
    """
    match refusal or _refusal(in_force, request, day):
        case FactsRejected() as error:
            return [
                {"pointer": f"/facts/{escape_pointer(problem.fact)}", **problem.to_dict()} for problem in error.problems
            ]
        case UnknownPolicies() as error:
            policies = request.policies or ()
            rest = tuple(name for name in policies if name not in error.names)
            every = policies if requested is None else requested
            unknown = [_unknown(every.index(name), name, error).to_dict() for name in error.names]
            return [*unknown, *request_faults(in_force, replace(request, policies=rest or None), day, requested=every)]
        case UnknownSubjectKind() as error:
            expected = f"a kind that policies in force are about, one of {', '.join(error.kinds)}"
            hint = did_you_mean(error.kind, error.kinds)
            return [RequestProblem("/kind", UNKNOWN_KIND, error.kind, expected, hint).to_dict()]
        case _:
            return []


def _refusal(in_force: InForce, request: DecisionRequest, day: date) -> Exception | None:
    try:
        subject = Subject(request.subject, request.kind)
        in_force.evaluate(Question(subject, request.facts, request.as_of or day, request.policies))
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
