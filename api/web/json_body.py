"""Read a small JSON body exactly and check it against a model; all wrong members are reported, no secrets are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import SimpleNamespace
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, SecretStr, TypeAdapter, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from api.web.body import read_body
from api.web.problems import MALFORMED_JSON, REQUEST_REFUSED, ProblemError
from policy_service.decisions.exact_json import NotJsonError, read_json
from policy_service.decisions.request import escape_pointer, format_or_null
from policy_service.identity.errors import FieldError
from policy_service.language.diagnostics import did_you_mean
from policy_service.messages import Message, join_comma

MAX_BODY_BYTES = 64 * 1_024
"""Bytes of such a body."""
MAX_INLINE_BYTES = 64 * 1_024
"""Bytes that are read at once: more take milliseconds, and are read in a thread."""
HIDDEN = "…"
MEDIA_TYPES = ("application/json",)
Json = dict[str, Any]
Body = TypeVar("Body", bound=BaseModel)


async def read_json_body(request: Request, model: type[Body], limit: int = MAX_BODY_BYTES) -> Body:
    """Return the body of a request, as the model has it. Raises ProblemError with every fault there is."""
    content = await read_body(request.scope, request.receive, limit=limit, media_types=MEDIA_TYPES)
    if len(content) <= MAX_INLINE_BYTES:
        return _parse_body(content, model)
    return await run_in_threadpool(_parse_body, content, model)


def _parse_body(content: bytes, model: type[Body]) -> Body:
    try:
        data = read_json(content)
    except NotJsonError as error:
        raise ProblemError(MALFORMED_JSON, str(error)) from None
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise InvalidBody(model, data, error) from None


def request_body(model: type[BaseModel]) -> Json:
    """Describe in OpenAPI a body that `read_json_body` reads."""
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    return {"requestBody": {"required": True, "content": {MEDIA_TYPES[0]: {"schema": schema}}}}


class InvalidBody(ProblemError):
    """A body that its model refuses."""

    def __init__(self, model: type[BaseModel], data: object, error: ValidationError) -> None:
        self.problems = [_problem_of_pydantic_error(dict(each), model) for each in error.errors(include_url=False)]
        self._parts = model, data, error
        problem = invalid_body_error(self.problems).problem
        super().__init__(problem.kind, problem.detail, problems=self.problems)

    @property
    def valid(self) -> SimpleNamespace:
        """Its valid fields."""
        return valid_fields(*self._parts)


def valid_fields(model: type[BaseModel], data: object, error: ValidationError) -> SimpleNamespace:
    """Return the valid fields of `data` and the defaults of missing ones; others raise AttributeError."""
    sent = data if isinstance(data, Mapping) else {}
    invalid = {str(each["loc"][0]) for each in error.errors(include_url=False) if each["loc"]}
    values: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        if name not in sent and not field.is_required():
            values[name] = field.get_default(call_default_factory=True)
        elif name in sent and name not in invalid:
            kind: Any = Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation
            values[name] = TypeAdapter(kind).validate_python(sent[name])
    return SimpleNamespace(**values)


def invalid_body_error(entries: Iterable[Json]) -> ProblemError:
    """Return the problem with all faults of a body."""
    problems = list(entries)
    pointers = join_comma(problem["pointer"] or Message("the body") for problem in problems[:20])
    if len(problems) == 1:
        return ProblemError(REQUEST_REFUSED, Message("1 problem: {members}", members=pointers), problems=problems)
    detail = Message("{count} problems: {members}", count=len(problems), members=pointers)
    return ProblemError(REQUEST_REFUSED, detail, problems=problems)


def problem_of_field_error(error: FieldError) -> Json:
    """Return a fault that the library found in a member."""
    return {
        "pointer": f"/{escape_pointer(error.member)}",
        "code": "mistyped",
        "value": format_or_null(error.value),
        "expected": error.expected,
        "hint": error.hint,
    }


def _problem_of_pydantic_error(error: Json, model: type[BaseModel]) -> Json:
    path = [str(part) for part in error["loc"]]
    code = {"missing": "missing-member", "extra_forbidden": "unknown-member"}.get(error["type"], "mistyped")
    holds_secrets = any(SecretStr in _annotation_parts(field.annotation) for field in model.model_fields.values())
    secret = code != "missing-member" and (not path or holds_secrets)  # a misspelt name may hold a secret too
    expected, hint = _expected(error, code, path, list(model.model_fields))
    return {
        "pointer": "".join(f"/{escape_pointer(part)}" for part in path),
        "code": code,
        "value": HIDDEN if secret else "" if code == "missing-member" else format_or_null(error.get("input")),
        "expected": expected,
        "hint": hint,
    }


def _expected(error: Json, code: str, path: list[str], members: list[str]) -> tuple[str, str | None]:
    """Return the expectation in the words used for other requests, and a hint."""
    match code:
        case "missing-member":
            return Message("a value"), None
        case "unknown-member" if len(path) == 1:
            return Message("one of {members}", members=join_comma(members)), did_you_mean(path[0], members)
        case "unknown-member":
            return Message("no such member"), None
        case _:
            return str(error["msg"]).removeprefix("Input should be ").removeprefix("Value error, "), None


def _annotation_parts(annotation: object) -> Iterator[object]:
    """Yield an annotation and what it is made of, e.g. of `Annotated[SecretStr, …] | None`."""
    yield annotation
    for part in getattr(annotation, "__args__", ()):
        yield from _annotation_parts(part)
    if (origin := getattr(annotation, "__origin__", None)) is not None:
        yield origin
