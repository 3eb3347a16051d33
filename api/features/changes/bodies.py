"""The request bodies of changes and suspensions."""

from typing import Annotated, Any, Self

from pydantic import Base64Bytes, ConfigDict, Field, JsonValue, model_validator

from api.web.schemas import (
    Digest,
    Model,
    PolicyName,
    Reason,
    SignedBody,
    Title,
    UtcInstant,
    VersionNumber,
    with_examples,
)
from policy_service.actor import Role
from policy_service.approval.drafts import MAX_VERSIONS
from policy_service.approval.evidence import MAX_EVIDENCE_BYTES, MAX_NAME
from policy_service.approval.service import Afterwards, Meaning
from policy_service.language.source import MAX_BYTES
from policy_service.population.registered.model import NAME
from policy_service.registry.model import Period

EXAMPLE: dict[str, JsonValue] = {
    "title": "Larger orders count more",
    "reason": "The industry's mean has risen.",
    "effective": {"from": "2027-01-01T00:00:00+08:00", "until": None},
}


class PeriodModel(Model):
    """A half-open period; `until` is null if it is open-ended."""

    model_config = ConfigDict(populate_by_name=True)

    from_: Annotated[UtcInstant, Field(alias="from")]
    until: UtcInstant | None = None

    @model_validator(mode="after")
    def _is_not_empty(self) -> Self:
        if self.until is not None and self.until <= self.from_:
            raise ValueError("a period that ends after it begins")
        return self

    def period(self) -> Period:
        """Return the period itself."""
        return Period(self.from_, self.until)


class DraftModel(Model):
    """The draft of a change: policy files as YAML and policies to end, or versions to roll back to."""

    model_config = with_examples(
        {**EXAMPLE, "texts": ["policy: tiering/rfm_value\nversion: 1.1.0\n…\n"]},
        {**EXAMPLE, "rollback": {"tiering/rfm_value": "1.0.0"}},
        {**EXAMPLE, "title": "Abolish the customer rewards", "ends": ["rewards/customer_rewards"]},
    )

    title: Title
    reason: Reason
    effective: PeriodModel
    texts: Annotated[
        list[Annotated[str, Field(max_length=MAX_BYTES)]], Field(default_factory=list, max_length=MAX_VERSIONS)
    ]
    rollback: Annotated[
        dict[PolicyName, VersionNumber] | None,
        Field(min_length=1, max_length=MAX_VERSIONS, description="the version of each policy, by policy name"),
    ] = None

    ends: Annotated[
        list[PolicyName],
        Field(default_factory=list, max_length=MAX_VERSIONS, description="policies that end on the first day"),
    ]
    afterwards: Annotated[
        Afterwards,
        Field(
            description="what applies after the period: `before`, the version before it, or `nothing`",
        ),
    ] = "before"

    simulated_over: Annotated[
        str | None,
        Field(
            pattern=rf"^{NAME.pattern}$",
            description="the registered population over which its effect is simulated; null for the decision records",
        ),
    ] = None

    @model_validator(mode="after")
    def _is_of_one_kind(self) -> Self:
        if (self.texts or self.ends) and self.rollback is not None:
            raise ValueError("either `texts` and `ends`, or `rollback`")
        return self

    def members(self) -> dict[str, Any]:
        """The members as the library takes them: the versions of a rollback, else the files and endings."""
        members = self.model_dump(include={"title", "reason", "afterwards", "simulated_over"})
        members["effective"] = self.effective.period()
        if self.rollback is not None:
            return {**members, "versions": list(self.rollback.items())}
        return {**members, "texts": [text.encode() for text in self.texts], "ends": self.ends}


class EvidenceBody(Model):
    """A file: its name, and its bytes in base64."""

    name: Annotated[str, Field(min_length=1, max_length=MAX_NAME)]
    content: Annotated[Base64Bytes, Field(max_length=MAX_EVIDENCE_BYTES)]


class FirstVersionsBody(Model):
    """The first versions to sign: since when they are in force, and the evidence file."""

    model_config = with_examples(
        {
            "title": "First versions",
            "reason": "In force by resolution of the board.",
            "effective_from": "2026-03-01T00:00:00+08:00",
            "evidence": {"name": "minutes.txt", "content": "UmVzb2x2ZWQu"},
        }
    )

    title: Title
    reason: Reason
    effective_from: UtcInstant
    evidence: EvidenceBody


class CommentText(Model):
    """A comment on a change."""

    text: Reason


class WhyModel(Model):
    """The reason of an action."""

    reason: Reason


class SignOffModel(SignedBody):
    """A signature: role, digest, meaning and reason; and the password, if there is one."""

    model_config = with_examples(
        {
            "role": "sales_director",
            "digest": f"sha256:{'0' * 64}",
            "meaning": "approved",
            "reason": "Sound and feasible.",
            "password": "…",
        }
    )

    role: Role
    digest: Digest
    meaning: Meaning
    reason: Reason
