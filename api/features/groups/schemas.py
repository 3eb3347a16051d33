"""The shapes of group lists and of movements."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal, Self

from pydantic import Field

from api.web.schemas import Answer, Digest, PageModel, Words, attribute
from policy_service.decisions.groups.queries import Member

Status = Literal["decided", "no_rule_matched", "missing_facts", "conflict", "suspended"]
GROUP_NAME = "`tier:S`, or the status where nothing was decided"
SubjectId = Annotated[str, attribute("subject.id")]
SubjectKind = Annotated[str, attribute("subject.kind")]
DecisionId = Annotated[str, attribute("decision.decision_id")]
Percentage = Annotated[str | None, Field(description="per cent with one decimal; null where there was nobody")]


class GroupModel(Answer):
    """A group of a policy: a status, and the values of the outcome that can be counted."""

    name: Annotated[str, Field(description=GROUP_NAME)]
    status: Status
    values: dict[str, Any]


class GroupSizeModel(Answer):
    """The count of a group's subjects of one kind."""

    name: Annotated[str, attribute("group.name", GROUP_NAME)]
    status: Annotated[Status, attribute("group.status")]
    values: Annotated[dict[str, Any], attribute("group.values")]
    id: str
    policy: str
    kind: str
    subjects: int


class GroupPage(PageModel[GroupSizeModel]):
    """A page of groups, by policy, kind and status, and the cursor of the next."""

    day: Annotated[date | None, Field(description="the day asked for; null for the newest decisions")]


class MemberModel(Answer):
    """The assignment of a subject by a policy: the rule, since when, and the decision behind it."""

    subject: SubjectId
    kind: SubjectKind
    policy: str
    group: GroupModel
    outcome: Annotated[Any, Field(description="all that was decided, also what is not counted; null if nothing was")]
    rule: Annotated[str | None, Field(description="of several the first, of a scorecard the band")]
    because: list[Words]
    since: Annotated[date, Field(description="since when it has been in the group")]
    version: str
    digest: Digest
    as_of: Annotated[date, attribute("decision.as_of")]
    decided_at: Annotated[datetime, attribute("decision.decided_at")]
    decision_id: DecisionId
    overridden: Annotated[dict[str, Any] | None, Field(description="the override that took the place of the rules")]

    @classmethod
    def from_member(cls, member: Member) -> Self:
        """Make the answer of a subject in a list."""
        answer = ("outcome", "because", "overridden", "version", "digest")
        parts = {name: member.entry.get(name) for name in answer}
        return cls.from_value(member, **parts | {"because": parts["because"] or [], "rule": member.rule or None})


class MemberPage(PageModel[MemberModel]):
    """A page of subjects, by group and identifier, and the cursor of the next."""


class SubjectModel(Answer):
    """The assignments of one subject by every policy that decided about it."""

    subject: str
    kind: str
    merged_into: Annotated[str | None, Field(description="the subject that it is part of, and that lists name")]
    merged: Annotated[list[str], Field(description="the subjects that were merged into it")]
    policies: list[MemberModel]


class MovementModel(Answer):
    """The count of subjects that moved from one group to another, or stayed."""

    id: str
    before: Annotated[GroupModel | None, Field(description="null for those without a decision on the first day")]
    after: GroupModel
    subjects: int


class GroupRatesModel(Answer):
    """The movements of the subjects that a group had on the first day."""

    group: GroupModel
    before: Annotated[int, Field(description="subjects on the first day")]
    after: Annotated[int, Field(description="subjects on the second day")]
    stayed: int
    risen: Annotated[int, Field(description="those that went to a better group, by the order of the choice")]
    fallen: int
    other: Annotated[int, Field(description="those that went where there is no better and worse")]
    loss_rate: Percentage
    upgrade_rate: Percentage


class MovementMatrix(Answer):
    """The movements of one policy between two days; they add up with the sizes of its groups on both."""

    policy: str
    since: Annotated[date, Field(alias="from")]
    until: Annotated[date, Field(alias="to")]
    items: list[MovementModel]
    next_cursor: str | None
    groups: list[GroupRatesModel]


class MoveModel(Answer):
    """One subject that moved, and the decision by which it last did."""

    subject: SubjectId
    kind: SubjectKind
    before: GroupModel | None
    after: GroupModel
    day: Annotated[date, Field(description="since when it has been in the group of the second day")]
    decision_id: DecisionId


class MovePage(PageModel[MoveModel]):
    """A page of the subjects that moved, by day, and the cursor of the next."""
