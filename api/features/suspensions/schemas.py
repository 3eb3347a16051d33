"""The shapes of suspensions, as they are asked for and told."""

from datetime import datetime
from typing import Annotated

from pydantic import ConfigDict, Field

from api.web.schemas import Digest, Model, PersonModel, PolicyName, Reason, SignedBody, VersionNumber, person_model
from policy_service.actor import Role
from policy_service.approval.service import Suspension
from policy_service.approval.suspension import Signature, SuspensionEnd


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


class SuspensionSignature(Model):
    """A signature on a suspension; `until` is how long it lasts by it."""

    by: PersonModel
    role: Role
    reason: str
    at: datetime
    until: datetime


class EndedModel(Model):
    """The early end of a suspension."""

    by: PersonModel
    reason: str
    at: datetime


class SuspensionModel(Model):
    """A version taken out of force, and the one that applies in its place; null where none does."""

    id: str
    policy: str
    version: str
    digest: Digest
    fallback: str | None
    fallback_digest: Digest | None
    signed: SuspensionSignature
    ratified: SuspensionSignature | None
    ended: EndedModel | None
    until: datetime
    runs: Annotated[bool, Field(description="whether it lasts now")]


class SuspensionPage(Model):
    """Some of the suspensions, the newest first, and how to ask for the next ones."""

    items: list[SuspensionModel]
    next_cursor: str | None


def suspension_model(suspension: Suspension, now: datetime) -> SuspensionModel:
    """A suspension, as it is told."""
    return SuspensionModel(
        id=suspension.id,
        policy=suspension.policy,
        version=suspension.version,
        digest=suspension.digest,
        fallback=suspension.fallback,
        fallback_digest=suspension.fallback_digest,
        signed=_signature(suspension.signature),
        ratified=_signature(suspension.ratification) if suspension.ratification else None,
        ended=_ended(suspension.end) if suspension.end else None,
        until=suspension.until,
        runs=suspension.is_active(now),
    )


def _signature(signature: Signature) -> SuspensionSignature:
    return SuspensionSignature(
        by=person_model(signature.by),
        role=signature.role,
        reason=signature.reason,
        at=signature.at,
        until=signature.until,
    )


def _ended(ended: SuspensionEnd) -> EndedModel:
    return EndedModel(by=person_model(ended.by), reason=ended.reason, at=ended.at)
