"""The shapes of changes, as they are told."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from api.features.changes.bodies import PeriodModel
from api.web.schemas import Digest, Model, PersonModel, person_model
from policy_service.actor import Actor, Role
from policy_service.approval.change import ActionRecord, Comment, Version
from policy_service.approval.service import (
    Action,
    Afterwards,
    Change,
    ChangeKind,
    ChangeState,
    Meaning,
    change_permissions,
)


class VersionModel(Model):
    """One version of one policy."""

    policy: str
    version: str
    digest: Digest


class ActedModel(Model):
    """One thing that was done to a change."""

    number: int
    action: Action
    by: PersonModel
    at: datetime
    reason: str
    digest: Digest | None
    role: Role | None
    meaning: Meaning | None


class SignOffModel(ActedModel):
    """A signature on what is submitted now."""

    counts: Annotated[
        bool, Field(description="whether its signer still has the account and the role, and wrote nothing")
    ]
    why_not: Annotated[str | None, Field(description="why it does not count; its role is owed again")]


class CommentModel(Model):
    """Something that was said about a change."""

    id: str
    by: PersonModel
    at: datetime
    text: str


class MayModel(Model):
    """The permission to do something, else the reason why not; for a signature with its roles."""

    allowed: bool
    reason: str | None
    roles: list[Role] | None = None


class EvidenceModel(Model):
    """The file that stands behind a change; `size` in bytes."""

    name: str
    media_type: str
    digest: Digest
    size: int


class ChangeSummary(Model):
    """A change in a line."""

    id: str
    kind: ChangeKind
    state: ChangeState
    title: str
    author: PersonModel
    created_at: datetime
    effective: PeriodModel
    versions: Annotated[list[VersionModel], Field(description="empty while its files are a draft")]
    ends: Annotated[list[str], Field(description="the policies that it ends from its start on")]
    afterwards: Annotated[Afterwards, Field(description="what is in force when the period is over")]
    owed: Annotated[list[Role], Field(description="who must still sign")]


class ChangePage(Model):
    """Some of the changes, the newest first, and how to ask for the next ones."""

    items: list[ChangeSummary]
    next_cursor: str | None


class ChangeDetail(ChangeSummary):
    """A change, whole; `may` is what the caller may do with it."""

    etag: str
    revision: int
    reason: str
    texts: list[Digest]
    evidence: Annotated[EvidenceModel | None, Field(description="the scan or minutes of first versions")]
    digest: Annotated[Digest | None, Field(description="what is signed; null while it is a draft")]
    report: Digest | None
    simulation: str | None
    population: str | None
    roles: Annotated[list[Role], Field(description="who must sign")]
    sign_off: Annotated[VersionModel | None, Field(description="the policy that says so")]
    bases: Annotated[list[VersionModel], Field(description="what it was compared with")]
    signatures: list[SignOffModel]
    history: list[ActedModel]
    comments: list[CommentModel]
    may: dict[Action, MayModel]


class ReportModel(Model):
    """The errors that keep a draft from being submitted, and its analysis report; once submitted, the frozen report."""

    frozen: bool
    problems: list[str]
    diagnostics: list[dict[str, Any]]
    report: dict[str, Any] | None


class SimulationModel(Model):
    """The effect that was submitted with a change."""

    digest: Annotated[Digest, Field(description="of all below; part of what is signed")]
    bundle: Annotated[dict[str, Any], Field(description="what the figures depend on, with its own digest")]
    impact_share: Annotated[
        str | None, Field(description="the largest share of decided subjects that move in a policy; null if unknown")
    ]
    best_lost_share: Annotated[
        str | None, Field(description="the largest share of the subjects of a best outcome that lose it")
    ]
    money_difference: Annotated[str | None, Field(description="how much more or less is decided in all, in CNY")]
    ends: Annotated[list[str], Field(description="policies that the change ends; endings are not simulated")]
    movers: Annotated[Digest, Field(description="of the list of all who move")]
    parts: Annotated[
        list[dict[str, Any]],
        Field(description="for each kind of subject its figures, or its problems; who moves is in `movers`"),
    ]


def change_summary(change: Change) -> ChangeSummary:
    """A change in a line."""
    return ChangeSummary(**_summary(change))


def change_detail(change: Change, comments: Sequence[Comment], actor: Actor, now: datetime) -> ChangeDetail:
    """A change, whole, as the caller sees it."""
    submission = change.submission
    return ChangeDetail(
        **_summary(change),
        etag=change.etag,
        revision=change.revision,
        reason=change.draft.reason,
        texts=list(change.draft.texts),
        evidence=EvidenceModel(**asdict(change.draft.evidence)) if change.draft.evidence else None,
        digest=change.digest,
        report=submission.report if submission else None,
        simulation=submission.simulation if submission else None,
        population=submission.population if submission else None,
        roles=list(submission.roles) if submission else [],
        sign_off=_version(submission.sign_off) if submission else None,
        bases=list(map(_version, submission.bases)) if submission else [],
        signatures=[_sign_off(each, change.void.get(each.number)) for each in change.signatures],
        history=list(map(_action_model, change.actions)),
        comments=list(map(comment_model, comments)),
        may=permitted_actions(change, actor, now),
    )


def permitted_actions(change: Change, actor: Actor, now: datetime) -> dict[Action, MayModel]:
    """Return the permissions of an actor, re-authenticated for signing, on a change."""
    by_action = change_permissions(change, actor, now)
    may = {action: MayModel(allowed=each.allowed, reason=each.denied_reason) for action, each in by_action.items()}
    sign_off = by_action[Action.SIGN_OFF]
    signing = MayModel(allowed=sign_off.allowed, reason=sign_off.denied_reason, roles=list(sign_off.roles))
    return {**may, Action.SIGN_OFF: signing}


def comment_model(comment: Comment) -> CommentModel:
    """A comment, as JSON shows it."""
    return CommentModel(id=comment.id, by=person_model(comment.by), at=comment.at, text=comment.text)


def _summary(change: Change) -> dict[str, Any]:
    draft, submission = change.draft, change.submission
    return {
        "id": change.id,
        "kind": change.kind,
        "state": change.state,
        "title": draft.title,
        "author": person_model(change.author),
        "created_at": change.actions[0].at,
        "effective": PeriodModel(from_=draft.effective.start, until=draft.effective.until),
        "versions": list(map(_version, submission.versions if submission else draft.versions)),
        "ends": list(draft.ends),
        "afterwards": draft.afterwards,
        "owed": list(change.missing_roles),
    }


def _version(version: Version) -> VersionModel:
    return VersionModel(policy=version.policy, version=version.version, digest=version.digest)


def _action_model(acted: ActionRecord) -> ActedModel:
    return ActedModel(
        number=acted.number,
        action=acted.action,
        by=person_model(acted.by),
        at=acted.at,
        reason=acted.reason,
        digest=acted.digest,
        role=acted.role,
        meaning=acted.meaning,
    )


def _sign_off(signature: ActionRecord, void: str | None) -> SignOffModel:
    return SignOffModel(**dict(_action_model(signature)), counts=void is None, why_not=void)
