"""`/movements`: how many went from which group to which between two days; `/movements/subjects`: who they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from sqlmodel import Session

from api.features.groups.listing import GROUPS, group_options
from api.kit.charts import BarChart, MatrixCell, MatrixChart, Tone, bar_chart, matrix_chart
from api.kit.group_text import (
    MAX_DRAWN_GROUPS,
    NO_GROUP,
    GroupText,
    chosen_policy,
    group_text,
    policy_options,
    read_heads,
    today,
)
from api.kit.listing import link
from api.kit.table import Options, Table, TableColumn, TableContext, TableFilter, TableQuery
from api.web.parameters import check_day
from policy_service.decisions.groups.movements import (
    NONE,
    GroupRanks,
    GroupRates,
    Move,
    MoveFilter,
    Movement,
    list_moves,
    movements,
    page_of_movements,
    rates,
)
from policy_service.decisions.groups.queries import matching_groups
from policy_service.language.policy import Bilingual
from policy_service.messages import Message
from policy_service.paging import Page

MONTH = timedelta(days=30)
"""How far the first day lies behind the second, when neither was chosen."""


@dataclass(frozen=True, slots=True)
class MovementRow:
    """One cell of the matrix."""

    movement: Movement
    before: GroupText
    after: GroupText
    address: str | None
    """Where the subjects are listed; none of those that stayed."""


@dataclass(frozen=True, slots=True)
class MovementSummary:
    """The summary above the list: the matrix, and the movements of each group."""

    title: Bilingual
    """What the policy is called."""
    since: date
    until: date
    matrix: MatrixChart | None
    """None of more groups than a chart has room for, as are the sizes."""
    sizes: BarChart | None
    """How many subjects each group had on both days."""
    rates: Sequence[tuple[GroupText, GroupRates]]


@dataclass(frozen=True, slots=True)
class MoveRow:
    """One subject that moved."""

    move: Move
    before: GroupText
    after: GroupText


def _days(context: TableContext, query: TableQuery) -> tuple[date, date]:
    """The days that were chosen, or the last month. Raises ProblemError."""
    until = query.day("to") or today(context)
    since = query.day("from") or until - MONTH
    check_day("to", until, since)
    return since, until


def _matrix(session: Session, context: TableContext, policy: str, days: tuple[date, date]) -> list[Movement]:
    """The data of the list and its summary: every subject that moved is read for it."""
    return context.once(("matrix", policy, *days), lambda: movements(session, policy, *days))


def _read_movements(session: Session, context: TableContext, query: TableQuery) -> Page[MovementRow]:
    policy = chosen_policy(session, context)
    if policy is None:
        return Page(())
    since, until = _days(context, query)
    page = page_of_movements(_matrix(session, context, policy, (since, until)), query.cursor, query.limit)
    head, lang = read_heads(session, context, [policy])[policy], context.frame.lang
    rows = (
        MovementRow(
            each,
            group_text(each.before, head, lang),
            group_text(each.after, head, lang),
            _address(policy, since, until, each),
        )
        for each in page.items
    )
    return Page(tuple(rows), page.next_cursor)


def _address(policy: str, since: date, until: date, movement: Movement) -> str | None:
    if movement.before == movement.after:
        return None
    names = {"before": movement.before.name if movement.before else NONE, "after": movement.after.name}
    return link(MOVES.path, policy=policy, **{"from": since, "to": until, **names})


def _read_summary(session: Session, context: TableContext, query: TableQuery) -> MovementSummary | None:
    policy = chosen_policy(session, context)
    if policy is None:
        return None
    since, until = _days(context, query)
    matrix, lang = _matrix(session, context, policy, (since, until)), context.frame.lang
    if not matrix:
        return None
    head = read_heads(session, context, [policy])[policy]
    ranks = GroupRanks(head)
    befores = [*sorted({each.before for each in matrix if each.before is not None}, key=ranks.sort_key), None]
    afters = sorted({each.after for each in matrix}, key=ranks.sort_key)
    cells = {
        (each.before, each.after): MatrixCell(each.subjects, _tone(each, ranks), _address(policy, since, until, each))
        for each in matrix
    }
    became = [(group_text(each.group, head, lang), each) for each in rates(matrix, head)]
    if len(befores) + len(afters) > 2 * MAX_DRAWN_GROUPS:
        return MovementSummary(head.title, since, until, None, None, became)
    return MovementSummary(
        head.title,
        since,
        until,
        matrix_chart(
            [group_text(each, head, lang).chart_label(lang) for each in befores],
            [group_text(each, head, lang).chart_label(lang) for each in afters],
            [[cells.get((before, after)) for after in afters] for before in befores],
        ),
        bar_chart(
            (Message("First day"), Message("Second day")),
            [(text.chart_label(lang), (each.before, each.after)) for text, each in became],
        ),
        became,
    )


def _tone(movement: Movement, ranks: GroupRanks) -> Tone:
    if movement.before == movement.after:
        return "same"
    if movement.before is None or not ranks.are_ordered:
        return "other"
    if ranks.is_better(movement.after, movement.before):
        return "better"
    return "worse" if ranks.is_better(movement.before, movement.after) else "other"


def _read_moves(session: Session, context: TableContext, query: TableQuery) -> Page[MoveRow]:
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
    head, lang = read_heads(session, context, [policy])[policy], context.frame.lang
    rows = (
        MoveRow(each, group_text(each.before, head, lang), group_text(each.after, head, lang)) for each in page.items
    )
    return Page(tuple(rows), page.next_cursor)


def _before_options(session: Session, context: TableContext) -> Options:
    return (*group_options(session, context), (NONE, NO_GROUP))


OF_POLICY = TableFilter("policy", Message("Policy"), "choice", policy_options, Message("the most used policy"))
DAYS = (TableFilter("from", Message("First day"), "day"), TableFilter("to", Message("Second day"), "day"))
MOVEMENTS: Table[MovementRow] = Table(
    path="/movements",
    title=Message("Tier movements"),
    about=Message("Subjects that moved between groups from one day to another; by default, over the last month."),
    columns=(
        TableColumn("before", Message("From group"), lambda each, frame: each.before.cell(frame)),
        TableColumn("after", Message("To group"), lambda each, frame: each.after.cell(frame)),
        TableColumn("subjects", Message("Subjects"), lambda each, _: each.movement.subjects),
        TableColumn("id", Message("Identifier"), lambda each, _: each.movement.id, is_export_only=True),
    ),
    filters=(
        OF_POLICY,
        *DAYS,
    ),
    sort="",
    read=_read_movements,
    row_id=lambda each: each.movement.id,
    cells="groups/_movement_cells.html",
    empty=GROUPS.empty,
    no_match=Message("No decisions had been made by then."),
    read_summary=_read_summary,
    breadcrumbs=((GROUPS.title, GROUPS.path),),
)
MOVES: Table[MoveRow] = Table(
    path="/movements/subjects",
    title=Message("Who moved"),
    about=Message("Subjects in a different group on the second day, with the decision that moved each."),
    columns=(
        TableColumn("subject", Message("Subject"), lambda each, _: each.move.subject.id),
        TableColumn("before", Message("From group"), lambda each, frame: each.before.cell(frame)),
        TableColumn("after", Message("To group"), lambda each, frame: each.after.cell(frame)),
        TableColumn("day", Message("In the group since"), lambda each, _: each.move.day),
        TableColumn("cause", Message("Cause"), lambda each, _: each.move.decision.as_of),
        TableColumn("id", Message("Identifier"), lambda each, _: each.move.decision.decision_id, is_export_only=True),
    ),
    filters=(
        OF_POLICY,
        *DAYS,
        TableFilter("before", Message("From group"), "choice", _before_options, Message("all groups")),
        TableFilter("after", Message("To group"), "choice", group_options, Message("all groups")),
    ),
    sort="",
    read=_read_moves,
    row_id=lambda each: each.move.decision.decision_id,
    cells="groups/_move_cells.html",
    empty=(Message("No subject moved."), Message("Choose other days, or another policy.")),
    no_match=Message("No subject moved."),
    breadcrumbs=((GROUPS.title, GROUPS.path), (MOVEMENTS.title, MOVEMENTS.path)),
)
