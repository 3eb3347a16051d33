"""`/groups`, `/groups/members`: the subjects of each group; `/movements`, `/movements/subjects`: tier movements."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Generic, TypeVar

from sqlmodel import Session

from api.kit.context import PageContext
from api.kit.frame import Frame
from api.kit.listing import link
from api.kit.table import Options, Table, TableColumn, TableFilter, TableQuery, denied_reason
from api.kit.table_options import chosen_policy, group_options, grouped_policy_options, read_head, today
from api.web.parameters import check_day
from policy_service.decisions.groups.movements import (
    NONE,
    Move,
    MoveFilter,
    Movement,
    list_moves,
    movements,
    page_of_movements,
)
from policy_service.decisions.groups.queries import (
    GroupSize,
    Member,
    MemberFilter,
    grouped_policies,
    list_groups,
    list_members,
    matching_groups,
    policy_groups,
)
from policy_service.decisions.record_versions import versions_of
from policy_service.decisions.words.answers import PolicyAnswer, outcome_cell, policy_answers
from policy_service.decisions.words.groups import NO_GROUP, GroupHistory, GroupText, group_text, read_group_history
from policy_service.decisions.words.movements import MovementSummary, summarize_movements
from policy_service.language.policy import Bilingual
from policy_service.messages import Message
from policy_service.paging import Page
from policy_service.subject import kind_label

DAY = TableFilter("day", Message("As of"), "day")
OF_ONE_POLICY = TableFilter(
    "policy", Message("Policy"), "choice", grouped_policy_options, Message("the most used policy")
)
OF_POLICY = TableFilter("policy", Message("Policy"), "choice", grouped_policy_options, Message("all policies"))


@dataclass(frozen=True, slots=True)
class GroupRow:
    """One group."""

    size: GroupSize
    title: Bilingual
    """The policy's title."""
    text: GroupText

    def address(self, day: str) -> str:
        """Return the address of its subjects."""
        return link(MEMBERS.path, policy=self.size.policy, group=self.size.group.name, day=day)


@dataclass(frozen=True, slots=True)
class MemberRow:
    """One subject of a list."""

    member: Member
    answer: PolicyAnswer


def _read_groups(session: Session, context: PageContext, query: TableQuery) -> Page[GroupRow]:
    policy, lang = query.filters["policy"], context.frame.lang
    names = [policy] if policy else grouped_policies(session)
    page = list_groups(session, names, query.day("day"), cursor=query.cursor, limit=query.limit)
    heads = {name: read_head(session, context, name) for name in {each.policy for each in page.items}}
    rows = (
        GroupRow(each, heads[each.policy].title, group_text(each.group, heads[each.policy], lang))
        for each in page.items
    )
    return Page(tuple(rows), page.next_cursor)


def _read_history(session: Session, context: PageContext, query: TableQuery) -> GroupHistory | None:
    """Return the sizes of the groups of the policy that was chosen, or of the first."""
    policy = chosen_policy(session, context)
    if policy is None:
        return None
    head = read_head(session, context, policy)
    return read_group_history(session, head, query.day("day"), today(context), context.frame.lang)


def _read_members(session: Session, context: PageContext, query: TableQuery) -> Page[MemberRow]:
    """Return one page of subjects. Raises InvalidCursor, InvalidSubject."""
    policy, filters, lang = chosen_policy(session, context), query.filters, context.frame.lang
    if policy is None:
        return Page(())
    groups = matching_groups(session, policy, filters["group"]) if filters["group"] else None
    criteria = MemberFilter(policy, query.day("day"), groups, filters["rule"] or None, filters["subject"] or None)
    page = list_members(session, criteria, cursor=query.cursor, limit=query.limit)
    versions = versions_of(session, (each.decision for each in page.items))
    rows = []
    for each in page.items:
        answers = policy_answers(each.decision, versions[each.decision.decision_id], lang)
        rows.append(MemberRow(each, next(answer for answer in answers if answer.policy == policy)))
    return Page(tuple(rows), page.next_cursor)


def chosen_group_options(session: Session, context: PageContext) -> Options:
    """Return the groups of the policy that was chosen."""
    policy = chosen_policy(session, context)
    if policy is None:
        return ()
    return group_options(policy_groups(session, policy), read_head(session, context, policy), context)


