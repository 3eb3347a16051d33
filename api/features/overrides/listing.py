"""The list of overrides: of a subject, of a policy, those that apply and those that are over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from sqlmodel import Session

from api.kit.frame import Frame
from api.kit.table import Table, TableColumn, TableContext, TableFilter, TableQuery, denied_reason
from api.kit.table_options import policy_options, subject_kind_options
from policy_service.actor import Role
from policy_service.decisions.override import Override, OverrideState
from policy_service.decisions.words.answers import FieldText, outcome_cell, outcome_texts
from policy_service.language.policy import Bilingual, Language, Policy
from policy_service.messages import Message
from policy_service.overrides.last_decision import LastDecision, read_last_decision, read_policy_version
from policy_service.overrides.queries import OverrideFilter, OverrideSort, OverrideStatus, list_overrides
from policy_service.paging import Page
from policy_service.subject import kind_label

PATH = "/overrides"
MAX_RECORDS = 10
"""Decisions about a subject that are looked through for what the rules alone said."""
STATUS_NAMES: tuple[tuple[str, Message], ...] = (
    ("running", Message("in effect")),
    ("waiting", Message("awaiting signatures")),
    ("over", Message("over")),
)
STATE_NAMES: Mapping[OverrideState, Message] = {
    "runs": Message("in effect"),
    "provisional": Message("in effect for now"),
    "waiting": Message("awaiting signatures"),
    "lapsed": Message("lapsed unsigned"),
    "ended": Message("ended by a person"),
    "over": Message("over"),
}


@dataclass(frozen=True, slots=True)
class ListedOverride:
    """One override of the list."""

    override: Override
    title: Bilingual
    outcome: tuple[tuple[FieldText, ...], ...]
    last_decision: LastDecision | None
    """What the rules alone said last; None when the policy has not decided lately."""
    state: OverrideState
    owed_roles: tuple[Role, ...]
    """Who has not signed yet."""


def read_page(session: Session, context: TableContext, query: TableQuery) -> Page[ListedOverride]:
    """Return one page of the overrides that the filters leave. Raises InvalidSubject."""
    subject, kind, policy, status = (query.filters[name] or None for name in ("subject", "kind", "policy", "state"))
    criteria = OverrideFilter(subject, kind, policy, cast("OverrideStatus | None", status))
    sort, now, lang = cast("OverrideSort", query.sort), context.frame.now, context.frame.lang
    page = list_overrides(session, criteria, now, sort=sort, cursor=query.cursor, limit=query.limit)
    first_of = {(each.policy, each.version): each for each in page.items}
    versions = {name: read_policy_version(context.service.catalogue, session, each) for name, each in first_of.items()}
    rows = (_row(session, each, versions[each.policy, each.version], now, lang) for each in page.items)
    return Page(tuple(rows), page.next_cursor)


def _row(session: Session, override: Override, policy: Policy | None, now: datetime, lang: Language) -> ListedOverride:
    state = override.state(now)
    return ListedOverride(
        override=override,
        title=policy.title if policy else Bilingual(override.policy, override.policy),
        outcome=outcome_texts(override.outcome, policy, lang),
        last_decision=read_last_decision(session, override.subject, override.policy, lang, MAX_RECORDS),
        state=state,
        owed_roles=tuple(map(Role, override.missing_roles)) if state in {"provisional", "waiting"} else (),
    )


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
