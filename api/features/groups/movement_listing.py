"""`/movements`: how many went from which group to which between two days; `/movements/subjects`: who they are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Generic, TypeVar

from sqlmodel import Session

from api.features.groups.listing import GROUPS, chosen_group_options
from api.kit.context import PageContext
from api.kit.group_options import chosen_policy, policy_options, read_head, today
from api.kit.table import Options, Table, TableColumn, TableFilter, TableQuery
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
from policy_service.decisions.groups.queries import matching_groups
from policy_service.decisions.words.groups import NO_GROUP, GroupText, group_text
from policy_service.decisions.words.movements import MovementSummary, summarize_movements
from policy_service.messages import Message
from policy_service.paging import Page

Item = TypeVar("Item", Movement, Move)
MONTH = timedelta(days=30)
"""How far the first day lies behind the second, when neither was chosen."""


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
    """The days that were chosen, or the last month. Raises ProblemError."""
    until = query.day("to") or today(context)
    since = query.day("from") or until - MONTH
    check_day("to", until, since)
    return since, until


def _matrix(session: Session, context: PageContext, policy: str, days: tuple[date, date]) -> list[Movement]:
    """The data of the list and its summary: every subject that moved is read for it."""
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


OF_POLICY = TableFilter("policy", Message("Policy"), "choice", policy_options, Message("the most used policy"))
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
        OF_POLICY,
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
        OF_POLICY,
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
