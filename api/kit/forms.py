"""Submitted forms: fields and files, bounded, read exactly, checked against a model.

    form = await read_form(request)
    values = validate_form(form, SignOffForm)       # the model, or what is wrong with each field
    if isinstance(values, dict): …           # the same page again: `form.bind(values)` stands in its fields

An empty field counts as missing. Every form has two more fields: `_key`, created with the page, which makes a
resubmitted form idempotent; and `_etag`, the state shown by the page.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from hashlib import sha256
from types import MappingProxyType, SimpleNamespace
from typing import Annotated, Final, TypeVar, get_origin

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_core import ErrorDetails, PydanticCustomError
from python_multipart.exceptions import FormParserError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, Headers, UploadFile
from starlette.formparsers import FormParser, MultiPartException, MultiPartParser
from starlette.requests import Request

from api.web.body import read_body
from api.web.json_body import valid_fields
from api.web.problems import MALFORMED_FORM, ProblemError
from policy_service.messages import Message

MAX_FORM_BYTES = 256 * 1_024
"""Maximum size of a form without files, bytes."""
MAX_FIELDS = 2_000
"""Maximum number of fields."""
URLENCODED = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"
SECRET_FIELDS = frozenset({"password", "old", "new", "again", "_code"})
"""Fields that are never shown again."""
PASSWORD_FIELDS = ("password", "old")
"""Fields for re-authentication."""
ENTER_AGAIN = Message("Enter it again.")
CODE = "_code"
"""The field of a one-time code, in forms with re-authentication."""
KEY = "_key"
ETAG = "_etag"
FieldErrors = dict[str, Message]
"""The errors by field."""
Model = TypeVar("Model", bound=BaseModel)
Value = TypeVar("Value")
FIRST_DAY, LAST_DAY = date(1900, 1, 1), date(2200, 1, 1)
"""Between these is every day that a form may say: those at the ends of the calendar have no instant in every zone."""
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
MAX_INLINE_BYTES = 16 * 1_024
"""Size up to which a form is parsed in the event loop, bytes: larger ones take milliseconds, and are parsed in a
thread.
"""
NO_ERRORS: Final[Mapping[str, Message]] = MappingProxyType({})


def is_plausible_day(day: date) -> bool:
    """Return True if a day is in the range allowed in forms."""
    return FIRST_DAY < day < LAST_DAY


def _as_day(value: object) -> object:
    """Reject what pydantic would read as seconds since 1970, and times of day."""
    if type(value) is date or (isinstance(value, str) and _DAY.fullmatch(value)):
        return value
    raise PydanticCustomError("date_mistyped", "a date such as 2026-11-21")


def _validate_day(day: date) -> date:
    if not is_plausible_day(day):
        raise PydanticCustomError("date_far_away", "a day of this time")
    return day


Day = Annotated[date, BeforeValidator(_as_day), AfterValidator(_validate_day)]
"""A day in a form."""


class FormModel(BaseModel):
    """The fields of a form, all known."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @field_validator("*", mode="before")
    @classmethod
    def _refuse_boolean_as_number(cls, value: object, field: ValidationInfo) -> object:
        """Reject what pydantic would read as 0 or 1, since the parameters of jobs also come as JSON."""
        if isinstance(value, bool) and cls.model_fields[str(field.field_name)].annotation is int:
            raise PydanticCustomError("int_type", "a valid integer")
        return value


@dataclass(frozen=True, slots=True)
class FormState:
    """The values of a form's fields, their errors, and the error of the whole form."""

    key: str
    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    errors: Mapping[str, Message] = field(default_factory=dict)
    form_error: str | None = None
    reasons: tuple[str, ...] = ()
    """Further reasons for the rejection, one sentence each."""
    diagnostics: tuple[Mapping[str, object], ...] = ()
    """The errors of policy files that caused it."""

    def value(self, name: str, default: str = "") -> str:
        """Return the value of a field."""
        return next(iter(self.values.get(name, ())), default)

    def has_value(self, name: str, value: str) -> bool:
        """Return True if an option is selected."""
        return value in self.values.get(name, ())

    def error(self, name: str) -> Message | None:
        """Return the error of a field."""
        return self.errors.get(name)

    def has_focus(self, name: str) -> bool:
        """Return True if a field is the first with an error."""
        return name == next(filter(None, self.errors), None)


@dataclass(frozen=True, slots=True)
class Form:
    """A submitted form."""

    fields: Mapping[str, tuple[str, ...]]
    files: Mapping[str, tuple[bytes, ...]]
    file_names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The client's names of the files."""

    def value(self, name: str, default: str = "") -> str:
        """Return the value of a field."""
        return next(iter(self.fields.get(name, ())), default)

    @property
    def key(self) -> str:
        """Made with the form; a form that is sent twice has one effect."""
        return self.value(KEY)

    @property
    def etag(self) -> str:
        """The state of what the page showed."""
        return self.value(ETAG)

    @property
    def fingerprint(self) -> bytes:
        """Return the digest of all fields and files, without secrets."""
        digest = sha256()
        for name, values in sorted(self.fields.items()):
            if name not in SECRET_FIELDS:
                digest.update(repr((name, values)).encode())
        for name, files in sorted(self.files.items()):
            digest.update(repr((name, [sha256(each).hexdigest() for each in files])).encode())
        return digest.digest()

    def bind(
        self, errors: Mapping[str, Message] = NO_ERRORS, form_error: str | None = None, reasons: Sequence[str] = ()
    ) -> FormState:
        """Return the state of the form for showing it again; secrets must be typed again."""
        values = {name: each for name, each in self.fields.items() if name not in SECRET_FIELDS}
        return FormState(self.key, values, errors, form_error, tuple(reasons))


