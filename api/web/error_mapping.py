"""What the library refuses, as problems: the sentence is the library's, the kind is HTTP's."""

from __future__ import annotations

from datetime import datetime

from api.web.json_body import invalid_body_error, problem_of_field_error
from api.web.problems import (
    BUSY,
    CHANGE_UNFIT,
    CONFIRMATION_NEEDED,
    CONFLICT,
    DAMAGED_RECORD,
    DATABASE_UNAVAILABLE,
    IDEMPOTENCY_KEY_REUSED,
    INVALID_PARAMETER,
    NOT_ALLOWED,
    NOT_AUTHENTICATED,
    NOT_FOUND,
    NOT_READY,
    OVERRIDE_UNFIT,
    PRECONDITION_FAILED,
    PROVIDER_UNAVAILABLE,
    REQUEST_IN_FLIGHT,
    SIGN_IN_REFUSED,
    TOO_MANY_ATTEMPTS,
    UNKNOWN_POLICY,
    Problem,
    invalid_parameters_detail,
)
from policy_service.approval import service as approval
from policy_service.audit.keys import InvalidSignedLine, KeyUnavailable
from policy_service.audit.proofs import ProofUnavailable
from policy_service.database import DatabaseUnavailable
from policy_service.decisions import override_store, subjects
from policy_service.decisions.block_store import NotSealed
from policy_service.decisions.in_force import NotReady
from policy_service.decisions.master_keys import KeyFileError
from policy_service.decisions.record_queries import UnknownDecision
from policy_service.decisions.replay import NotReplayable
from policy_service.decisions.request import A_KIND, AN_ID, format_or_null
from policy_service.decisions.service import RequestInFlight
from policy_service.decisions.writer import QueueFull
from policy_service.idempotency import IdempotencyKeyReused
from policy_service.identity.errors import (
    AuthenticationFailed,
    IdentityConflict,
    IdentityPermissionDenied,
    IdentityValidationFailed,
    ProviderRejected,
    ProviderUnavailable,
    ReauthenticationRequired,
    SignInFailed,
    SignInThrottled,
    StaleAccount,
    UnknownAccount,
    UnknownApiKey,
)
from policy_service.integrity import DamagedRecord
from policy_service.messages import Message, single_line
from policy_service.packs.entries import LogNotSigned
from policy_service.registry.service import UnknownVersion
from policy_service.registry.snapshot import UnknownPolicy
from policy_service.subject import InvalidSubject

CHALLENGE = {"WWW-Authenticate": 'Bearer realm="policy-service"'}


def library_problem(error: Exception, now: datetime) -> Problem | None:
    """The problem that an exception of the library's tells; None when it is a fault of the service's own."""
    match error:
        case approval.OperationRejected():
            return _approval_problem(error)
        case IdempotencyKeyReused():
            return Problem(IDEMPOTENCY_KEY_REUSED, str(error))
        case IdentityValidationFailed(errors=faults):
            return invalid_body_error(map(problem_of_field_error, faults)).problem
        case IdentityPermissionDenied():
            return Problem(NOT_ALLOWED, str(error))
        case ReauthenticationRequired():
            return Problem(CONFIRMATION_NEEDED, str(error))
        case IdentityConflict():
            return Problem(CONFLICT, str(error))
        case StaleAccount():
            return Problem(PRECONDITION_FAILED, str(error))
        case AuthenticationFailed():
            return Problem(NOT_AUTHENTICATED, str(error), headers=CHALLENGE)
        case SignInFailed() | ProviderRejected():
            return Problem(SIGN_IN_REFUSED, str(error), headers=CHALLENGE)
        case SignInThrottled(until=until):
            return too_many_attempts(str(error), (until - now).total_seconds())
        case ProviderUnavailable():
            return Problem(PROVIDER_UNAVAILABLE, str(error))
        case UnknownAccount() | UnknownApiKey():
            return Problem(NOT_FOUND, str(error))
        case KeyUnavailable():
            return Problem(CONFLICT, Message("the log's keys are not here: run `policy-service init`"))
        case InvalidSignedLine():
            return Problem(CONFLICT, Message("the file of checkpoints kept elsewhere was altered"))
        case LogNotSigned() | KeyFileError():
            return Problem(CONFLICT, str(error))
        case DamagedRecord():
            return Problem(DAMAGED_RECORD, str(error))
        case UnknownPolicy(hint=hint):
            return Problem(UNKNOWN_POLICY, str(error), {"hint": hint})
        case UnknownVersion():
            detail = Message("What is on record names a version that is not there: {fault}.", fault=str(error))
            return Problem(DAMAGED_RECORD, detail)
        case DatabaseUnavailable():
            return Problem(DATABASE_UNAVAILABLE, str(error), headers={"Retry-After": "5"})
        case _:
            return _decision_problem(error)


def _decision_problem(error: Exception) -> Problem | None:
    """What was refused about decisions, exceptions and subjects."""
    match error:
        case override_store.OverridePermissionDenied() | subjects.ErasurePermissionDenied():
            return Problem(NOT_ALLOWED, str(error))
        case override_store.UnknownOverride() | UnknownDecision():
            return Problem(NOT_FOUND, str(error))
        case override_store.OverrideRejected(problems=reasons):
            return Problem(OVERRIDE_UNFIT, str(error), {"reasons": list(reasons)})
        case InvalidSubject():
            return _subject_problem(error)
        case subjects.ErasureRejected() | NotReplayable():
            return Problem(CONFLICT, str(error))
        case NotSealed() | ProofUnavailable():
            return Problem(CONFLICT, str(error), headers={"Retry-After": "10"})
        case RequestInFlight():
            return Problem(REQUEST_IN_FLIGHT, str(error), headers={"Retry-After": "1"})
        case NotReady():
            return Problem(NOT_READY, str(error), headers={"Retry-After": "1"})
        case QueueFull():
            return Problem(BUSY, str(error), headers={"Retry-After": "1"})
        case _:
            return None


def _subject_problem(error: InvalidSubject) -> Problem:
    """What is wrong with a subject that was looked for."""
    parameters = {"subject": (error.subject.id, AN_ID), "kind": (error.subject.kind, A_KIND)}
    problems = [
        {
            "parameter": parameter,
            "code": "mistyped",
            "value": format_or_null(parameters[parameter][0]),
            "expected": parameters[parameter][1],
            "hint": hint,
        }
        for parameter, hint in error.errors.items()
    ]
    return Problem(INVALID_PARAMETER, invalid_parameters_detail(error.errors), {"problems": problems})


def _approval_problem(error: approval.OperationRejected) -> Problem:
    """What was refused about a change or a suspension."""
    detail = single_line(error.message)
    match error:
        case approval.UnknownChange():
            return Problem(NOT_FOUND, detail)
        case approval.PermissionDenied():
            return Problem(NOT_ALLOWED, detail)
        case approval.StaleChange():
            return Problem(PRECONDITION_FAILED, detail)
        case approval.ValidationFailed(messages=sentences, diagnostics=diagnostics, report=report):
            extensions = {"reasons": list(sentences), "diagnostics": list(diagnostics), "report": report}
            return Problem(CHANGE_UNFIT, detail, {name: value for name, value in extensions.items() if value})
        case _:
            return Problem(CONFLICT, detail, {"reasons": list(error.messages)})


def too_many_attempts(detail: str, seconds: float) -> Problem:
    """Too many attempts; `seconds` is how long to wait."""
    return Problem(TOO_MANY_ATTEMPTS, detail, headers={"Retry-After": str(max(1, round(seconds)))})
