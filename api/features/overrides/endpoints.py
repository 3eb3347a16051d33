"""`/v1/overrides`: overrides of the rules for one subject (R-GOV-4), with reason, end and a director's signature."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import Query
from pydantic import Field

from api.web.problems import NOT_FOUND, OVERRIDE_UNFIT
from api.web.rest_router import ReadRequest, RestRouter, WriteRequest
from api.web.schemas import (
    Digest,
    Id,
    KindName,
    Model,
    PageModel,
    PolicyName,
    ShortReason,
    SignedBody,
    SignedReason,
    UtcInstant,
)
from api.workers.preparation import prepared_override
from policy_service.actor import Role
from policy_service.decisions import override_store
from policy_service.decisions.override import Override, OverrideState
from policy_service.overrides import queries, service
from policy_service.overrides.queries import OverrideFilter, OverrideSort, OverrideStatus
from policy_service.overrides.service import OverrideRequest, PreparedOverride
from policy_service.overrides.signature_validity import read_with_signature_validity
from policy_service.subject import CUSTOMER, MAX_ID, Subject

OfSubject = Annotated[str | None, Query(max_length=MAX_ID, description="only overrides for this subject")]
OfKind = Annotated[
    KindName | None,
    Query(
        description=f"only exceptions for subjects of this kind; with `subject` it is `{CUSTOMER}` when it is left out"
    ),
]
OfPolicy = Annotated[PolicyName | None, Query(description="only overrides of this policy")]
InState = Annotated[OverrideStatus | None, Query(description="filters by status: applies now, awaits signatures, over")]
Outcome = Annotated[dict[str, Any] | list[Any], Field(description="the outcome of the policy, or a list of outcomes")]
SignatureCounts = Annotated[bool, Field(description="the signer still has account and role, or all have signed")]
InvalidReason = Annotated[str | None, Field(description="why the signature does not count; the role must sign again")]


class NewOverride(SignedBody):
    """A new override: the outcome instead of the rules', its subject, reason and end, and the signature."""

    subject: str
    kind: Annotated[KindName, Field(description="the kind of the subject")] = CUSTOMER
    policy: PolicyName
    outcome: Outcome
    role: Role
    reason: ShortReason
    until: UtcInstant


class OverrideSignOff(SignedBody):
    """A signature of another person: role, digest and reason; and the password, if there is one."""

    role: Role
    digest: Digest
    reason: ShortReason


class OverrideSignatureModel(Model):
    """The signature of another person on an override."""

    by: str
    role: Role
    meaning: str
    reason: str
    digest: Digest
    signed_at: datetime
    counts: SignatureCounts
    why_not: InvalidReason


class OverrideModel(Model):
    """An override; `version` was in force when it was recorded."""

    override: str
    subject: str
    kind: str
    policy: str
    version: str
    outcome: Outcome
    by: str
    role: Role
    counts: SignatureCounts
    why_not: InvalidReason
    reason: str
    recorded_at: datetime
    until: datetime
    state: Annotated[OverrideState, Field(description="its present status")]
    verdict: Annotated[
        str | None, Field(description="the limit of its first signature; null if no policy decided limits at that time")
    ]
    signers: Annotated[list[Role], Field(description="the roles that must sign, besides the author of the override")]
    owed: Annotated[list[Role], Field(description="the roles without a signature that counts")]
    lapses_at: Annotated[datetime | None, Field(description="when it lapses unless all have signed")]
    decided_by: Annotated[
        dict[str, Any] | None, Field(description="the governance policies that decided this, the rule, and its facts")
    ]
    digest: Annotated[Digest, Field(description="the digest that is signed")]
    signatures: list[OverrideSignatureModel]
    ratified_at: Annotated[datetime | None, Field(description="when the last signer signed")]
    ended_at: datetime | None


class OverridePage(PageModel[OverrideModel]):
    """A page of overrides, and the cursor of the next."""


router = RestRouter("/v1/overrides", "overrides")


@router.list("", "exceptions", sort=OverrideSort, by="-recorded", most=override_store.PAGE_SIZE)
def list_overrides(
    read: ReadRequest,
    subject: OfSubject = None,
    kind: OfKind = None,
    policy: OfPolicy = None,
    state: InState = None,
) -> OverridePage:
    """List the overrides, the one recorded last first by default."""
    criteria = OverrideFilter(subject, kind or (CUSTOMER if subject is not None else None), policy, state)
    page = queries.list_overrides(read.session, criteria, read.now, **read.paging)
    return OverridePage.of(page, lambda each: _override_model(each, read.now))


@router.read("/{override}", NOT_FOUND)
def get_override(read: ReadRequest, override: Id) -> OverrideModel:
    """Return one override."""
    return _override_model(read_with_signature_validity(read.session, override, read.now), read.now)


async def _prepare(write: WriteRequest[NewOverride]) -> PreparedOverride:
    subject = Subject(write.body.subject, write.body.kind)
    asked = OverrideRequest(subject, **write.body.model_dump(exclude={"password", "subject", "kind"}))
    return await prepared_override(write.service, write.actor, asked)


@router.write("", OVERRIDE_UNFIT, status=201, location="override", prepare=_prepare)
def record_override(write: WriteRequest[NewOverride]) -> OverrideModel:
    """Record an override of a policy's rules for a subject, from now on."""
    return _override_model(service.record_override(write.transaction, write.actor, write.prepared), write.now)


@router.write("/{override}/sign-offs", OVERRIDE_UNFIT, NOT_FOUND, status=201)
def sign_off_override(write: WriteRequest[OverrideSignOff], override: Id) -> OverrideModel:
    """Sign an override recorded by another person, in a missing role."""
    return _override_model(service.sign_override(write.transaction, write.actor, override, **write.fields), write.now)


@router.write("/{override}/end", OVERRIDE_UNFIT, NOT_FOUND)
def end_override(write: WriteRequest[SignedReason], override: Id) -> OverrideModel:
    """End an override now."""
    ended = override_store.end_override(write.transaction, write.actor, override, **write.fields)
    return _override_model(ended, write.now)


def _override_model(override: Override, now: datetime) -> OverrideModel:
    """Return an override at an instant."""
    signatures = [each.to_dict() | _signature_status(override, each.actor) for each in override.signatures]
    members = {**override.to_dict(), **_signature_status(override, override.actor), "signatures": signatures}
    return OverrideModel.model_validate({**members, "state": override.state(now)})


def _signature_status(override: Override, account: str) -> dict[str, object]:
    """Return the JSON members that state whether the account's signature is valid."""
    why_not = override.void.get(account)
    return {"counts": why_not is None, "why_not": why_not}
