"""The shapes of group lists and of movements."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from api.web.schemas import Digest, Model, Words
from policy_service.decisions.groups.model import Group
from policy_service.decisions.groups.movements import GroupRates, Move, Movement
from policy_service.decisions.groups.queries import GroupSize, Member

Status = Literal["decided", "no_rule_matched", "missing_facts", "conflict", "suspended"]
GroupName = Annotated[str, Field(description="`tier:S`, or the status where nothing was decided")]
Percentage = Annotated[str | None, Field(description="per cent with one decimal; null where there was nobody")]


class GroupModel(Model):
    """A group of a policy: a status, and the values of the outcome that can be counted."""

    name: GroupName
    status: Status
    values: dict[str, Any]


class GroupSizeModel(GroupModel):
    """How many subjects of a kind a group of a policy has."""

    id: str
    policy: str
    kind: str
    subjects: int


class GroupPage(Model):
    """Some of the groups, by policy, kind and status, and how to ask for the next ones."""

    day: Annotated[date | None, Field(description="the day asked for; null for the newest decisions")]
    items: list[GroupSizeModel]
    next_cursor: str | None


class MemberModel(Model):
    """Where a subject stands by a policy, by which rule, since when, and the decision that says so."""

    subject: str
    kind: str
    policy: str
    group: GroupModel
    outcome: Annotated[Any, Field(description="all that was decided, also what is not counted; null if nothing was")]
    rule: Annotated[str | None, Field(description="of several the first, of a scorecard the band")]
    because: list[Words]
    since: Annotated[date, Field(description="since when it has been in the group")]
    version: str
    digest: Digest
    as_of: date
    decided_at: datetime
    decision_id: str
    overridden: Annotated[dict[str, Any] | None, Field(description="the override that took the place of the rules")]


class MemberPage(Model):
    """Some of the subjects, by group and identifier, and how to ask for the next ones."""

    items: list[MemberModel]
    next_cursor: str | None


class SubjectModel(Model):
    """Where one subject stands by every policy that decided about it."""

    subject: str
    kind: str
    merged_into: Annotated[str | None, Field(description="the subject that it is part of, and that lists name")]
    merged: Annotated[list[str], Field(description="the subjects that were merged into it")]
    policies: list[MemberModel]


class MovementModel(Model):
    """How many subjects went from one group to another, or stayed."""

    id: str
    before: Annotated[GroupModel | None, Field(description="null for those without a decision on the first day")]
    after: GroupModel
    subjects: int


class GroupRatesModel(Model):
    """What became of the subjects that a group had on the first day."""

    model_config = ConfigDict(extra="forbid", frozen=True, from_attributes=True)

    group: GroupModel
    before: Annotated[int, Field(description="subjects on the first day")]
    after: Annotated[int, Field(description="subjects on the second day")]
    stayed: int
    risen: Annotated[int, Field(description="those that went to a better group, by the order of the choice")]
    fallen: int
    other: Annotated[int, Field(description="those that went where there is no better and worse")]
    loss_rate: Percentage
    upgrade_rate: Percentage


class MovementMatrix(Model):
    """The movements of one policy between two days; they add up with the sizes of its groups on both."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, serialize_by_alias=True)

    policy: str
    since: Annotated[date, Field(alias="from")]
    until: Annotated[date, Field(alias="to")]
    items: list[MovementModel]
    next_cursor: str | None
    groups: list[GroupRatesModel]


class MoveModel(Model):
    """One subject that moved, and the decision by which it last did."""

    subject: str
    kind: str
    before: GroupModel | None
    after: GroupModel
    day: Annotated[date, Field(description="since when it has been in the group of the second day")]
    decision_id: str


class MovePage(Model):
    """Some of the subjects that moved, by identifier, and how to ask for the next ones."""

    items: list[MoveModel]
    next_cursor: str | None


def group_model(group: Group) -> GroupModel:
    """A group as JSON."""
    return GroupModel.model_validate({"name": group.name, "status": group.status, "values": group.values})


def size_model(size: GroupSize) -> GroupSizeModel:
    """The size of a group as JSON."""
    group = group_model(size.group).model_dump()
    return GroupSizeModel(**group, id=size.id, policy=size.policy, kind=size.kind, subjects=size.subjects)


def member_model(member: Member) -> MemberModel:
    """Where a subject stands, as JSON."""
    entry, decision = member.entry, member.decision
    return MemberModel(
        subject=member.subject.id,
        kind=member.subject.kind,
        policy=member.policy,
        group=group_model(member.group),
        outcome=entry.get("outcome"),
        rule=member.rule or None,
        because=entry.get("because", []),
        since=member.since,
        version=entry["version"],
        digest=entry["digest"],
        as_of=decision.as_of,
        decided_at=decision.decided_at,
        decision_id=decision.decision_id,
        overridden=entry.get("overridden"),
    )


def movement_model(movement: Movement) -> MovementModel:
    """A cell of the matrix as JSON."""
    return MovementModel(
        id=movement.id,
        before=group_model(movement.before) if movement.before else None,
        after=group_model(movement.after),
        subjects=movement.subjects,
    )


def rates_model(rates: GroupRates) -> GroupRatesModel:
    """What became of a group, as JSON."""
    names = ("before", "after", "stayed", "risen", "fallen", "other", "loss_rate", "upgrade_rate")
    return GroupRatesModel(group=group_model(rates.group), **{name: getattr(rates, name) for name in names})


def move_model(move: Move) -> MoveModel:
    """A subject that moved, as JSON."""
    return MoveModel(
        subject=move.subject.id,
        kind=move.subject.kind,
        before=group_model(move.before) if move.before else None,
        after=group_model(move.after),
        day=move.day,
        decision_id=move.decision.decision_id,
    )
