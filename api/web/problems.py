"""Every error of the service, as a problem detail (RFC 9457), and what each of them means.

The table below is closed. `GET /problems/{name}` and `docs/reference/http.md` explain each of its kinds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Self

import msgspec
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from policy_service.decisions.request import format_or_null
from policy_service.messages import Message, join_comma, plain_text

MEDIA_TYPE = "application/problem+json"
CHALLENGE = 'Bearer realm="policy-service"'
"""The header WWW-Authenticate of every 401."""
MISSING = "missing"
"""The code of a required parameter that was not sent."""
UNKNOWN = "unknown"
"""The code of a parameter that there is not."""
REPEATED = "repeated"
"""The code of a parameter that was sent more than once."""
MAX_DETAIL = 2_000
"""Characters of a detail, where `reasons` has the same in full."""


@dataclass(frozen=True, slots=True)
class ProblemType:
    """One kind of error: `name` ends its address, `meaning` says what to do about it."""

    name: str
    status: int
    title: Message
    meaning: str

    @property
    def address(self) -> str:
        """The `type` of the problem, relative to the service's own address."""
        return f"/problems/{self.name}"

    def __reduce__(self) -> tuple[object, ...]:
        return _problem_type, (self.name,)


def _problem_type(name: str) -> ProblemType:
    """Return a kind that comes from another process: there is one of each."""
    return PROBLEMS[name]


