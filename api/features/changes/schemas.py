"""The JSON schemas of changes."""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any

from pydantic import Field, PlainSerializer

from api.features.changes.bodies import PeriodModel
from api.web.schemas import Answer, Digest, Model, PageModel, PersonModel, attribute
from policy_service.actor import Actor, Role
from policy_service.approval.change import ActionRecord, Comment
from policy_service.approval.service import (
    Action,
    Afterwards,
    Change,
    ChangeKind,
    ChangeState,
    Meaning,
    change_permissions,
)

Amount = Annotated[Decimal, PlainSerializer(str)]


class ChangeVersionModel(Answer):
    """One version of one policy."""

    policy: str
    version: str
    digest: Digest


class ActedModel(Answer):
    """One action on a change."""

    number: int
    action: Action
    by: PersonModel
    at: datetime
    reason: str
    digest: Digest | None
    role: Role | None
    meaning: Meaning | None


class SignOffModel(ActedModel):
    """A signature on the current submission."""

    counts: Annotated[bool, Field(description="the signer still has account and role, and is no author")]
    why_not: Annotated[str | None, Field(description="why the signature does not count; the role must sign again")]


class CommentModel(Answer):
    """A comment on a change."""

    id: str
    by: PersonModel
    at: datetime
    text: str


class MayModel(Answer):
    """The permission for an action, or the reason why not; for a signature with the possible roles."""

    allowed: bool
    reason: Annotated[str | None, attribute("denied_reason")]
    roles: list[Role] | None = None


class EvidenceModel(Answer):
    """The evidence file of a change; `size` in bytes."""

    name: str
    media_type: str
    digest: Digest
    size: int


class ChangeSummary(Answer):
    """A summary of a change."""

    id: str
    kind: ChangeKind
    state: ChangeState
    title: Annotated[str, attribute("draft.title")]
    author: PersonModel
    created_at: datetime
    effective: PeriodModel
    versions: Annotated[list[ChangeVersionModel], Field(description="empty while its files are a draft")]
    ends: Annotated[
        list[str], attribute("draft.ends"), Field(description="the policies that the change ends on its first day")
    ]
    afterwards: Annotated[Afterwards, attribute("draft.afterwards"), Field(description="what applies after the period")]
    owed: Annotated[list[Role], attribute("missing_roles", "who must still sign")]


class ChangePage(PageModel[ChangeSummary]):
    """A page of changes, newest first, and the cursor of the next."""


class ChangeDetail(ChangeSummary):
    """A change in full; `may` has the caller's permissions."""

    etag: str
    revision: int
    reason: Annotated[str, attribute("draft.reason")]
    texts: Annotated[list[Digest], attribute("draft.texts")]
    evidence: Annotated[EvidenceModel | None, attribute("draft.evidence", "the scan or minutes of first versions")]
    digest: Annotated[Digest | None, Field(description="the digest that is signed; null for a draft")]
    report: Digest | None
    simulated_over: Annotated[
        str | None, attribute("draft.simulated_over", "the registered population over which its effect is simulated")
    ]
    simulation: str | None
    population: str | None
    roles: Annotated[list[Role], Field(description="the roles that must sign")]
    sign_off: Annotated[ChangeVersionModel | None, Field(description="the policy that decided this")]
    bases: Annotated[list[ChangeVersionModel], Field(description="the version it was compared with")]
    signatures: list[SignOffModel]
    history: Annotated[list[ActedModel], attribute("actions")]
    comments: list[CommentModel]
    may: dict[Action, MayModel]


