"""What the library refuses, as problems: the sentence is the library's, the kind is HTTP's."""

from __future__ import annotations

from datetime import datetime

from api.members import as_problem, refused
from api.problems import (
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
    Problem,
    refused_parameters,
)
from policy_service.approval import service as approval
from policy_service.audit.keys import Damaged, NoKey
from policy_service.audit.proofs import NotProvable
from policy_service.damaged import DamagedRecord
from policy_service.database import DatabaseUnavailable
from policy_service.decisions import overrides, subjects
from policy_service.decisions.desk import InFlight
from policy_service.decisions.in_force import NotReady
from policy_service.decisions.master_keys import KeyFileFault
from policy_service.decisions.records import UnknownDecision
from policy_service.decisions.replay import NotReplayable
from policy_service.decisions.request import A_KIND, AN_ID, shown
from policy_service.decisions.seals import NotSealed
from policy_service.decisions.writer import Busy
from policy_service.idempotency import KeyReused
from policy_service.identity.refusals import (
    Malformed,
    NotAllowed,
    NotConfirmed,
    NotPossible,
    NotSignedIn,
    Outdated,
    ProviderRefused,
    ProviderUnavailable,
    SignInBlocked,
    SignInRefused,
    UnknownAccount,
    UnknownKey,
)
from policy_service.packs.entries import NotSigned
from policy_service.registry.service import UnknownVersion
from policy_service.sentences import Sentence, on_one_line
from policy_service.subject import InvalidSubject

CHALLENGE = {"WWW-Authenticate": 'Bearer realm="policy-service"'}


def of_library(error: Exception, now: datetime) -> Problem | None:
    """The problem that an exception of the library's tells; None when it is a fault of the service's own."""
    match error:
        case approval.Refused():
            return _of_approval(error)
        case KeyReused():
            return Problem(IDEMPOTENCY_KEY_REUSED, str(error))
        case Malformed(faults=faults):
            return refused(map(as_problem, faults)).problem
        case NotAllowed():
            return Problem(NOT_ALLOWED, str(error))
        case NotConfirmed():
            return Problem(CONFIRMATION_NEEDED, str(error))
        case NotPossible():
            return Problem(CONFLICT, str(error))
        case Outdated():
            return Problem(PRECONDITION_FAILED, str(error))
        case NotSignedIn():
            return Problem(NOT_AUTHENTICATED, str(error), headers=CHALLENGE)
        case SignInRefused() | ProviderRefused():
            return Problem(SIGN_IN_REFUSED, str(error), headers=CHALLENGE)
        case SignInBlocked(until=until):
            return too_many(str(error), (until - now).total_seconds())
        case ProviderUnavailable():
            return Problem(PROVIDER_UNAVAILABLE, str(error))
        case UnknownAccount() | UnknownKey():
            return Problem(NOT_FOUND, str(error))
        case NoKey():
            return Problem(CONFLICT, Sentence("the log's keys are not here: run `policy-service init`"))
        case Damaged():
            return Problem(CONFLICT, Sentence("the file of checkpoints kept elsewhere was altered"))
        case NotSigned() | KeyFileFault():
            return Problem(CONFLICT, str(error))
        case DamagedRecord():
            return Problem(DAMAGED_RECORD, str(error))
        case UnknownVersion():
            told = Sentence("What is on record names a version that is not there: {fault}.", fault=str(error))
            return Problem(DAMAGED_RECORD, told)
        case DatabaseUnavailable():
            return Problem(DATABASE_UNAVAILABLE, str(error), headers={"Retry-After": "5"})
        case _:
            return _of_decisions(error)


def _of_decisions(error: Exception) -> Problem | None:
    """What was refused about decisions, exceptions and subjects."""
    match error:
        case overrides.Forbidden() | subjects.Forbidden():
            return Problem(NOT_ALLOWED, str(error))
        case overrides.UnknownOverride() | UnknownDecision():
            return Problem(NOT_FOUND, str(error))
        case overrides.OverrideRefused(problems=reasons):
            return Problem(OVERRIDE_UNFIT, str(error), {"reasons": list(reasons)})
        case InvalidSubject():
            return _of_subject(error)
        case subjects.SubjectRefused() | NotReplayable():
            return Problem(CONFLICT, str(error))
        case NotSealed() | NotProvable():
            return Problem(CONFLICT, str(error), headers={"Retry-After": "10"})
        case InFlight():
            return Problem(REQUEST_IN_FLIGHT, str(error), headers={"Retry-After": "1"})
        case NotReady():
            return Problem(NOT_READY, str(error), headers={"Retry-After": "1"})
        case Busy():
            return Problem(BUSY, str(error), headers={"Retry-After": "1"})
        case _:
            return None


def _of_subject(error: InvalidSubject) -> Problem:
    """What is wrong with a subject that was looked for."""
    given = {"subject": (error.subject.id, AN_ID), "kind": (error.subject.kind, A_KIND)}
    problems = [
        {
            "parameter": part,
            "code": "mistyped",
            "value": shown(given[part][0]),
            "expected": given[part][1],
            "hint": fault,
        }
        for part, fault in error.faults.items()
    ]
    return Problem(INVALID_PARAMETER, refused_parameters(error.faults), {"problems": problems})


def _of_approval(error: approval.Refused) -> Problem:
    """What was refused about a change or a suspension."""
    sentence = on_one_line(error.sentence)
    match error:
        case approval.UnknownChange():
            return Problem(NOT_FOUND, sentence)
        case approval.Forbidden():
            return Problem(NOT_ALLOWED, sentence)
        case approval.Stale():
            return Problem(PRECONDITION_FAILED, sentence)
        case approval.Unfit(sentences=sentences, diagnostics=diagnostics, report=report):
            more = {"reasons": list(sentences), "diagnostics": list(diagnostics), "report": report}
            return Problem(CHANGE_UNFIT, sentence, {name: value for name, value in more.items() if value})
        case _:
            return Problem(CONFLICT, sentence, {"reasons": list(error.sentences)})


def too_many(detail: str, seconds: float) -> Problem:
    """Too many attempts; `seconds` is how long to wait."""
    return Problem(TOO_MANY_ATTEMPTS, detail, headers={"Retry-After": str(max(1, round(seconds)))})
