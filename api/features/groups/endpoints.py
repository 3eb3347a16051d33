"""`/v1/groups`, `/v1/movements` and `/v1/subjects/{subject}`: group lists, and subjects that moved."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal, Self

from fastapi import Path, Query
from pydantic import Field

from api.web.parameters import DayText, check_day
from api.web.problems import UNKNOWN_POLICY
from api.web.rest_router import ReadRequest, RestRouter
from api.web.schemas import Answer, Digest, KindName, PageModel, PolicyName, Words, attribute
from policy_service.decisions.groups import movements, queries
from policy_service.decisions.groups.merged import parts_of, read_merges
from policy_service.decisions.groups.model import Group
from policy_service.decisions.groups.movements import NONE, MoveFilter
from policy_service.decisions.groups.queries import PAGE_SIZE, Member, MemberFilter
from policy_service.subject import CUSTOMER, MAX_ID, Subject

Status = Literal["decided", "no_rule_matched", "missing_facts", "conflict", "suspended"]
GROUP_NAME = "`tier:S`, or the status where nothing was decided"
SubjectId = Annotated[str, attribute("subject.id")]
SubjectKind = Annotated[str, attribute("subject.kind")]
DecisionId = Annotated[str, attribute("decision.decision_id")]
Percentage = Annotated[str | None, Field(description="per cent, with one decimal; null if there were no subjects")]


class GroupModel(Answer):
    """A group of a policy: a status, and the countable values of the outcome."""

    name: Annotated[str, Field(description=GROUP_NAME)]
    status: Status
    values: dict[str, Any]


class GroupSizeModel(Answer):
    """The number of a group's subjects of one kind."""

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
    outcome: Annotated[
        Any, Field(description="all outcomes, including those that are not counted; null if there are none")
    ]
    rule: Annotated[str | None, Field(description="the first of several rules; the band of a scorecard")]
    because: list[Words]
    since: Annotated[date, Field(description="when the subject entered the group")]
    version: str
    digest: Digest
    as_of: Annotated[date, attribute("decision.as_of")]
    decided_at: Annotated[datetime, attribute("decision.decided_at")]
    decision_id: DecisionId
    overridden: Annotated[
        dict[str, Any] | None, Field(description="the override that replaced the outcome of the rules")
    ]

    @classmethod
    def from_member(cls, member: Member) -> Self:
        """Return the answer for a subject in a list."""
        answer = ("outcome", "because", "overridden", "version", "digest")
        parts = {name: member.entry.get(name) for name in answer}
        return cls.from_value(member, **parts | {"because": parts["because"] or [], "rule": member.rule or None})


class MemberPage(PageModel[MemberModel]):
    """A page of subjects, by group and identifier, and the cursor of the next."""


class SubjectModel(Answer):
    """The assignments of one subject by every policy that decided about it."""

    subject: str
    kind: str
    merged_into: Annotated[str | None, Field(description="the subject it was merged into, which lists show")]
    merged: Annotated[list[str], Field(description="the subjects that were merged into it")]
    policies: list[MemberModel]


class MovementModel(Answer):
    """The number of subjects that moved from one group to another, or stayed."""

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
    risen: Annotated[int, Field(description="subjects that moved to a better group, by the order of the choice")]
    fallen: int
    other: Annotated[int, Field(description="subjects that moved between groups without an order")]
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
    """One subject that moved, and the decision that caused the last move."""

    subject: SubjectId
    kind: SubjectKind
    before: GroupModel | None
    after: GroupModel
    day: Annotated[date, Field(description="when the subject entered the group of the second day")]
    decision_id: DecisionId


class MovePage(PageModel[MoveModel]):
    """A page of the subjects that moved, by day, and the cursor of the next."""


