"""`/groups`: how many subjects each group has; `/groups/members`: who they are, by which rule and since when."""

from __future__ import annotations

from dataclasses import dataclass

from sqlmodel import Session

from api.kit.context import PageContext
from api.kit.frame import Frame
from api.kit.group_options import chosen_policy, group_options, policy_options, read_head, today
from api.kit.listing import link
from api.kit.table import Options, Table, TableColumn, TableFilter, TableQuery, denied_reason
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
from policy_service.decisions.words.groups import GroupHistory, GroupText, group_text, read_group_history
from policy_service.language.policy import Bilingual
from policy_service.messages import Message
from policy_service.paging import Page
from policy_service.subject import kind_label

DAY = TableFilter("day", Message("As of"), "day")
OF_POLICY = TableFilter("policy", Message("Policy"), "choice", policy_options, Message("all policies"))


@dataclass(frozen=True, slots=True)
class GroupRow:
    """One group."""

    size: GroupSize
    title: Bilingual
    """What the policy is called."""
    text: GroupText

    def address(self, day: str) -> str:
        """The address of its subjects."""
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
    """The sizes of the groups of the policy that was chosen, or of the first."""
    policy = chosen_policy(session, context)
    if policy is None:
        return None
    head = read_head(session, context, policy)
    return read_group_history(session, head, query.day("day"), today(context), context.frame.lang)


def _read_members(session: Session, context: PageContext, query: TableQuery) -> Page[MemberRow]:
    """Raises InvalidCursor, InvalidSubject."""
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
    """The groups of the policy that was chosen."""
    policy = chosen_policy(session, context)
    if policy is None:
        return ()
    return group_options(policy_groups(session, policy), read_head(session, context, policy), context)


def _kind(row: GroupRow | MemberRow, frame: Frame) -> str:
    return kind_label(row.size.kind if isinstance(row, GroupRow) else row.member.subject.kind, frame.lang)


def _because(row: MemberRow, _: Frame) -> list[object]:
    """The reasons of the rules, or of the override that took their place."""
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
        TableFilter("policy", Message("Policy"), "choice", policy_options, Message("the most used policy")),
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