def _kind(row: GroupRow | MemberRow, frame: Frame) -> str:
    return kind_label(row.size.kind if isinstance(row, GroupRow) else row.member.subject.kind, frame.lang)


def _because(row: MemberRow, _: Frame) -> list[object]:
    """Return the reasons of the rules, or of the override that replaced them."""
    override = row.answer.applied_override
    return [override.reason] if override else [each.because for each in row.answer.rules]


GROUPS: Table[GroupRow] = Table(
    path="/groups",
    title=Message("Group lists"),
    about=Message("Subjects in each group of each policy, by their latest decisions or as of a day."),
    columns=(
        TableColumn("group", Message("Group"), lambda each, frame: each.text.cell(frame.lang)),
        TableColumn("policy", Message("Policy"), lambda each, _: each.title),
        TableColumn("kind", Message("Kind of subject"), _kind),
        TableColumn("subjects", Message("Subjects"), lambda each, _: each.size.subjects),
        TableColumn("id", Message("Identifier"), lambda each, _: each.size.id, is_export_only=True),
    ),
    filters=(OF_POLICY, DAY),
    sort="",
    read=_read_groups,
    row_id=lambda each: each.size.id,
    cells="groups/_group_cells.html",
    read_extra=denied_reason("/reevaluations"),
    empty=(
        Message("No subject is in any group yet."),
        Message("Group lists follow from the decisions that are recorded."),
    ),
    no_match=Message("No subject was in a group of this policy by then."),
    read_summary=_read_history,
)
MEMBERS: Table[MemberRow] = Table(
    path="/groups/members",
    title=Message("Subjects of a group"),
    about=Message("The subjects of one policy, each with the rule that put it in its group, and since when."),
    columns=(
        TableColumn("subject", Message("Subject"), lambda each, _: each.member.subject.id),
        TableColumn("kind", Message("Kind of subject"), _kind, is_export_only=True),
        TableColumn("outcome", Message("Outcome"), lambda each, frame: outcome_cell(each.answer.outcomes, frame.lang)),
        TableColumn("status", Message("State"), lambda each, _: each.answer.status_name, is_export_only=True),
        TableColumn("rule", Message("Rule"), lambda each, _: [rule.id for rule in each.answer.rules]),
        TableColumn("because", Message("Reason"), _because, is_export_only=True),
        TableColumn("override", Message("Override"), lambda each, _: each.member.override, is_export_only=True),
        TableColumn("since", Message("In the group since"), lambda each, _: each.member.since),
        TableColumn("version", Message("Version"), lambda each, _: each.answer.version, is_export_only=True),
        TableColumn("decision", Message("Decided for"), lambda each, _: each.member.decision.as_of),
        TableColumn("id", Message("Identifier"), lambda each, _: each.member.decision.decision_id, is_export_only=True),
    ),
    filters=(
        OF_ONE_POLICY,
        TableFilter("group", Message("Group"), "choice", chosen_group_options, Message("all groups")),
        TableFilter("rule", Message("Rule")),
        TableFilter("subject", Message("Subject")),
        DAY,
    ),
    sort="",
    read=_read_members,
    row_id=lambda each: each.member.decision.decision_id,
    cells="groups/_member_cells.html",
    empty=GROUPS.empty,
    no_match=Message("No subject matches."),
    breadcrumbs=((GROUPS.title, GROUPS.path),),
)


Item = TypeVar("Item", Movement, Move)
MONTH = timedelta(days=30)
"""The default distance between the first and the second day."""


@dataclass(frozen=True, slots=True)
class MoveRow(Generic[Item]):
    """One cell of the matrix, or one subject that moved, with both groups in words."""

    item: Item
    before: GroupText
    after: GroupText


def _in_words(session: Session, context: PageContext, policy: str, page: Page[Item]) -> Page[MoveRow[Item]]:
    head, lang = read_head(session, context, policy), context.frame.lang
    rows = (
        MoveRow(each, group_text(each.before, head, lang), group_text(each.after, head, lang)) for each in page.items
    )
    return Page(tuple(rows), page.next_cursor)


def _days(context: PageContext, query: TableQuery) -> tuple[date, date]:
    """Return the chosen days, or the last month. Raises ProblemError."""
    until = query.day("to") or today(context)
    since = query.day("from") or until - MONTH
    check_day("to", until, since)
    return since, until


