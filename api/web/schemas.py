"""JSON schemas and documented problems common to several features."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Annotated, Any, Generic, Self, TypeVar

from fastapi import Path
from pydantic import (
    AfterValidator,
    AliasPath,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    SecretStr,
)

from api.web import problems
from policy_service.actor import ActorKind, Role
from policy_service.approval.validation import MAX_REASON, MAX_TITLE
from policy_service.decisions.override import MAX_REASON as MAX_SHORT_REASON
from policy_service.language.load import POLICY_ID, VERSION
from policy_service.paging import Page
from policy_service.subject import KIND

BODY_PROBLEMS = (
    problems.MALFORMED_JSON,
    problems.BODY_TOO_LARGE,
    problems.UNSUPPORTED_MEDIA_TYPE,
    problems.REQUEST_REFUSED,
)
READ_PROBLEMS = (problems.NOT_FOUND, problems.INVALID_PARAMETER)
WRITE_PROBLEMS = (problems.NOT_FOUND, problems.CONFLICT, problems.CHANGE_UNFIT)
KEY_PROBLEMS = (problems.INVALID_PARAMETER, problems.REQUEST_IN_FLIGHT, problems.IDEMPOTENCY_KEY_REUSED)
EDIT_PROBLEMS = (problems.PRECONDITION_FAILED, problems.PRECONDITION_REQUIRED)
SIGNING_PROBLEMS = (problems.CONFIRMATION_NEEDED, problems.TOO_MANY_ATTEMPTS, problems.BUSY)
Item = TypeVar("Item")
_STARTS_WITH_A_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
EXPECTED_INSTANT = "an instant as RFC 3339 writes it, with its time zone, e.g. 2027-01-01T00:00:00+08:00"


def _as_text(value: object) -> object:
    """Reject what pydantic would read as seconds since 1970: 20261130 would be a day of that year."""
    if isinstance(value, datetime) or (isinstance(value, str) and _STARTS_WITH_A_DAY.match(value)):
        return value
    raise ValueError(EXPECTED_INSTANT)


def _in_utc(instant: datetime) -> datetime:
    try:
        return instant.astimezone(UTC)
    except OverflowError:
        raise ValueError(EXPECTED_INSTANT) from None


Id = Annotated[str, Path(pattern="^[0-9a-f-]{36}$")]
Digest = Annotated[str, Field(pattern="^sha256:[0-9a-f]{64}$")]
UtcInstant = Annotated[AwareDatetime, BeforeValidator(_as_text), AfterValidator(_in_utc)]
Title = Annotated[str, Field(min_length=1, max_length=MAX_TITLE)]
Reason = Annotated[str, Field(min_length=1, max_length=MAX_REASON)]
ShortReason = Annotated[str, Field(min_length=1, max_length=MAX_SHORT_REASON)]
"""The reason for an action on an override or a subject."""
PolicyName = Annotated[str, Field(pattern=f"^{POLICY_ID.pattern}$")]
KindName = Annotated[str, Field(pattern=f"^{KIND.pattern}$")]
VersionNumber = Annotated[str, Field(pattern=f"^{VERSION.pattern}$")]
Password = Annotated[SecretStr, Field(min_length=1, max_length=256)]


class Model(BaseModel):
    """A JSON object whose members are all known."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def with_examples(*examples: dict[str, JsonValue]) -> ConfigDict:
    """Return the configuration of a body with examples in its schema."""
    return ConfigDict(json_schema_extra={"examples": list(examples)})


class Answer(Model):
    """A JSON object of an answer: each member is the attribute with its name of the library's value."""

    model_config = ConfigDict(from_attributes=True, populate_by_name=True, serialize_by_alias=True)

    @classmethod
    def from_value(cls, value: object, **members: object) -> Self:
        """Return the answer for a value; `members` replace its attributes."""
        return cls.model_validate(_Overlaid(value, members) if members else value)


class _Overlaid:
    """A value with some attributes replaced."""

    def __init__(self, value: object, members: dict[str, object]) -> None:
        self._value, self._members = value, members

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  # of any type
        return self._members[name] if name in self._members else getattr(self._value, name)


def attribute(path: str, description: str | None = None) -> Any:  # noqa: ANN401  # as pydantic's Field
    """Declare the attribute behind a member with another name, or of a part: `attribute("subject.id")`."""
    return Field(validation_alias=AliasPath(*path.split(".")), description=description)


class PageModel(Answer, Generic[Item]):
    """A page of a list, and the cursor of the next."""

    items: list[Item]
    next_cursor: str | None

    @classmethod
    def of(cls, page: Page[Any], row: Callable[[Any], Item]) -> Self:
        """Return the answer for a page, converting its rows one by one."""
        return cls(items=[row(each) for each in page.items], next_cursor=page.next_cursor)


class Words(Answer):
    """A text in Chinese and in English."""

    zh: str
    en: str


class PersonModel(Answer):
    """A person, as recorded."""

    id: str
    name: str
    printed_name: str


class ByModel(Model):
    """The client of a request: account or API key."""

    id: str
    name: str
    kind: ActorKind


class UsedModel(Answer):
    """The version of a policy that was used."""

    version: str
    digest: Digest


class SignedBody(Model):
    """The body of a request that a person signs; the password, if there is one, proves who signs."""

    password: Password | None = None


class SignedReason(SignedBody):
    """A signature of a role, with its reason; and the password, if there is one."""

    role: Role
    reason: Reason


class DecisionSummary(Answer):
    """One decision; the facts are in its record."""

    decision_id: str
    subject: Annotated[str, attribute("subject.id")]
    kind: Annotated[str, attribute("subject.kind")]
    as_of: date
    decided_at: datetime
    by: ByModel
    policies: dict[str, UsedModel]
    outcomes: dict[str, Any]
    overrides: list[str]


class DecisionPage(PageModel[DecisionSummary]):
    """A page of decisions, the newest first by default, and the cursor of the next."""
