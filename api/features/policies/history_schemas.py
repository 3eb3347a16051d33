"""The shapes of where a version comes from: who submitted it, what put it in force, and who signed that."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from api.features.policies.in_force_schemas import ActivationModel, activation_model
from api.web.schemas import Digest, Model, PersonModel, person_model
from policy_service.actor import Role
from policy_service.approval.change import Meaning
from policy_service.approval.provenance import (
    ActivationOrigin,
    RecordedSignature,
    SignedChange,
    SuspensionMeaning,
    VersionProvenance,
)


class RecordedSignatureModel(Model):
    """A signature on a change or a suspension: who, in which role, when, what it says, and why."""

    by: PersonModel
    role: Role
    at: datetime
    meaning: Annotated[Meaning | SuspensionMeaning, Field(description="`suspends` and `ratifies`: of a suspension")]
    reason: str


class SignedChangeModel(Model):
    """A change, with the signatures on what was submitted last."""

    id: str
    title: str
    author: PersonModel
    submitted_by: PersonModel | None
    signatures: list[RecordedSignatureModel]


class OriginModel(Model):
    """What put the version in force: `change` and `suspension` of the activation name it; neither at set-up."""

    activation: ActivationModel
    title: Annotated[str | None, Field(description="of the change")]
    signatures: list[RecordedSignatureModel]


class ProvenanceModel(Model):
    """Build the provenance of a version."""

    policy: str
    version: str
    digest: Digest
    recorded_at: datetime
    submission: Annotated[SignedChangeModel | None, Field(description="null when it was imported at set-up")]
    origins: Annotated[list[OriginModel], Field(description="what put it in force, the newest first")]


def provenance_model(provenance: VersionProvenance) -> ProvenanceModel:
    """Where a version comes from."""
    version, submission = provenance.version, provenance.submission
    return ProvenanceModel(
        policy=version.policy,
        version=version.version,
        digest=version.digest,
        recorded_at=version.recorded_at,
        submission=_signed_change(submission) if submission else None,
        origins=list(map(_origin, provenance.origins)),
    )


def _signed_change(change: SignedChange) -> SignedChangeModel:
    return SignedChangeModel(
        id=change.id,
        title=change.title,
        author=person_model(change.author),
        submitted_by=person_model(change.submitted_by) if change.submitted_by else None,
        signatures=list(map(_signature, change.signatures)),
    )


def _origin(origin: ActivationOrigin) -> OriginModel:
    return OriginModel(
        activation=activation_model(origin.activation),
        title=origin.title,
        signatures=list(map(_signature, origin.signatures)),
    )


def _signature(signature: RecordedSignature) -> RecordedSignatureModel:
    return RecordedSignatureModel(
        by=person_model(signature.by),
        role=signature.role,
        at=signature.at,
        meaning=signature.meaning,
        reason=signature.reason,
    )