MALFORMED_JSON = ProblemType(
    "malformed-json",
    400,
    Message("Malformed JSON"),
    "Send UTF-8 JSON (RFC 8259): no NaN, no Infinity, no name twice in an object, at most 32 levels.",
)
MALFORMED_FORM = ProblemType(
    "malformed-form",
    400,
    Message("Malformed form data"),
    "Send the fields of a page's form, as a browser does, in UTF-8.",
)
MALFORMED_REQUEST = ProblemType(
    "malformed-request",
    400,
    Message("Malformed HTTP request"),
    "Send HTTP/1.1 (RFC 9112). The connection is closed.",
)
OTHER_HOST = ProblemType(
    "other-host",
    400,
    Message("Host not allowed"),
    "The header Host must be one of POLICY_SERVICE_ALLOWED_HOSTS.",
)
NOT_AUTHENTICATED = ProblemType(
    "not-authenticated",
    401,
    Message("Authentication required"),
    "Send `Authorization: Bearer` with an API key or a session token, or sign in: POST /v1/session.",
)
SIGN_IN_REFUSED = ProblemType(
    "sign-in-refused",
    401,
    Message("Invalid credentials"),
    "Check the name and the password; the service does not say which of them is wrong. After five failures "
    "sign-in is blocked for a while.",
)
NOT_ALLOWED = ProblemType(
    "not-allowed",
    403,
    Message("Permission denied"),
    "`detail` says why; docs/reference/roles.md lists the permissions of each role.",
)
CONFIRMATION_NEEDED = ProblemType(
    "confirmation-needed",
    403,
    Message("Re-authentication required"),
    "Send your password with the request, or confirm at your identity provider, and try again.",
)
OTHER_SITE = ProblemType(
    "other-site",
    403,
    Message("Cross-site request rejected"),
    "A session cookie is accepted from pages of this service only; programs use `Authorization: Bearer`.",
)
NOT_FOUND = ProblemType(
    "not-found",
    404,
    Message("Not found"),
    "See /openapi.json for the addresses there are.",
)
UNKNOWN_POLICY = ProblemType(
    "unknown-policy",
    404,
    Message("Unknown policy or version"),
    "GET /v1/policies lists the policies in force.",
)
METHOD_NOT_ALLOWED = ProblemType(
    "method-not-allowed",
    405,
    Message("Method not allowed"),
    "The header Allow lists the methods of this address.",
)
REQUEST_TIMEOUT = ProblemType(
    "request-timeout",
    408,
    Message("Request timeout"),
    "Send the whole request without long pauses; docs/reference/settings.md has the time limits. The "
    "connection is closed.",
)
CONFLICT = ProblemType(
    "conflict",
    409,
    Message("Conflict with the current state"),
    "`detail` says what stands in the way.",
)
REQUEST_IN_FLIGHT = ProblemType(
    "request-in-flight",
    409,
    Message("A request with this idempotency key is in progress"),
    "Send it again after the seconds in Retry-After: the same request then gets the answer of the first.",
)
PRECONDITION_FAILED = ProblemType(
    "precondition-failed",
    412,
    Message("The resource has changed since you read it"),
    "Nothing was done. Read it again, and send its new ETag as If-Match, or the new digest with the signature.",
)
BODY_TOO_LARGE = ProblemType(
    "body-too-large",
    413,
    Message("Request body too large"),
    "`limit` is the maximum number of bytes; see docs/reference/settings.md.",
)
UNSUPPORTED_MEDIA_TYPE = ProblemType(
    "unsupported-media-type",
    415,
    Message("Unsupported media type"),
    "`supported` lists the accepted values of Content-Type; send no Content-Encoding.",
)
REQUEST_REFUSED = ProblemType(
    "request-refused",
    422,
    Message("Invalid request body"),
    "`problems` lists every invalid member, facts included, each by its JSON pointer.",
)
FACTS_REFUSED = ProblemType(
    "facts-refused",
    422,
    Message("Invalid facts"),
    "`problems` lists every fact that is unknown, of another type, out of range or contradicts another, with "
    "its value and what was expected. Nothing was decided.",
)
IDEMPOTENCY_KEY_REUSED = ProblemType(
    "idempotency-key-reused",
    422,
    Message("Idempotency key reused for another request"),
    "Use a new key for a new request; send the same request to get its answer again.",
)
OVERRIDE_UNFIT = ProblemType(
    "override-unfit",
    422,
    Message("Invalid override"),
    "`reasons` lists every reason.",
)
CHANGE_UNFIT = ProblemType(
    "change-unfit",
    422,
    Message("Invalid change"),
    "`reasons` lists every reason; `diagnostics` has the errors of the files, `report` the findings of the analysis.",
)
INVALID_PARAMETER = ProblemType(
    "invalid-parameter",
    422,
    Message("Invalid parameter"),
    "`problems` lists every invalid parameter and what was expected.",
)
PRECONDITION_REQUIRED = ProblemType(
    "precondition-required",
    428,
    Message("If-Match header required"),
    "Read the resource first and send its ETag as If-Match, so that no edit of another is overwritten.",
)
TOO_MANY_ATTEMPTS = ProblemType(
    "too-many-attempts",
    429,
    Message("Too many failed sign-in attempts"),
    "Try again after the seconds in Retry-After; until then the right password is rejected too. Open "
    "sessions, and browsers that the account was signed in with before, are not affected.",
)
HEAD_TOO_LARGE = ProblemType(
    "head-too-large",
    431,
    Message("Request header fields too large"),
    "`limit` is the maximum number of bytes of the request line and the header fields together. The "
    "connection is closed.",
)
INTERNAL_ERROR = ProblemType(
    "internal-error",
    500,
    Message("Internal server error"),
    "The service's own fault, logged under `instance`. Later requests are not affected.",
)
PDF_UNAVAILABLE = ProblemType(
    "pdf-unavailable",
    501,
    Message("PDF not available"),
    "Open the print view and save it as PDF in the browser, or install Pango on the server.",
)
PROVIDER_UNAVAILABLE = ProblemType(
    "provider-unavailable",
    502,
    Message("Identity provider error"),
    "`detail` says what is wrong. Sign in with your password if you have one, or try again.",
)
CHECK_ABANDONED = ProblemType(
    "check-abandoned",
    422,
    Message("Limit of time or memory exceeded"),
    "Ask for less at a time: split a policy, narrow the filters, leave out columns. Commands have no such limit.",
)
NOT_READY = ProblemType(
    "not-ready",
    503,
    Message("Decision engine not ready"),
    "Try again after the seconds in Retry-After; GET /readyz says more. Nothing was decided.",
)
BUSY = ProblemType(
    "busy",
    503,
    Message("Server busy"),
    "Try again after the seconds in Retry-After.",
)
DATABASE_UNAVAILABLE = ProblemType(
    "database-unavailable",
    503,
    Message("Database unavailable"),
    "`detail` says why. Nothing was written; try again after the seconds in Retry-After.",
)
FILES_UNAVAILABLE = ProblemType(
    "files-unavailable",
    503,
    Message("Files unavailable"),
    "`detail` says why. Make room, or correct the folders of jobs and temporary files; then try again.",
)
DAMAGED_RECORD = ProblemType(
    "damaged-record",
    503,
    Message("Damaged record"),
    "`detail` names the row; nothing of it is used. Run `policy-service audit verify`, and compare with a backup.",
)