def _matrix(session: Session, context: PageContext, policy: str, days: tuple[date, date]) -> list[Movement]:
    """Return the counts for the list and its summary; reads every subject that moved."""
    return context.once(("matrix", policy, *days), lambda: movements(session, policy, *days))


def _read_movements(session: Session, context: PageContext, query: TableQuery) -> Page[MoveRow[Movement]]:
    policy = chosen_policy(session, context)
    if policy is None:
        return Page(())
    page = page_of_movements(_matrix(session, context, policy, _days(context, query)), query.cursor, query.limit)
    return _in_words(session, context, policy, page)


def _read_summary(session: Session, context: PageContext, query: TableQuery) -> MovementSummary | None:
    policy = chosen_policy(session, context)
    if policy is None:
        return None
    days = _days(context, query)
    matrix = _matrix(session, context, policy, days)
    return (
        summarize_movements(matrix, read_head(session, context, policy), days, context.frame.lang) if matrix else None
    )


def _read_moves(session: Session, context: PageContext, query: TableQuery) -> Page[MoveRow[Move]]:
    policy, filters = chosen_policy(session, context), query.filters
    if policy is None:
        return Page(())
    since, until = _days(context, query)
    before, after = filters["before"], filters["after"]
    criteria = MoveFilter(
        policy,
        since,
        until,
        matching_groups(session, policy, before) if before and before != NONE else None,
        matching_groups(session, policy, after) if after else None,
        is_new=before == NONE,
    )
    page = list_moves(session, criteria, cursor=query.cursor, limit=query.limit)
    return _in_words(session, context, policy, page)


def _before_options(session: Session, context: PageContext) -> Options:
    return (*chosen_group_options(session, context), (NONE, NO_GROUP))


DAYS = (TableFilter("from", Message("First day"), "day"), TableFilter("to", Message("Second day"), "day"))
MOVEMENTS: Table[MoveRow[Movement]] = Table(
    path="/movements",
    title=Message("Tier movements"),
    about=Message("Subjects that moved between groups from one day to another; by default, over the last month."),
    columns=(
        TableColumn("before", Message("From group"), lambda each, frame: each.before.cell(frame.lang)),
        TableColumn("after", Message("To group"), lambda each, frame: each.after.cell(frame.lang)),
        TableColumn("subjects", Message("Subjects"), lambda each, _: each.item.subjects),
        TableColumn("id", Message("Identifier"), lambda each, _: each.item.id, is_export_only=True),
    ),
    filters=(
        OF_ONE_POLICY,
        *DAYS,
    ),
    sort="",
    read=_read_movements,
    row_id=lambda each: each.item.id,
    cells="groups/_movement_cells.html",
    empty=GROUPS.empty,
    no_match=Message("No decisions had been made by then."),
    read_summary=_read_summary,
    breadcrumbs=((GROUPS.title, GROUPS.path),),
)
MOVES: Table[MoveRow[Move]] = Table(
    path="/movements/subjects",
    title=Message("Who moved"),
    about=Message("Subjects in a different group on the second day, with the decision that moved each."),
    columns=(
        TableColumn("subject", Message("Subject"), lambda each, _: each.item.subject.id),
        TableColumn("before", Message("From group"), lambda each, frame: each.before.cell(frame.lang)),
        TableColumn("after", Message("To group"), lambda each, frame: each.after.cell(frame.lang)),
        TableColumn("day", Message("In the group since"), lambda each, _: each.item.day),
        TableColumn("cause", Message("Cause"), lambda each, _: each.item.decision.as_of),
        TableColumn("id", Message("Identifier"), lambda each, _: each.item.decision.decision_id, is_export_only=True),
    ),
    filters=(
        OF_ONE_POLICY,
        *DAYS,
        TableFilter("before", Message("From group"), "choice", _before_options, Message("all groups")),
        TableFilter("after", Message("To group"), "choice", chosen_group_options, Message("all groups")),
    ),
    sort="",
    read=_read_moves,
    row_id=lambda each: each.item.decision.decision_id,
    cells="groups/_move_cells.html",
    empty=(Message("No subject moved."), Message("Choose other days, or another policy.")),
    no_match=Message("No subject moved."),
    breadcrumbs=((GROUPS.title, GROUPS.path), (MOVEMENTS.title, MOVEMENTS.path)),
)
