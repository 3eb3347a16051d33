"""The JSON schemas of suspensions."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import ConfigDict, Field

from api.web.schemas import (
    Answer,
    Digest,
    PageModel,
    PersonModel,
    PolicyName,
    Reason,
    SignedBody,
    VersionNumber,
    attribute,
)
from policy_service.actor import Role
from policy_service.approval.service import Suspension


class SuspendModel(SignedBody):
    """The version in force to suspend, and the signature."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={
            "examples": [
                {
                    "policy": "tiering/rfm_value",
                    "version": "1.1.0",
                    "role": "sales_director",
                    "reason": "It takes everybody for new.",
                    "password": "…",
                }
            ]
        },
    )

    policy: PolicyName
    version: VersionNumber
    role: Role
    reason: Reason


class SuspensionSignature(Answer):
    """A signature on a suspension; `until` is how long it lasts by it."""

    by: PersonModel
    role: Role
    reason: str
    at: datetime
    until: datetime


class EndedModel(Answer):
    """The early end of a suspension."""

    by: PersonModel
    reason: str
    at: datetime


class SuspensionModel(Answer):
    """A version taken out of force, and the one that applies in its place; null where none does."""

    id: str
    policy: str
    version: str
    digest: Digest
    fallback: str | None
    fallback_digest: Digest | None
    signed: Annotated[SuspensionSignature, attribute("signature")]
    ratified: Annotated[SuspensionSignature | None, attribute("ratification")]
    ended: Annotated[EndedModel | None, attribute("end")]
    until: datetime
    runs: Annotated[bool, Field(description="whether it lasts now")]

    @classmethod
    def at(cls, suspension: Suspension, now: datetime) -> Self:
        """Make the answer of a suspension at an instant."""
        return cls.from_value(suspension, runs=suspension.is_active(now))


class SuspensionPage(PageModel[SuspensionModel]):
    """A page of suspensions, the newest first, and the cursor of the next."""
