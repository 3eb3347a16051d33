"""Exceptions as problems: `kind` of the library's names the problem type, `problems.py` has its status and title."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus

from api.web.json_body import invalid_body_error, problem_of_field_error
from api.web.parameters import A_CURSOR
from api.web.problems import (
    CHALLENGE,
    INTERNAL_ERROR,
    PROBLEMS,
    Problem,
    ProblemError,
    invalid_parameters_error,
    parameter_fault,
)
from policy_service.decisions.request import A_KIND, AN_ID
from policy_service.errors import FilesUnavailable, PolicyServiceError, stack_frames
from policy_service.identity.errors import IdentityValidationFailed
from policy_service.messages import Message
from policy_service.paging import InvalidCursor
from policy_service.subject import InvalidSubject


def problem_or_fault(error: Exception, now: datetime) -> tuple[Problem, dict[str, object]]:
    """Return the problem of any exception, and what is logged of a fault: where it is, nothing of the request."""
    problem = problem_of(error, now)
    if problem is not None and not isinstance(error, OSError):
        return problem, {}
    internal_error = Problem(INTERNAL_ERROR, Message("the service failed; see its log"))
    return problem or internal_error, {"error": type(error).__name__, "where": stack_frames(error)}


def problem_of(error: Exception, now: datetime) -> Problem | None:
    """Return the problem of an exception; None when it is a fault of the service's own."""
    match error:
        case ProblemError():
            return error.problem
        case IdentityValidationFailed():
            return invalid_body_error(map(problem_of_field_error, error.errors)).problem
        case InvalidSubject():
            return _subject_problem(error)
        case InvalidCursor():
            return invalid_parameters_error([parameter_fault("cursor", str(error), A_CURSOR)]).problem
        case PolicyServiceError():
            return Problem(PROBLEMS[error.kind], error.detail, error.extensions, _headers(error, now))
        case _:
            unavailable = FilesUnavailable.because_of(error)
            return None if unavailable is None else problem_of(unavailable, now)


def _headers(error: PolicyServiceError, now: datetime) -> Mapping[str, str]:
    """Return the headers that go with a problem: how to authenticate, when to try again."""
    headers = {}
    if PROBLEMS[error.kind].status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = CHALLENGE
    if (seconds := error.retry_after(now)) is not None:
        headers["Retry-After"] = str(seconds)
    return headers


def _subject_problem(error: InvalidSubject) -> Problem:
    """Return the problem of a subject that was looked for and that no subject can be."""
    parameters = {"subject": (error.subject.id, AN_ID), "kind": (error.subject.kind, A_KIND)}
    faults = (parameter_fault(name, *parameters[name], hint=hint) for name, hint in error.errors.items())
    return invalid_parameters_error(faults).problem
