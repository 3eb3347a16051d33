"""Every error of the service, as a problem detail (RFC 9457), and what each of them means.

The table below is closed. `GET /problems/{name}` and `docs/reference/http.md` explain each of its kinds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Self

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

    def to_dict(self) -> dict[str, object]:
        """As JSON."""
        return {"type": self.address, "title": self.title, "status": self.status, "meaning": self.meaning}


def _problem_type(name: str) -> ProblemType:
    """A kind that comes from another process: there is one of each."""
    return PROBLEMS[name]


MALFORMED_JSON = ProblemType(
    "malformed-json",
    400,
    Message("The body is not JSON that can be read exactly"),
    "Send UTF-8 JSON (RFC 8259): no NaN, no Infinity, no name twice in an object, at most 32 levels.",
)
MALFORMED_FORM = ProblemType(
    "malformed-form",
    400,
    Message("The form cannot be read"),
    "Send the fields of a page's form, as a browser does, in UTF-8.",
)
MALFORMED_REQUEST = ProblemType(
    "malformed-request",
    400,
    Message("The request is not valid HTTP"),
    "Send HTTP/1.1 (RFC 9112). The connection is closed.",
)
OTHER_HOST = ProblemType(
    "other-host",
    400,
    Message("This host is not served here"),
    "Ask for the service by its own name: the header Host must be one that the settings allow.",
)
NOT_AUTHENTICATED = ProblemType(
    "not-authenticated",
    401,
    Message("It has to be known who asks"),
    "Send `Authorization: Bearer` with an API key or a session's token, or sign in: POST /v1/session.",
)
SIGN_IN_REFUSED = ProblemType(
    "sign-in-refused",
    401,
    Message("Name and password do not fit"),
    "Try again; which of the two is wrong is not told. After five times nobody is let in from there for a while.",
)
NOT_ALLOWED = ProblemType(
    "not-allowed",
    403,
    Message("Whoever asks may not do this"),
    "`detail` says why; docs/reference/roles.md says who may do what.",
)
CONFIRMATION_NEEDED = ProblemType(
    "confirmation-needed",
    403,
    Message("The act needs a fresh proof of who you are"),
    "Send your password with the request, or confirm at your provider of identities, and try again.",
)
OTHER_SITE = ProblemType(
    "other-site",
    403,
    Message("The request comes from another site"),
    "A browser's session is taken from the service's own pages only; programs use `Authorization: Bearer`.",
)
NOT_FOUND = ProblemType(
    "not-found", 404, Message("There is nothing at this address"), "See /openapi.json for what there is."
)
UNKNOWN_POLICY = ProblemType(
    "unknown-policy",
    404,
    Message("There is no such policy, or no such version"),
    "GET /v1/policies lists all policies that are served.",
)
METHOD_NOT_ALLOWED = ProblemType(
    "method-not-allowed",
    405,
    Message("This address does not take this method"),
    "The header Allow names the methods it takes.",
)
REQUEST_TIMEOUT = ProblemType(
    "request-timeout",
    408,
    Message("The request did not arrive in time"),
    "Send the whole request without long pauses; see the settings for the time it may take. The connection is closed.",
)
CONFLICT = ProblemType(
    "conflict", 409, Message("It cannot be done as things are now"), "`detail` says what stands in the way."
)
REQUEST_IN_FLIGHT = ProblemType(
    "request-in-flight",
    409,
    Message("A request with this idempotency key is under way"),
    "Send it again after the seconds in Retry-After; once the first is answered, the same request gets its answer.",
)
PRECONDITION_FAILED = ProblemType(
    "precondition-failed",
    412,
    Message("It is not as you have seen it any more"),
    "Nothing was done. Read it again, and send its new ETag as If-Match, or the new digest in what is signed.",
)
BODY_TOO_LARGE = ProblemType(
    "body-too-large",
    413,
    Message("The body is larger than is read"),
    "`limit` says how many bytes are read; see the settings for it.",
)
UNSUPPORTED_MEDIA_TYPE = ProblemType(
    "unsupported-media-type",
    415,
    Message("The body is of a kind that is not read here"),
    "`supported` lists the values of Content-Type that are; send no Content-Encoding.",
)
REQUEST_REFUSED = ProblemType(
    "request-refused",
    422,
    Message("The request has members that are wrong"),
    "`problems` names every member that is wrong, facts included, each by its JSON pointer.",
)
FACTS_REFUSED = ProblemType(
    "facts-refused",
    422,
    Message("Facts are unknown, mistyped, out of range or contradict each other"),
    "`problems` names every such fact, its value and what was expected. Nothing was decided.",
)
IDEMPOTENCY_KEY_REUSED = ProblemType(
    "idempotency-key-reused",
    422,
    Message("The idempotency key was used for another request"),
    "Take a new key for a new request; send the same request to get its answer again.",
)
OVERRIDE_UNFIT = ProblemType(
    "override-unfit",
    422,
    Message("The exception cannot be made or ended as asked"),
    "`reasons` has everything that stands against it.",
)
CHANGE_UNFIT = ProblemType(
    "change-unfit",
    422,
    Message("The change cannot be accepted as it is"),
    "`reasons` has everything that is wrong; `diagnostics` the faults of the files, `report` what the analysis found.",
)
INVALID_PARAMETER = ProblemType(
    "invalid-parameter",
    422,
    Message("A parameter of the address is wrong"),
    "`problems` names each of them and what was expected.",
)
PRECONDITION_REQUIRED = ProblemType(
    "precondition-required",
    428,
    Message("It has to be said which state was seen"),
    "Read it first and send its ETag as If-Match, so that nobody's edit is overlooked.",
)
TOO_MANY_ATTEMPTS = ProblemType(
    "too-many-attempts",
    429,
    Message("Too many passwords were wrong"),
    "Try again after the seconds in Retry-After; until then not even the right password is taken from there. "
    "An open session and a browser that was signed in with before are not held up by what others type.",
)
HEAD_TOO_LARGE = ProblemType(
    "head-too-large",
    431,
    Message("Request header fields too large"),
    "`limit` says how many bytes the request line and the header fields may have together. The connection is closed.",
)
INTERNAL_ERROR = ProblemType(
    "internal-error",
    500,
    Message("The service failed to answer"),
    "It is the service's fault and was logged under `instance`. The next request is answered as ever.",
)
PDF_UNAVAILABLE = ProblemType(
    "pdf-unavailable",
    501,
    Message("PDF files are not made here"),
    "Open the print view and let the browser save it as PDF, or install Pango on the machine of the service.",
)
PROVIDER_UNAVAILABLE = ProblemType(
    "provider-unavailable",
    502,
    Message("The provider of identities does not answer as it should"),
    "`detail` says what is wrong. Sign in with your password if you have one, or try again.",
)
CHECK_ABANDONED = ProblemType(
    "check-abandoned",
    422,
    Message("The policy file takes too long to check"),
    "Split the policy into several; `policy-service check` has no such limit.",
)
NOT_READY = ProblemType(
    "not-ready",
    503,
    Message("The versions in force cannot decide at this moment"),
    "Try again after the seconds in Retry-After; GET /readyz says more. Nothing was decided.",
)
BUSY = ProblemType(
    "busy", 503, Message("Too many wait for the same already"), "Try again after the seconds in Retry-After."
)
DATABASE_UNAVAILABLE = ProblemType(
    "database-unavailable",
    503,
    Message("The database does not answer"),
    "`detail` says why. Nothing was written; try again after the seconds in Retry-After.",
)
DAMAGED_RECORD = ProblemType(
    "damaged-record",
    503,
    Message("A record is damaged"),
    "`detail` names the row, of which nothing is used. Run `policy-service audit verify`, and compare with a backup.",
)

PROBLEMS: Mapping[str, ProblemType] = {
    value.name: value for value in tuple(globals().values()) if isinstance(value, ProblemType)
}
"""Every problem type of this module, by its name: those that have an address."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One error as it is answered; `extensions` are members of its own, beside those of RFC 9457."""

    kind: ProblemType
    detail: str
    extensions: Mapping[str, object] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    def to_dict(self, instance: str) -> dict[str, object]:
        """As JSON."""
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
        """The answer; `instance` names this occurrence, in the log too."""
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
        """The error of a problem that is known."""
        return cls(problem.kind, problem.detail, headers=problem.headers, **problem.extensions)

    def __reduce__(self) -> tuple[object, ...]:
        return ProblemError.from_problem, (self.problem,)