class SimulationModel(Model):
    """The effect that was submitted with a change."""

    digest: Annotated[Digest, Field(description="digest of all figures below; part of what is signed")]
    bundle: Annotated[dict[str, Any], Field(description="the inputs of the figures, with their digest")]
    impact_share: Annotated[
        str | None, Field(description="the largest share of decided subjects that move in a policy; null if unknown")
    ]
    best_lost_share: Annotated[
        str | None, Field(description="the largest share of the subjects of a best outcome that lose it")
    ]
    capacity_share: Annotated[
        str | None, Field(description="the largest share of its stated capacity that a role needs after the change")
    ] = None
    money_difference: Annotated[str | None, Field(description="the difference of the total, in CNY")]
    ends: Annotated[list[str], Field(description="policies that the change ends; endings are not simulated")]
    movers: Annotated[Digest, Field(description="digest of the list of all subjects that move")]
    parts: Annotated[
        list[dict[str, Any]],
        Field(description="for each kind of subject its figures, or its problems; who moves is in `movers`"),
    ]


class ReportModel(Model):
    """The errors that prevent submission, and the analysis report; for a submission, the frozen report."""

    frozen: bool
    problems: list[str]
    diagnostics: list[dict[str, Any]]
    report: dict[str, Any] | None
    simulation: Annotated[
        SimulationModel | None, Field(description="the effect of a draft that can be submitted, simulated now")
    ] = None


class CellComparisonModel(Answer):
    """The expected and actual numbers of subjects with one value before and one after."""

    outcome: str
    from_: Annotated[str, Field(alias="from", validation_alias="before", description="`(new)`: not decided before")]
    to: Annotated[str, attribute("after")]
    expected: int
    actual: int
    difference: int


class MoneyComparisonModel(Answer):
    """The expected and actual change of a sum of money."""

    outcome: str
    currency: str
    expected: Amount
    actual: Annotated[Amount | None, Field(description="null where there are too many records to add up at once")]
    difference: Amount | None


class PolicyComparisonModel(Answer):
    """The expected and actual effect on one policy."""

    policy: str
    version: str
    kind: str
    subjects: Annotated[int, Field(description="number of subjects that were compared")]
    not_decided: Annotated[int, Field(description="of these, the subjects without a decision since the first day")]
    expected_moved: int
    actual_moved: int
    cells: list[CellComparisonModel]
    money: list[MoneyComparisonModel]


class EffectComparisonModel(Answer):
    """The expected and actual effect of a change from its first day until another."""

    since: Annotated[
        date, Field(description="the first day of the change; the groups before are those of the day before")
    ]
    until: date
    policies: list[PolicyComparisonModel]
    unknown: Annotated[list[str], Field(description="kinds of subjects that were not simulated")]


def change_summary(change: Change) -> ChangeSummary:
    """Return the summary of a change."""
    return ChangeSummary.from_value(change, **_computed(change))


def change_detail(change: Change, comments: Sequence[Comment], actor: Actor, now: datetime) -> ChangeDetail:
    """Return a change in full, for the caller."""
    submission = change.submission
    return ChangeDetail.from_value(
        change,
        **_computed(change),
        report=submission.report if submission else None,
        simulation=submission.simulation if submission else None,
        population=submission.population if submission else None,
        roles=change.required_roles,
        sign_off=submission.sign_off if submission else None,
        bases=submission.bases if submission else (),
        signatures=[_sign_off(each, change.void.get(each.number)) for each in change.signatures],
        comments=comments,
        may=permitted_actions(change, actor, now),
    )


def permitted_actions(change: Change, actor: Actor, now: datetime) -> dict[Action, MayModel]:
    """Return the permissions of an actor, re-authenticated for signing, on a change."""
    return {
        action: MayModel.from_value(each, roles=each.roles if action is Action.SIGN_OFF else None)
        for action, each in change_permissions(change, actor, now).items()
    }


def _computed(change: Change) -> dict[str, Any]:
    """Return the members of a summary that are no attributes of a change."""
    effective = change.draft.effective
    return {
        "created_at": change.actions[0].at,
        "effective": PeriodModel(from_=effective.start, until=effective.until),
    }


def _sign_off(signature: ActionRecord, void: str | None) -> SignOffModel:
    return SignOffModel.from_value(signature, counts=void is None, why_not=void)