PROBLEMS: Mapping[str, ProblemType] = {
    value.name: value for value in tuple(globals().values()) if isinstance(value, ProblemType)
}
"""Every problem type of this module, by its name: those that have an address."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One error as it is answered; `extensions` are further members besides those of RFC 9457."""

    kind: ProblemType
    detail: str
    extensions: Mapping[str, object] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Further reasons, one sentence each."""
        reasons = self.extensions.get("reasons", ())
        return tuple(map(str, reasons)) if isinstance(reasons, list | tuple) else ()

    def to_dict(self, instance: str) -> dict[str, object]:
        kind = self.kind
        head = {
            "type": kind.address,
            "title": kind.title,
            "status": kind.status,
            "detail": self.detail[:MAX_DETAIL] if "reasons" in self.extensions else self.detail,
            "instance": instance,
        }
        return {**head, **self.extensions}

    def response(self, instance: str) -> Response:
        """Return the answer; `instance` names this occurrence, in the log too."""
        body = msgspec.json.encode(self.to_dict(instance), enc_hook=plain_text)
        return Response(body, self.kind.status, {**self.headers, "cache-control": "no-store"}, MEDIA_TYPE)


class ProblemError(Exception):
    """A request that cannot be answered as asked."""

    def __init__(
        self, kind: ProblemType, detail: str, *, headers: Mapping[str, str] | None = None, **extensions: object
    ) -> None:
        super().__init__(detail)
        self.problem = Problem(kind, detail, extensions, headers or {})

    @classmethod
    def from_problem(cls, problem: Problem) -> Self:
        """Return the error of a problem that is known."""
        return cls(problem.kind, problem.detail, headers=problem.headers, **problem.extensions)


def router_problem(request: Request, error: HTTPException | RequestValidationError) -> Problem:
    """Build the problem of what the router rejects."""
    if isinstance(error, RequestValidationError):
        return parameter_problem(error.errors())
    match error.status_code:
        case HTTPStatus.METHOD_NOT_ALLOWED:
            allow = (error.headers or {}).get("Allow", "")
            others = allow or Message("other methods")
            detail = Message("{method} is not allowed here, {others} is", method=request.method, others=others)
            return Problem(METHOD_NOT_ALLOWED, detail, headers={"Allow": allow})
        case status if status < HTTPStatus.INTERNAL_SERVER_ERROR:
            return Problem(NOT_FOUND, Message("no such address"))
        case _:
            return Problem(INTERNAL_ERROR, Message("something went wrong"))


def parameter_problem(errors: Iterable[Mapping[str, Any]]) -> Problem:
    """Return the problem of wrong parameters, given the errors of a RequestValidationError."""
    return invalid_parameters_error(map(_fault, errors)).problem


def _fault(error: Mapping[str, Any]) -> dict[str, Any]:
    parameter, hint = ".".join(map(str, error["loc"][1:])), {"hint": error["hint"]} if "hint" in error else {}
    if error["type"] == MISSING:
        return {"parameter": parameter, "code": MISSING, "value": "", "expected": Message("a value"), **hint}
    code = error["type"] if error["type"] in {UNKNOWN, REPEATED} else "mistyped"
    return parameter_fault(parameter, error.get("input"), _expected(str(error["msg"])), code, **hint)


def parameter_fault(
    parameter: str, value: object, expected: str, code: str = "mistyped", **hint: object
) -> dict[str, Any]:
    """Return the error of a parameter."""
    return {"parameter": parameter, "code": code, "value": format_or_null(value), "expected": expected, **hint}


def invalid_parameters_error(faults: Iterable[Mapping[str, Any]]) -> ProblemError:
    """Return the problem with all faults of parameters."""
    problems = list(faults)
    return ProblemError(
        INVALID_PARAMETER, invalid_parameters_detail(str(each["parameter"]) for each in problems), problems=problems
    )


def invalid_parameters_detail(names: Iterable[str]) -> Message:
    """Return the message that parameters with these names are wrong."""
    return Message("refused: {names}", names=join_comma(names))


def _expected(message: str) -> str:
    return message.removeprefix("Input should be ").removeprefix("Value error, ")
