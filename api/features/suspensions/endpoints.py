"""`/v1/suspensions`: one director suspends a version in an emergency, for a limited time."""

from datetime import datetime
from typing import Annotated, Self

from fastapi import Query
from pydantic import Field

from api.web.problems import NOT_FOUND
from api.web.rest_router import ReadRequest, RestRouter, WriteRequest
from api.web.schemas import (
    WRITE_PROBLEMS,
    Answer,
    Digest,
    Id,
    PageModel,
    PersonModel,
    PolicyName,
    Reason,
    SignedBody,
    SignedReason,
    VersionNumber,
    attribute,
    with_examples,
)
from policy_service.actor import Role
from policy_service.approval import service as approval
from policy_service.approval import suspension_queries as queries
from policy_service.approval.service import Suspension
from policy_service.approval.suspension_queries import SuspensionFilter, SuspensionSort, SuspensionStatus


class SuspendModel(SignedBody):
    """The version in force to suspend, and the signature."""

    model_config = with_examples(
        {
            "policy": "tiering/rfm_value",
            "version": "1.1.0",
            "role": "sales_director",
            "reason": "It takes everybody for new.",
            "password": "…",
        }
    )

    policy: PolicyName
    version: VersionNumber
    role: Role
    reason: Reason


class SuspensionSignature(Answer):
    """A signature on a suspension; `until` is the end that it gives."""

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
    """A suspended version, and its fallback; null if no version applies."""

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
    runs: Annotated[bool, Field(description="true if it is in effect now")]

    @classmethod
    def at(cls, suspension: Suspension, now: datetime) -> Self:
        """Return the answer for a suspension at an instant."""
        return cls.from_value(suspension, runs=suspension.is_active(now))


class SuspensionPage(PageModel[SuspensionModel]):
    """A page of suspensions, the newest first, and the cursor of the next."""


OfPolicy = Annotated[PolicyName | None, Query(description="only suspensions of this policy")]
InState = Annotated[
    SuspensionStatus | None, Query(description="filters by status: in effect, awaits a second signature, over")
]
router = RestRouter("/v1/suspensions", "suspensions")


@router.list("", "suspensions", sort=SuspensionSort, by="-begun")
def list_suspensions(read: ReadRequest, policy: OfPolicy = None, state: InState = None) -> SuspensionPage:
    """List the suspensions, newest first by default, whether active or over."""
    criteria = SuspensionFilter(policy, state)
    page = queries.list_suspensions(read.session, criteria, read.now, **read.paging)
    return SuspensionPage.of(page, lambda each: SuspensionModel.at(each, read.now))


@router.read("/{suspension}", NOT_FOUND)
def get_suspension(read: ReadRequest, suspension: Id) -> SuspensionModel:
    """Return one suspension."""
    return SuspensionModel.at(approval.read_suspension(read.session, suspension), read.now)


@router.write("", *WRITE_PROBLEMS, status=201, location="id")
def suspend(write: WriteRequest[SuspendModel]) -> SuspensionModel:
    """Suspend the version in force at once; the previous version applies for 72 hours."""
    return SuspensionModel.at(approval.suspend(write.transaction, write.actor, **write.fields), write.now)


@router.write("/{suspension}/ratify", *WRITE_PROBLEMS)
def ratify_suspension(write: WriteRequest[SignedReason], suspension: Id) -> SuspensionModel:
    """Ratify a suspension as another person: it lasts for 30 days from its beginning."""
    return SuspensionModel.at(approval.ratify(write.transaction, write.actor, suspension, **write.fields), write.now)


@router.write("/{suspension}/end", *WRITE_PROBLEMS)
def end_suspension(write: WriteRequest[SignedReason], suspension: Id) -> SuspensionModel:
    """End a suspension now: what would be in force without it applies again."""
    ended = approval.end_suspension(write.transaction, write.actor, suspension, **write.fields)
    return SuspensionModel.at(ended, write.now)