async def read_form(request: Request, limit: int = MAX_FORM_BYTES) -> Form:
    """Return the form in a request's body. Raises ProblemError if there is none, or it exceeds `limit` bytes."""
    body = await read_body(request.scope, request.receive, limit=limit, media_types=(URLENCODED, MULTIPART))
    if len(body) <= MAX_INLINE_BYTES:
        return await _parse(request.headers, body, limit)
    return await run_in_threadpool(lambda: asyncio.run(_parse(request.headers, body, limit)))


async def _parse(headers: Headers, body: bytes, limit: int) -> Form:
    async def chunks() -> AsyncGenerator[bytes, None]:
        yield body

    try:
        if headers.get("content-type", "").lower().startswith(MULTIPART):
            parser = MultiPartParser(
                headers, chunks(), max_files=MAX_FIELDS, max_fields=MAX_FIELDS, max_part_size=limit
            )
            data = await parser.parse()
        else:
            data = await FormParser(headers, chunks()).parse()
        return await _read_fields(data)
    except (MultiPartException, FormParserError, UnicodeDecodeError):
        raise ProblemError(MALFORMED_FORM, Message("the form cannot be read")) from None


async def _read_fields(data: FormData) -> Form:
    fields: dict[str, list[str]] = {}
    files: dict[str, list[bytes]] = {}
    file_names: dict[str, list[str]] = {}
    pairs = data.multi_items()
    if len(pairs) > MAX_FIELDS:
        raise ProblemError(MALFORMED_FORM, Message("the form has more than {limit} fields", limit=MAX_FIELDS))
    for name, value in pairs:
        if isinstance(value, UploadFile):
            if content := await value.read():
                files.setdefault(name, []).append(content)
                file_names.setdefault(name, []).append(value.filename or "")
        elif "\0" in value:
            raise ProblemError(MALFORMED_FORM, Message("the form holds the character NUL"))
        else:
            fields.setdefault(name, []).append(value.replace("\r\n", "\n"))
    await data.close()
    return Form(_tuples(fields), _tuples(files), _tuples(file_names))


def _tuples(values: Mapping[str, list[Value]]) -> dict[str, tuple[Value, ...]]:
    return {name: tuple(each) for name, each in values.items()}


def validate_form(form: Form, model: type[Model]) -> Model | FieldErrors:
    """Return the fields of a form as its model, or the errors by field."""
    try:
        return model.model_validate(_form_data(form, model))
    except ValidationError as error:
        errors: FieldErrors = {}
        for each in error.errors():
            errors.setdefault(_field_of(each, model), _error_message(each))
        return errors


def valid_form_fields(form: Form, model: type[BaseModel]) -> SimpleNamespace:
    """Return the valid fields of a rejected form; invalid ones are no attributes."""
    data = _form_data(form, model)
    try:
        return SimpleNamespace(**vars(model.model_validate(data)))
    except ValidationError as error:
        return valid_fields(model, data, error)


def _form_data(form: Form, model: type[BaseModel]) -> dict[str, object]:
    """Return the fields as a model takes them."""
    data: dict[str, object] = {}
    for name, values in form.fields.items():
        if name in {KEY, ETAG, CODE}:
            continue
        field_ = model.model_fields.get(name)
        is_list = field_ is not None and get_origin(field_.annotation) in {list, tuple, set, frozenset}
        filled_values = [value for value in values if value]
        if is_list:
            data[name] = filled_values
        elif filled_values:
            data[name] = filled_values[0] if len(filled_values) == 1 else filled_values
    return data


def expected_error(expected: str) -> Message:
    """Return the error of a field that says what was expected; the REST interface answers with `expected` alone."""
    return Message("Expected {expected}.", expected=expected)


def _field_of(error: ErrorDetails, model: type[BaseModel]) -> str:
    """Return the field of an error; "" is the form as a whole, where unknown fields are reported."""
    name = str(error["loc"][0]) if error["loc"] else ""
    return name if name in model.model_fields else ""


def _error_message(error: ErrorDetails) -> Message:
    limits = error.get("ctx", {})
    match error["type"]:
        case "missing":
            return Message("This field is required.")
        case "extra_forbidden":
            return Message("There is no such field.")
        case "string_too_long" | "too_long":
            return Message("At most {limit} characters.", limit=limits["max_length"])
        case "string_too_short":
            return Message("At least {limit} characters.", limit=limits["min_length"])
        case "string_pattern_mismatch":
            return Message("Invalid format.")
        case "literal_error" | "enum":
            return Message("Choose one of the options.")
        case kind if kind.startswith(("datetime", "date", "timezone")):
            return Message("Not a valid date or time.")
        case kind if kind.startswith(("int", "decimal", "greater", "less")):
            return Message("Not a valid number here.")
        case _:
            message = str(error["msg"]).removeprefix("Value error, ")
            return expected_error(message)
