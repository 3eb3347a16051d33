"""The shapes of where a version comes from, and of what a policy needs and what needs it."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from api.features.policies.in_force_schemas import ActivationModel, activation_model
from api.web.schemas import Digest, Model, PersonModel, PolicyName, Words, person_model, words_model
from policy_service.actor import Role
from policy_service.approval.change import Meaning
from policy_service.approval.provenance import (
    ActivationOrigin,
    RecordedSignature,
    SignedChange,
    SuspensionMeaning,
    VersionProvenance,
)
from policy_service.language.requirements import Dependencies, Dependency


class DependencyModel(Model):
    """An outcome of one policy that is a fact of another."""

    policy: Annotated[PolicyName, Field(description="the other policy")]
    title: Words
    outcome: str
    fact: str


class MeasureModel(Model):
    """A fact that comes from the benchmark set, and what it measures."""

    fact: str
    measure: str


class DependenciesModel(Model):
    """What a policy needs, and what needs it, by the versions in force."""

    policy: PolicyName
    upstream: Annotated[list[DependencyModel], Field(description="outcomes of other policies that it takes")]
    downstream: Annotated[list[DependencyModel], Field(description="policies in force that take its outcomes")]
    measures: list[MeasureModel]


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


def dependencies_model(policy: str, dependencies: Dependencies) -> DependenciesModel:
    """What a policy needs, and what needs it."""
    return DependenciesModel(
        policy=policy,
        upstream=list(map(_dependency, dependencies.upstream)),
        downstream=list(map(_dependency, dependencies.downstream)),
        measures=[MeasureModel(fact=fact, measure=measure) for fact, measure in dependencies.measures],
    )


def _dependency(each: Dependency) -> DependencyModel:
    return DependencyModel(policy=each.policy, title=words_model(each.title), outcome=each.outcome, fact=each.fact)


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
