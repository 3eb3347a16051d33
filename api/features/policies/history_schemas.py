"""JSON schemas of activations, provenance, dependencies and rule histories."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from api.features.policies.schemas import InForceModel, RuleModel, SentencesModel
from api.web.schemas import Answer, Digest, Model, PageModel, PersonModel, PolicyName, Words, attribute
from policy_service.actor import Role
from policy_service.analysis.rule_history import RuleStatus
from policy_service.approval.change import Meaning
from policy_service.approval.provenance import SuspensionMeaning
from policy_service.decisions.firings import Firings
from policy_service.decisions.rule_versions import RuleInVersion
from policy_service.language.policy_members import rule_members
from policy_service.language.requirements import Dependencies
from policy_service.registry.model import Activation, ActivationKind


class ActivationModel(Answer):
    """The activation of a version."""

    id: str
    version: str
    digest: Digest
    kind: ActivationKind
    effective: InForceModel
    recorded_at: datetime
    cancelled_at: datetime | None
    change: str | None
    suspension: str | None


class StopModel(Answer):
    """A stop, because of which a policy answers `suspended`: `version` is suspended without a replacement."""

    suspension: str
    reason: str
    version: str
    effective: InForceModel


class ActiveModel(Model):
    """The version in force at `valid_at`, as known at `known_at`; null if there was none."""

    policy: str
    valid_at: datetime
    known_at: datetime
    status: Annotated[
        Literal["in_force", "suspended", "ended", "not_in_force"],
        Field(
            description="`suspended`: a suspension left no version in force; `ended`: a signed change ended the policy"
        ),
    ]
    active: ActivationModel | None
    suspended: StopModel | None
    ended: Annotated[ActivationModel | None, Field(description="what ended the policy; null if nothing ended it")]


def active_model(
    policy: str, valid_at: datetime, known_at: datetime, activation: Activation | None, ending: Activation | None
) -> ActiveModel:
    """Convert what applied to a policy: a version, a suspension that left none, or nothing."""
    stop = activation if activation is not None and activation.is_stop else None
    return ActiveModel(
        policy=policy,
        valid_at=valid_at,
        known_at=known_at,
        status="suspended" if stop else "in_force" if activation else "ended" if ending else "not_in_force",
        active=ActivationModel.from_value(activation) if activation is not None and stop is None else None,
        suspended=StopModel.from_value(stop) if stop else None,
        ended=ActivationModel.from_value(ending) if ending is not None else None,
    )


class DependencyModel(Answer):
    """An outcome of one policy used as a fact of another."""

    policy: Annotated[PolicyName, Field(description="the other policy")]
    title: Words
    outcome: str
    fact: str


class MeasureModel(Answer):
    """A fact from the benchmark set, and its measure."""

    fact: str
    measure: str


class DependenciesModel(Answer):
    """A policy's dependencies and dependents, among the versions in force."""

    policy: PolicyName
    upstream: Annotated[list[DependencyModel], Field(description="outcomes of other policies that the policy requires")]
    downstream: Annotated[list[DependencyModel], Field(description="policies in force that require its outcomes")]
    measures: list[MeasureModel]


class RuleVersionModel(Answer):
    """A rule in one version; `rule` is null if the version lacks it."""

    version: str
    digest: Digest
    status: Annotated[
        RuleStatus,
        Field(description="compared with the version before; `absent`: in neither, `first`: in the first version"),
    ]
    rule: RuleModel | None
    position: Annotated[int, Field(description="the position of the rule in the version, from 1; 0 if absent")]
    rule_count: int
    sentences: Annotated[SentencesModel, Field(description="what the version changed in the rule")]
    in_force: list[InForceModel]
    active: bool


class FiringsModel(Answer):
    """The number of times the rule fired in the last decisions of its policy."""

    times: int
    decisions: int
    since: datetime | None


class RuleHistoryModel(PageModel[RuleVersionModel]):
    """The history of a rule over versions, newest first, and the cursor of the next ones."""

    policy: PolicyName
    rule: str
    firings: FiringsModel


class RecordedSignatureModel(Answer):
    """A signature on a change or a suspension: who, in which role, when, what it says, and why."""

    by: PersonModel
    role: Role
    at: datetime
    meaning: Annotated[
        Meaning | SuspensionMeaning, Field(description="`suspends` and `ratifies` belong to a suspension")
    ]
    reason: str


class SignedChangeModel(Answer):
    """A change, with the signatures on what was submitted last."""

    id: str
    title: str
    author: PersonModel
    submitted_by: PersonModel | None
    signatures: list[RecordedSignatureModel]


class OriginModel(Answer):
    """The origin of an activation: its `change` or `suspension`; neither at set-up."""

    activation: ActivationModel
    title: Annotated[str | None, Field(description="the title of the change")]
    signatures: list[RecordedSignatureModel]


class ProvenanceModel(Answer):
    """The provenance of a version."""

    policy: Annotated[str, attribute("version.policy")]
    version: Annotated[str, attribute("version.version")]
    digest: Annotated[Digest, attribute("version.digest")]
    recorded_at: Annotated[datetime, attribute("version.recorded_at")]
    submission: Annotated[SignedChangeModel | None, Field(description="null when it was imported at set-up")]
    origins: Annotated[list[OriginModel], Field(description="what put the version in force, newest first")]


def rule_version_model(rule: RuleInVersion) -> RuleVersionModel:
    """Return a rule in one version, and when that is in force."""
    history = rule.history
    return RuleVersionModel.from_value(
        history,
        version=rule.version.version,
        digest=rule.version.digest,
        rule=rule_members(history.policy, history.rule) if history.rule else None,
        sentences=SentencesModel(zh=list(history.sentences("zh")), en=list(history.sentences("en"))),
        in_force=rule.periods[::-1],
        active=rule.is_active,
    )


def firings_model(firings: Firings, rule: str) -> FiringsModel:
    """Convert the count of a rule's recent firings."""
    return FiringsModel(times=firings.rules.get(rule, 0), decisions=firings.total, since=firings.since)


def dependencies_model(policy: str, dependencies: Dependencies) -> DependenciesModel:
    """Convert the dependencies of a policy."""
    measures = [MeasureModel(fact=fact, measure=measure) for fact, measure in dependencies.measures]
    return DependenciesModel.from_value(dependencies, policy=policy, measures=measures)
