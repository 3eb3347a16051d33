"""A small JSON body, read exactly and checked against a model; every member that is wrong is told, no secret is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

from pydantic import BaseModel, SecretStr, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from api.body import read_body
from api.problems import MALFORMED_JSON, REQUEST_REFUSED, ProblemError
from policy_service.decisions.exact_json import NotJsonError, read_json
from policy_service.decisions.request import escape, shown
from policy_service.identity.refusals import Fault
from policy_service.language.diagnostics import did_you_mean
from policy_service.sentences import Sentence, listed

LIMIT = 64 * 1_024
"""Bytes of such a body."""
SHORT = 64 * 1_024
"""Bytes that are read at once: more take milliseconds, and are read in a thread."""
HIDDEN = "…"
KINDS = ("application/json",)
Json = dict[str, Any]
Body = TypeVar("Body", bound=BaseModel)


async def read_members(request: Request, model: type[Body], limit: int = LIMIT) -> Body:
    """The body of a request, as the model has it. Raises ProblemError with every fault there is."""
    content = await read_body(request.scope, request.receive, limit=limit, kinds=KINDS)
    if len(content) <= SHORT:
        return _members(content, model)
    return await run_in_threadpool(_members, content, model)


def _members(content: bytes, model: type[Body]) -> Body:
    try:
        return model.model_validate(read_json(content))
    except NotJsonError as error:
        raise ProblemError(MALFORMED_JSON, str(error)) from None
    except ValidationError as error:
        raise refused(_fault(dict(each), model) for each in error.errors(include_url=False)) from None


def body_of(model: type[BaseModel]) -> Json:
    """What OpenAPI says of a body that `read_members` reads."""
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    return {"requestBody": {"required": True, "content": {KINDS[0]: {"schema": schema}}}}


def refused(faults: Iterable[Json]) -> ProblemError:
    """The problem that tells all faults of a body."""
    found = list(faults)
    where = listed(fault["pointer"] or Sentence("the body") for fault in found[:20])
    if len(found) == 1:
        return ProblemError(REQUEST_REFUSED, Sentence("1 problem: {members}", members=where), problems=found)
    told = Sentence("{count} problems: {members}", count=len(found), members=where)
    return ProblemError(REQUEST_REFUSED, told, problems=found)


def as_problem(fault: Fault) -> Json:
    """A fault that the library found in a member."""
    return {
        "pointer": f"/{escape(fault.member)}",
        "code": "mistyped",
        "value": shown(fault.value),
        "expected": fault.expected,
        "hint": fault.hint,
    }


def _fault(error: Json, model: type[BaseModel]) -> Json:
    place = [str(part) for part in error["loc"]]
    code = {"missing": "missing-member", "extra_forbidden": "unknown-member"}.get(error["type"], "mistyped")
    holds_secrets = any(SecretStr in _parts(field.annotation) for field in model.model_fields.values())
    secret = code != "missing-member" and (not place or holds_secrets)  # a misspelt name may hold a secret too
    expected, hint = _expected(error, code, place, list(model.model_fields))
    return {
        "pointer": "".join(f"/{escape(part)}" for part in place),
        "code": code,
        "value": HIDDEN if secret else "" if code == "missing-member" else shown(error.get("input")),
        "expected": expected,
        "hint": hint,
    }


def _expected(error: Json, code: str, place: list[str], members: list[str]) -> tuple[str, str | None]:
    """What was expected instead, in the words that are used for other requests, and a hint."""
    match code:
        case "missing-member":
            return Sentence("a value"), None
        case "unknown-member" if len(place) == 1:
            return Sentence("one of {members}", members=listed(members)), did_you_mean(place[0], members)
        case "unknown-member":
            return Sentence("no such member"), None
        case _:
            return str(error["msg"]).removeprefix("Input should be ").removeprefix("Value error, "), None


def _parts(annotation: object) -> Iterator[object]:
    """An annotation and what it is made of, e.g. of `Annotated[SecretStr, …] | None`."""
    yield annotation
    for part in getattr(annotation, "__args__", ()):
        yield from _parts(part)
    if (origin := getattr(annotation, "__origin__", None)) is not None:
        yield origin