def http_problem(request: Request, error: HTTPException) -> Problem:
    """What the router refused, as a problem."""
    match error.status_code:
        case HTTPStatus.METHOD_NOT_ALLOWED:
            allow = (error.headers or {}).get("Allow", "")
            others = allow or Message("other methods")
            detail = Message("{method} is not taken here, {others} is", method=request.method, others=others)
            return Problem(METHOD_NOT_ALLOWED, detail, headers={"Allow": allow})
        case status if status < HTTPStatus.INTERNAL_SERVER_ERROR:
            return Problem(NOT_FOUND, Message("no such address"))
        case _:
            return Problem(INTERNAL_ERROR, Message("something went wrong"))


def parameter_problem(error: RequestValidationError) -> Problem:
    """Wrong parameters, as a problem."""
    problems: Sequence[Mapping[str, object]] = [
        {
            "parameter": ".".join(map(str, item["loc"][1:])),
            "code": "missing" if item["type"] == "missing" else "mistyped",
            "value": format_or_null(item.get("input")),
            "expected": _expected(str(item["msg"])),
        }
        for item in error.errors()
    ]
    return Problem(
        INVALID_PARAMETER,
        invalid_parameters_detail(str(item["parameter"]) for item in problems),
        {"problems": problems},
    )


def invalid_parameters_detail(names: Iterable[str]) -> Message:
    """That parameters with these names are wrong."""
    return Message("refused: {names}", names=join_comma(names))


def _expected(message: str) -> str:
    return message.removeprefix("Input should be ").removeprefix("Value error, ")
