"""Reads group lists: the size of each group, its members, and the groups of one subject."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, false, func, or_, select
from sqlmodel import Session, col
from sqlmodel import select as select_model

from policy_service.decisions.groups.model import OPEN, Assignment, Group, Place
from policy_service.decisions.groups.records import counting_records
from policy_service.decisions.groups.rows import COUNTS
from policy_service.decisions.groups.tables import OutcomePeriod
from policy_service.decisions.record import DecisionRecord
from policy_service.decisions.record_queries import check_lookup
from policy_service.decisions.tables import DecisionRow
from policy_service.integrity import DamagedRecord, reading_row
from policy_service.paging import Order, Page, fetch, page_of
from policy_service.registry.service import policy_names
from policy_service.subject import Subject

_BY_SUBJECT = Order("subject", (col(OutcomePeriod.subject), col(OutcomePeriod.kind)))
PAGE_SIZE = 50
MAX_PAGE = 500
_BY_GROUP = Order(
    "group",
    (col(OutcomePeriod.status), col(OutcomePeriod.outcome), col(OutcomePeriod.subject), col(OutcomePeriod.kind)),
)


@dataclass(frozen=True, slots=True)
class GroupSize:
    """The number of a group's subjects of one kind."""

    policy: str
    kind: str
    group: Group
    subjects: int

    @property
    def id(self) -> str:
        """A key unique among all group sizes."""
        return f"{self.policy}:{self.kind}:{self.group.name}"


@dataclass(frozen=True, slots=True)
class MemberFilter:
    """Filters of a list of one policy's subjects; None matches any."""

    policy: str
    day: date | None = None
    """The day on which they are members; None for members by their newest decisions."""
    groups: Sequence[Group] | None = None
    rule: str | None = None
    subject: str | None = None
    """The identifier."""


@dataclass(frozen=True, slots=True)
class Member:
    """The assignment of a subject by a policy, and the decision behind it."""

    subject: Subject
    policy: str
    group: Group
    rule: str
    override: str
    since: date
    """The day it entered the group."""
    decision: DecisionRecord
    """The newest decision; for a past day, the one that began the assignment of that day."""

    @property
    def entry(self) -> Mapping[str, Any]:
        """The decision's answer for the policy."""
        entry: Mapping[str, Any] = self.decision.outcomes[self.policy]
        return entry


def group_sizes(session: Session, policies: Iterable[str], day: date | None = None) -> list[GroupSize]:
    """Return the counts of subjects in each group of some policies, by the newest decisions or on a day."""
    columns = (COUNTS.c.policy, COUNTS.c.kind, COUNTS.c.status, COUNTS.c.outcome)
    total = func.sum(COUNTS.c.change)
    query = select(*columns, total).where(COUNTS.c.policy.in_(sorted(policies)))
    query = query.where(COUNTS.c.day == OPEN if day is None else COUNTS.c.day <= min(day, OPEN - OPEN.resolution))
    rows = session.connection().execute(query.group_by(*columns).having(total != 0).order_by(*columns))
    return [GroupSize(policy, kind, Group(status, outcome), int(size)) for policy, kind, status, outcome, size in rows]


def group_sizes_by_day(session: Session, policy: str, days: Sequence[date]) -> list[Counter[Group]]:
    """Return the sizes of a policy's groups on each of some days, the first day first."""
    sizes: Counter[Group] = Counter()
    for each in group_sizes(session, [policy], days[0]):
        sizes[each.group] += each.subjects
    query = select(COUNTS.c.day, COUNTS.c.status, COUNTS.c.outcome, COUNTS.c.change).where(COUNTS.c.policy == policy)
    query = query.where(COUNTS.c.day > days[0], COUNTS.c.day <= min(days[-1], OPEN - OPEN.resolution))
    changes = deque(session.connection().execute(query.order_by(COUNTS.c.day)).all())
    by_day = []
    for day in days:
        while changes and changes[0].day <= day:
            row = changes.popleft()
            sizes[Group(row.status, row.outcome)] += int(row.change)
        by_day.append(+sizes)
    return by_day


def count_not_decided(session: Session, policy: str, since: date, until: date) -> int:
    """Count the members on the day `until` without a decision since an earlier day.

    For a past day, decisions by any policy count.
    """
    row, decision = OutcomePeriod, DecisionRow
    is_of_subject = and_(col(decision.subject) == row.subject, col(decision.kind) == row.kind)
    is_decided = exists().where(is_of_subject, col(decision.as_of).between(since, until))
    is_older = or_(col(row.newest) < since, and_(or_(col(row.newest).is_(None), col(row.newest) > until), ~is_decided))
    query = select_model(func.count()).select_from(row).where(row.policy == policy, *_on(until), col(row.since) < since)
    return session.exec(query.where(is_older)).one()


