"""The list of overrides: of a subject, of a policy, those that apply and those that are over."""

from __future__ import annotations

from typing import cast

from sqlmodel import Session

from api.kit.context import PageContext
from api.kit.frame import Frame
from api.kit.table import Table, TableColumn, TableFilter, TableQuery, denied_reason
from api.kit.table_options import policy_options, subject_kind_options
from policy_service.actor import Role
from policy_service.decisions.words.answers import outcome_cell
from policy_service.messages import Message
from policy_service.overrides.listing import STATE_NAMES, ListedOverride, read_listed
from policy_service.overrides.queries import OverrideFilter, OverrideStatus, list_overrides
from policy_service.paging import Page
from policy_service.subject import kind_label

PATH = "/overrides"
STATUS_NAMES: tuple[tuple[str, Message], ...] = (
    ("running", Message("in effect")),
    ("waiting", Message("awaiting signatures")),
    ("over", Message("over")),
)


def read_page(session: Session, context: PageContext, query: TableQuery) -> Page[ListedOverride]:
    """Return one page of the overrides that the filters leave. Raises InvalidSubject."""
    subject, kind, policy, status = (query.filters[name] or None for name in ("subject", "kind", "policy", "state"))
    criteria = OverrideFilter(subject, kind, policy, cast("OverrideStatus | None", status))
    now, lang = context.frame.now, context.frame.lang
    page = list_overrides(session, criteria, now, **query.paging)
    rows = read_listed(session, context.service.catalogue, page.items, now, lang)
    return Page(tuple(rows), page.next_cursor)


def _rules_cell(row: ListedOverride, frame: Frame) -> object:
    return outcome_cell(row.last_decision.answer.outcomes, frame.lang) if row.last_decision else ""


OVERRIDES: Table[ListedOverride] = Table(
    path=PATH,
    title=Message("Overrides"),
    about=Message(
        "Overrides of a policy for one subject, each with its effect, its reason, its end and its signatures."
    ),
    columns=(
        TableColumn("subject", Message("Subject"), lambda each, _: each.override.subject.id),
        TableColumn(
            "kind",
            Message("Kind of subject"),
            lambda each, frame: kind_label(each.override.subject.kind, frame.lang),
            is_export_only=True,
        ),
        TableColumn("policy", Message("Policy"), lambda each, _: each.override.policy),
        TableColumn("outcome", Message("New value"), lambda each, frame: outcome_cell(each.outcome, frame.lang)),
        TableColumn("rules", Message("Rules alone"), _rules_cell),
        TableColumn("reason", Message("Reason"), lambda each, _: each.override.reason),
        TableColumn("by", Message("By"), lambda each, _: each.override.printed_name),
        TableColumn("role", Message("Role"), lambda each, _: Role(each.override.role), is_export_only=True),
        TableColumn("recorded", Message("Added at"), lambda each, _: each.override.recorded_at, is_sortable=True),
        TableColumn("until", Message("Ends"), lambda each, _: each.override.ends_at),
        TableColumn("state", Message("State"), lambda each, _: STATE_NAMES[each.state], is_export_only=True),
        TableColumn("owed", Message("Awaited signatures"), lambda each, _: each.owed_roles, is_export_only=True),
        TableColumn("id", Message("Identifier"), lambda each, _: each.override.id, is_export_only=True),
    ),
    filters=(
        TableFilter("subject", Message("Subject")),
        TableFilter("kind", Message("Kind of subject"), "choice", subject_kind_options, Message("all kinds")),
        TableFilter("policy", Message("Policy"), "choice", policy_options, Message("all policies")),
        TableFilter("state", Message("Which"), "choice", STATUS_NAMES, Message("all")),
    ),
    sort="-recorded",
    read=read_page,
    row_id=lambda each: each.override.id,
    cells="overrides/_cells.html",
    empty=(
        Message("No overrides, now or earlier."),
        Message("A director adds an override where the rules do not fit one subject; every decision shows it."),
    ),
    no_match=Message("No matching overrides."),
    read_extra=denied_reason(PATH),
)
