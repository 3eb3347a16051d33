"""Every error of the service, as a problem detail (RFC 9457), and what each of them means.

The table below is closed. `GET /problems/{name}` and `docs/reference/http.md` explain each of its kinds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus

import msgspec
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from policy_service.decisions.request import shown

MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True)
class ProblemType:
    """One kind of error: `name` ends its address, `meaning` says what to do about it."""

    name: str
    status: int
    title: str
    meaning: str

    @property
    def address(self) -> str:
        """The `type` of the problem, relative to the service's own address."""
        return f"/problems/{self.name}"

    def to_dict(self) -> dict[str, object]:
        """As JSON."""
        return {"type": self.address, "title": self.title, "status": self.status, "meaning": self.meaning}


MALFORMED_JSON = ProblemType(
    "malformed-json",
    400,
    "The body is not JSON that can be read exactly",
    "Send UTF-8 JSON (RFC 8259): no NaN, no Infinity, no name twice in an object, at most 32 levels.",
)
NOT_FOUND = ProblemType("not-found", 404, "There is nothing at this address", "See /openapi.json for what there is.")
UNKNOWN_POLICY = ProblemType(
    "unknown-policy",
    404,
    "There is no such policy, or no such version",
    "GET /v1/policies lists all policies that are served.",
)
METHOD_NOT_ALLOWED = ProblemType(
    "method-not-allowed", 405, "This address does not take this method", "The header Allow names the methods it takes."
)
BODY_TOO_LARGE = ProblemType(
    "body-too-large",
    413,
    "The body is larger than is read",
    "`limit` says how many bytes are read; see the settings for it.",
)
UNSUPPORTED_MEDIA_TYPE = ProblemType(
    "unsupported-media-type",
    415,
    "The body is of a kind that is not read here",
    "`supported` lists the values of Content-Type that are; send no Content-Encoding.",
)
REQUEST_REFUSED = ProblemType(
    "request-refused",
    422,
    "The request asks nothing that can be decided",
    "`problems` names every member that is wrong, facts included, each by its JSON pointer.",
)
FACTS_REFUSED = ProblemType(
    "facts-refused",
    422,
    "Facts are unknown, mistyped, out of range or contradict each other",
    "`problems` names every such fact, its value and what was expected. Nothing was decided.",
)
INVALID_PARAMETER = ProblemType(
    "invalid-parameter",
    422,
    "A parameter of the address is wrong",
    "`problems` names each of them and what was expected.",
)
INTERNAL_ERROR = ProblemType(
    "internal-error",
    500,
    "The service failed to answer",
    "It is the service's fault and was logged under `instance`. The next request is answered as ever.",
)
CHECK_ABANDONED = ProblemType(
    "check-abandoned",
    422,
    "The policy file takes too long to check",
    "Split the policy into several; `policy-service check` has no such limit.",
)
BUSY = ProblemType(
    "busy", 503, "Too many policy files are being checked", "Try again after the seconds in Retry-After."
)

PROBLEMS: Mapping[str, ProblemType] = {
    kind.name: kind
    for kind in (
        MALFORMED_JSON,
        NOT_FOUND,
        UNKNOWN_POLICY,
        METHOD_NOT_ALLOWED,
        BODY_TOO_LARGE,
        UNSUPPORTED_MEDIA_TYPE,
        REQUEST_REFUSED,
        FACTS_REFUSED,
        INVALID_PARAMETER,
        INTERNAL_ERROR,
        CHECK_ABANDONED,
        BUSY,
    )
}
"""Every kind of problem, by its name."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One error as it is answered; `more` are members of its own, beside those of RFC 9457."""

    kind: ProblemType
    detail: str
    more: Mapping[str, object] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    def to_dict(self, instance: str) -> dict[str, object]:
        """As JSON."""
        kind = self.kind
        head = {
            "type": kind.address,
            "title": kind.title,
            "status": kind.status,
            "detail": self.detail,
            "instance": instance,
        }
        return {**head, **self.more}

    def response(self, instance: str) -> Response:
        """The answer; `instance` names this occurrence, in the log too."""
        body = msgspec.json.encode(self.to_dict(instance))
        return Response(body, self.kind.status, {**self.headers, "cache-control": "no-store"}, MEDIA_TYPE)


class ProblemError(Exception):
    """A request that cannot be answered as asked."""

    def __init__(
        self, kind: ProblemType, detail: str, *, headers: Mapping[str, str] | None = None, **more: object
    ) -> None:
        super().__init__(detail)
        self.problem = Problem(kind, detail, more, headers or {})


def of_http(request: Request, error: HTTPException) -> Problem:
    """What the router refused, as a problem."""
    match error.status_code:
        case HTTPStatus.METHOD_NOT_ALLOWED:
            allow = (error.headers or {}).get("Allow", "")
            detail = f"{request.method} is not taken here, {allow or 'other methods'} is"
            return Problem(METHOD_NOT_ALLOWED, detail, headers={"Allow": allow})
        case status if status < HTTPStatus.INTERNAL_SERVER_ERROR:
            return Problem(NOT_FOUND, "no such address")
        case _:
            return Problem(INTERNAL_ERROR, "something went wrong")


def of_parameters(error: RequestValidationError) -> Problem:
    """Wrong parameters, as a problem."""
    faults: Sequence[Mapping[str, object]] = [
        {
            "parameter": ".".join(map(str, fault["loc"][1:])),
            "code": "missing" if fault["type"] == "missing" else "mistyped",
            "value": shown(fault.get("input")),
            "expected": _expected(str(fault["msg"])),
        }
        for fault in error.errors()
    ]
    names = ", ".join(str(fault["parameter"]) for fault in faults)
    return Problem(INVALID_PARAMETER, f"refused: {names}", {"problems": faults})


def _expected(message: str) -> str:
    return message.removeprefix("Input should be ").removeprefix("Value error, ")