def groups_of_subjects(session: Session, policy: str, day: date | None = None) -> dict[str, Group]:
    """Return the group of every subject of a policy, by the newest decisions or on a day."""
    row = OutcomePeriod
    query = select_model(row.subject, row.status, row.outcome).where(row.policy == policy, *_on(day))
    return {subject: Group(status, outcome) for subject, status, outcome in session.exec(query)}


def list_groups(
    session: Session,
    policies: Iterable[str],
    day: date | None = None,
    *,
    cursor: str | None = None,
    limit: int = PAGE_SIZE,
) -> Page[GroupSize]:
    """Return a page of the non-empty groups of some policies, in order. Raises InvalidCursor."""
    sizes = group_sizes(session, policies, day)
    return page_of(sizes, "groups", lambda each: (each.policy, each.kind, *each.group), cursor=cursor, limit=limit)


def grouped_policies(session: Session) -> list[str]:
    """Return the names of the policies with decisions, those with most subjects first."""
    query = select(COUNTS.c.policy).where(COUNTS.c.policy.in_(policy_names(session)), COUNTS.c.day == OPEN)
    query = query.group_by(COUNTS.c.policy).order_by(func.sum(COUNTS.c.change).desc(), COUNTS.c.policy)
    return list(session.connection().execute(query).scalars())


def policy_groups(session: Session, policy: str) -> list[Group]:
    """Return the groups that a policy ever had."""
    query = select(COUNTS.c.status, COUNTS.c.outcome).where(COUNTS.c.policy == policy).distinct()
    return sorted(Group(*row) for row in session.connection().execute(query))


def matching_groups(session: Session, policy: str, name: str) -> list[Group]:
    """Return the groups that a policy ever had and that match a name such as `tier:S`."""
    return [each for each in policy_groups(session, policy) if each.matches(name)]


def list_members(
    session: Session, criteria: MemberFilter, *, cursor: str | None = None, limit: int = PAGE_SIZE
) -> Page[Member]:
    """Return the subjects that match a filter, by group, then by identifier."""
    if criteria.subject is not None:
        check_lookup(session, criteria.subject)
    row = OutcomePeriod
    query = select_model(row).where(row.policy == criteria.policy, *_on(criteria.day))
    if criteria.groups is not None:
        query = query.where(in_groups(row, criteria.groups))
    if criteria.rule is not None:
        query = query.where(row.rule == criteria.rule)
    if criteria.subject is not None:
        query = query.where(row.subject == criteria.subject)
    with reading_row("outcome_period", criteria.policy):
        is_one = criteria.subject is not None or len(criteria.groups or ()) == 1
        order = _BY_SUBJECT if is_one else _BY_GROUP  # each as an index has it
        page = fetch(session, query, order, lambda period: period, after=cursor, limit=max(1, min(limit, MAX_PAGE)))
        return Page(tuple(_members(session, page.items)), page.next_cursor)


def subject_assignments(session: Session, subject: Subject) -> list[Member]:
    """Return the assignments of a subject by every policy with a decision about it, in the order of policies."""
    check_lookup(session, *subject)
    row = OutcomePeriod
    query = select_model(row).where(row.subject == subject.id, row.kind == subject.kind, row.until == OPEN)
    with reading_row("outcome_period", *subject):
        return _members(session, session.exec(query.order_by(row.policy)).all())


def in_groups(row: type[OutcomePeriod], groups: Sequence[Group]) -> ColumnElement[bool]:
    """Return the condition that a row belongs to one of some groups."""
    conditions = [and_(col(row.status) == each.status, col(row.outcome) == each.outcome) for each in groups]
    return or_(false(), *conditions)


def _on(day: date | None) -> tuple[ColumnElement[bool], ...]:
    until, since = col(OutcomePeriod.until), col(OutcomePeriod.since)
    return (until == OPEN,) if day is None else (since <= day, until > day)


def _members(session: Session, periods: Sequence[OutcomePeriod]) -> list[Member]:
    wanted = [(Place(each.subject, each.kind, each.policy), each.newest or each.since) for each in periods]
    records = counting_records(session, wanted)
    return [
        _member(each, Assignment(each.status, each.outcome, each.rule, each.override), records[which])
        for each, which in zip(periods, wanted, strict=True)
    ]


def _member(period: OutcomePeriod, assignment: Assignment, record: DecisionRecord) -> Member:
    """Return the assignment of a subject, checked against its record. Raises DamagedRecord."""
    subject = Subject(period.subject, period.kind)
    if not assignment.is_of(record.outcomes[period.policy]):
        raise DamagedRecord("outcome_period", f"{subject.id} {period.policy}")
    rule, override = assignment.rule, assignment.override
    return Member(subject, period.policy, assignment.group, rule, override, period.entered, record)