MAX_GROUPS = 500
Name = Annotated[str, Path(max_length=64)]
Id = Annotated[str, Path(max_length=MAX_ID)]
OfKind = Annotated[KindName, Query(description="the kind of the subject")]
OfPolicy = Annotated[PolicyName | None, Query(description="only the groups of this policy")]
ThePolicy = Annotated[PolicyName, Query(description="the policy")]
OnDay = Annotated[DayText | None, Query(description="the groups on this day; default: by the newest decisions")]
From = Annotated[DayText, Query(alias="from", description="the first day")]
To = Annotated[DayText, Query(description="the second day, not before the first")]
InGroup = Annotated[
    str | None, Query(max_length=400, description="only this group, such as `tier:S` or `missing_facts`")
]
Before = Annotated[str | None, Query(max_length=400, description=f"only from this group; `{NONE}` for no group")]
After = Annotated[str | None, Query(max_length=400, description="only movements to this group")]
OfRule = Annotated[str | None, Query(max_length=64, description="only subjects decided by this rule")]
OfSubject = Annotated[str | None, Query(max_length=MAX_ID, description="only this subject")]
router = RestRouter("/v1", "groups")


@router.list("/groups", "groups", UNKNOWN_POLICY, most=MAX_GROUPS)
def list_groups(read: ReadRequest, policy: OfPolicy = None, day: OnDay = None) -> GroupPage:
    """List the numbers of subjects by policy and group."""
    versions = read.catalogue.snapshot(read.session)
    if policy is not None:
        versions.versions_of(policy)
    names = sorted(versions.versions) if policy is None else [policy]
    return GroupPage.from_value(queries.list_groups(read.session, names, day, **read.paging), day=day)


@router.list("/groups/{domain}/{policy}", "subjects", UNKNOWN_POLICY, most=PAGE_SIZE)
def list_group(
    read: ReadRequest,
    domain: Name,
    policy: Name,
    day: OnDay = None,
    group: InGroup = None,
    rule: OfRule = None,
    subject: OfSubject = None,
) -> MemberPage:
    """List the subjects of a policy by group and identifier, each with its decision."""
    name = f"{domain}/{policy}"
    read.catalogue.snapshot(read.session).versions_of(name)
    criteria = MemberFilter(name, day, _groups(read, name, group), rule, subject)
    return MemberPage.of(queries.list_members(read.session, criteria, **read.paging), MemberModel.from_member)


@router.read("/subjects/{subject:text}")
def get_subject(read: ReadRequest, subject: Id, kind: OfKind = CUSTOMER) -> SubjectModel:
    """Return the current group of a subject by each policy, with the rule and the first day."""
    about, merges = Subject(subject, kind), read_merges(read.session, [subject])
    return SubjectModel(
        subject=subject,
        kind=kind,
        merged_into=merges[about].id if about in merges else None,
        merged=list(parts_of(about, merges)),
        policies=list(map(MemberModel.from_member, queries.subject_assignments(read.session, about))),
    )


@router.list("/movements", "groups", UNKNOWN_POLICY, most=MAX_GROUPS)
def list_movements(read: ReadRequest, policy: ThePolicy, since: From, to: To) -> MovementMatrix:
    """Count subjects by their groups on two days, with loss and upgrade rates."""
    check_day("to", to, since)
    head = movements.declaring_head(read.session, read.catalogue, policy, read.now)
    matrix = movements.movements(read.session, policy, since, to)
    page = movements.page_of_movements(matrix, **read.paging)
    return MovementMatrix(
        policy=policy,
        since=since,
        until=to,
        items=list(map(MovementModel.from_value, page.items)),
        next_cursor=page.next_cursor,
        groups=list(map(GroupRatesModel.from_value, movements.rates(matrix, head))),
    )


@router.list("/movements/subjects", "subjects", UNKNOWN_POLICY, most=PAGE_SIZE)
def list_moved_subjects(
    read: ReadRequest, policy: ThePolicy, since: From, to: To, *, before: Before = None, after: After = None
) -> MovePage:
    """List the subjects that moved, by day, then by identifier, each with the decision that caused the last move."""
    check_day("to", to, since)
    read.catalogue.snapshot(read.session).versions_of(policy)
    came_from = _groups(read, policy, None if before == NONE else before)
    criteria = MoveFilter(policy, since, to, came_from, _groups(read, policy, after), is_new=before == NONE)
    return MovePage.from_value(movements.list_moves(read.session, criteria, **read.paging))


def _groups(read: ReadRequest, policy: str, name: str | None) -> list[Group] | None:
    return None if name is None else queries.matching_groups(read.session, policy, name)
