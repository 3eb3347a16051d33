"""`/v1/groups`, `/v1/movements` and `/v1/subjects/{subject}`: who is in which group, since when, and who moved."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Query
from sqlmodel import Session

from api.features.groups.schemas import (
    GroupPage,
    GroupRatesModel,
    MemberModel,
    MemberPage,
    MovementMatrix,
    MovementModel,
    MovePage,
    SubjectModel,
)
from api.service import Service
from api.web.openapi import problems
from api.web.parameters import Cursor, DayText, check_day
from api.web.problems import INVALID_PARAMETER, UNKNOWN_POLICY
from api.web.rest_router import RestRouter
from api.web.transactions import run_read
from policy_service.decisions.groups.merged import parts_of, read_merges
from policy_service.decisions.groups.model import Group
from policy_service.decisions.groups.movements import (
    NONE,
    Move,
    MoveFilter,
    declaring_head,
    list_moves,
    movements,
    page_of_movements,
    rates,
)
from policy_service.decisions.groups.queries import (
    PAGE_SIZE,
    Member,
    MemberFilter,
    list_groups,
    list_members,
    matching_groups,
    subject_assignments,
)
from policy_service.language.load import POLICY_ID
from policy_service.paging import Page
from policy_service.subject import CUSTOMER, KIND, MAX_ID, Subject

MAX_GROUPS = 500
Name = Annotated[str, Path(max_length=64)]
Id = Annotated[str, Path(max_length=MAX_ID)]
OfKind = Annotated[str, Query(pattern=f"^{KIND.pattern}$", description="of which kind the subject is")]
OfPolicy = Annotated[str | None, Query(pattern=f"^{POLICY_ID.pattern}$", description="only the groups of this policy")]
ThePolicy = Annotated[str, Query(pattern=f"^{POLICY_ID.pattern}$", description="the policy")]
OnDay = Annotated[DayText | None, Query(description="as of this day; left out: by the newest decisions")]
From = Annotated[DayText, Query(alias="from", description="the first day")]
To = Annotated[DayText, Query(description="the second day, not before the first")]
InGroup = Annotated[str | None, Query(max_length=400, description="only this group, e.g. `tier:S`, `missing_facts`")]
Before = Annotated[str | None, Query(max_length=400, description=f"only from this group; `{NONE}` for no group")]
After = Annotated[str | None, Query(max_length=400, description="only to this group")]
OfRule = Annotated[str | None, Query(max_length=64, description="only those that this rule decided")]
OfSubject = Annotated[str | None, Query(max_length=MAX_ID, description="only this subject")]
Limit = Annotated[int, Query(ge=1, le=PAGE_SIZE, description="subjects on a page")]
GroupLimit = Annotated[int, Query(ge=1, le=MAX_GROUPS, description="groups on a page")]
POLICY_PROBLEMS = problems(UNKNOWN_POLICY, INVALID_PARAMETER)


def group_routes(service: Service) -> RestRouter:
    """Routes of group lists, movements and the assignments of one subject."""
    router = RestRouter("/v1", "groups")
    _add_groups(router, service)
    _add_movements(router, service)
    return router


def _add_groups(router: RestRouter, service: Service) -> None:
    catalogue = service.catalogue

    def names(session: Session, policy: str | None) -> list[str]:
        versions = catalogue.snapshot(session)
        if policy is not None:
            versions.versions_of(policy)
        return sorted(versions.versions) if policy is None else [policy]

    @router.get("/groups", operation_id="list_groups", responses=POLICY_PROBLEMS)
    async def list_groups_of_policies(
        policy: OfPolicy = None, day: OnDay = None, limit: GroupLimit = MAX_GROUPS, cursor: Cursor = None
    ) -> GroupPage:
        """The counts of subjects by policy and group."""
        page = await run_read(
            service, lambda session: list_groups(session, names(session, policy), day, cursor=cursor, limit=limit)
        )
        return GroupPage.from_value(page, day=day)

    @router.get("/groups/{domain}/{policy}", operation_id="list_group", responses=POLICY_PROBLEMS)
    async def list_group(  # noqa: PLR0913  # two of the path, the filters
        domain: Name,
        policy: Name,
        *,
        day: OnDay = None,
        group: InGroup = None,
        rule: OfRule = None,
        subject: OfSubject = None,
        limit: Limit = PAGE_SIZE,
        cursor: Cursor = None,
    ) -> MemberPage:
        """The subjects of a policy by group and identifier, each with the decision that put it there."""
        name = f"{domain}/{policy}"

        def read(session: Session) -> Page[Member]:
            names(session, name)
            criteria = MemberFilter(name, day, _groups(session, name, group), rule, subject)
            return list_members(session, criteria, cursor=cursor, limit=limit)

        page = await run_read(service, read)
        return MemberPage(items=list(map(MemberModel.from_member, page.items)), next_cursor=page.next_cursor)

    @router.get("/subjects/{subject:path}", operation_id="get_subject", responses=problems(INVALID_PARAMETER))
    async def get_subject(subject: Id, kind: OfKind = CUSTOMER) -> SubjectModel:
        """In which group a subject is now by each policy, by which rule and since when."""
        about = Subject(subject, kind)

        def read(session: Session) -> SubjectModel:
            assignments, merges = subject_assignments(session, about), read_merges(session, [subject])
            return SubjectModel(
                subject=subject,
                kind=kind,
                merged_into=merges[about].id if about in merges else None,
                merged=list(parts_of(about, merges)),
                policies=list(map(MemberModel.from_member, assignments)),
            )

        return await run_read(service, read)


def _add_movements(router: RestRouter, service: Service) -> None:
    @router.get("/movements", operation_id="list_movements", responses=POLICY_PROBLEMS)
    async def list_movements(
        policy: ThePolicy, since: From, to: To, *, limit: GroupLimit = MAX_GROUPS, cursor: Cursor = None
    ) -> MovementMatrix:
        """The counts of subjects by their groups on two days, with the loss and upgrade rates."""
        check_day("to", to, since)

        def read(session: Session) -> MovementMatrix:
            head = declaring_head(session, service.catalogue, policy, service.now())
            matrix = movements(session, policy, since, to)
            page = page_of_movements(matrix, cursor, limit)
            return MovementMatrix(
                policy=policy,
                since=since,
                until=to,
                items=list(map(MovementModel.from_value, page.items)),
                next_cursor=page.next_cursor,
                groups=list(map(GroupRatesModel.from_value, rates(matrix, head))),
            )

        return await run_read(service, read)

    @router.get("/movements/subjects", operation_id="list_moved_subjects", responses=POLICY_PROBLEMS)
    async def list_moved_subjects(  # noqa: PLR0913  # the filters
        policy: ThePolicy,
        since: From,
        to: To,
        *,
        before: Before = None,
        after: After = None,
        limit: Limit = PAGE_SIZE,
        cursor: Cursor = None,
    ) -> MovePage:
        """The subjects that moved, by day, then by identifier, each with the decision by which it last did."""
        check_day("to", to, since)

        def read(session: Session) -> Page[Move]:
            service.catalogue.snapshot(session).versions_of(policy)
            came_from = _groups(session, policy, None if before == NONE else before)
            went_to = _groups(session, policy, after)
            criteria = MoveFilter(policy, since, to, came_from, went_to, is_new=before == NONE)
            return list_moves(session, criteria, cursor=cursor, limit=limit)

        page = await run_read(service, read)
        return MovePage.from_value(page)


def _groups(session: Session, policy: str, name: str | None) -> list[Group] | None:
    return None if name is None else matching_groups(session, policy, name)
