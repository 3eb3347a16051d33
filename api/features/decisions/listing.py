"""`/decisions`: decisions on record, of everyone, a subject or a policy; and the way to one by its identifier."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from sqlmodel import Session

from api.auth.permissions import PERMISSIONS, check_permission
from api.features.decisions.answer_summary import outcome_options, read_answer_summary, rule_options
from api.kit.formats import UUID_TEXT
from api.kit.listing import link
from api.kit.table import Table, TableColumn, TableContext, TableFilter, TableQuery
from api.kit.table_options import policy_options, subject_kind_options
from policy_service.clock import instants_between
from policy_service.decisions.record import DecisionRecord
from policy_service.decisions.record_queries import (
    RecordFilter,
    RecordSort,
    UnknownDecision,
    list_records,
    read_decision,
)
from policy_service.decisions.record_versions import versions_of
from policy_service.decisions.words.answers import PolicyAnswer, outcome_cell, policy_answers
from policy_service.language.policy import Language
from policy_service.messages import Message
from policy_service.paging import Page
from policy_service.subject import CUSTOMER, kind_label

PATH = "/decisions"
ERASE = "/subjects/erase"
MAX_ANSWERS = 6
"""Answers of one decision that are listed; its page has all."""


@dataclass(frozen=True, slots=True)
class ListedDecision:
    """One decision of the list."""

    record: DecisionRecord
    answers: tuple[PolicyAnswer, ...]

    @property
    def has_override(self) -> bool:
        """True if an override was answered somewhere."""
        return any(each.applied_override for each in self.answers)

    @property
    def shown_answers(self) -> tuple[PolicyAnswer, ...]:
        """The answers on the page."""
        return self.answers[:MAX_ANSWERS]

    @property
    def more_answers(self) -> int:
        """The count of answers not shown."""
        return max(0, len(self.answers) - MAX_ANSWERS)


def decision_address(session: Session, text: str) -> str | None:
    """The page of the decision whose identifier a text is; None when it is of none."""
    name = text.strip().lower()
    return f"{PATH}/{name}" if UUID_TEXT.fullmatch(name) and _exists(session, name) else None


def _exists(session: Session, decision: str) -> bool:
    try:
        read_decision(session, decision)
    except UnknownDecision:
        return False
    except (ValueError, KeyError, TypeError, AttributeError):
        return True  # its page says that it was altered
    return True


def _read_page(session: Session, context: TableContext, query: TableQuery) -> Page[ListedDecision]:
    """Return one page of the decisions that the filters leave. Raises InvalidSubject."""
    since, until = instants_between(query.day("since"), query.day("until"), context.service.zone)
    names = ("q", "subject", "kind", "policy", "outcome", "rule")
    text, subject, kind, policy, outcome, rule = (query.filters[name] or None for name in names)
    criteria = RecordFilter(
        subject or text, policy, kind=kind, since=since, until=until, outcome=outcome, rule=rule if policy else None
    )
    page = list_records(session, criteria, sort=cast("RecordSort", query.sort), cursor=query.cursor, limit=query.limit)
    versions = versions_of(session, page.items)
    lang = context.frame.lang
    rows = (ListedDecision(each, policy_answers(each, versions[each.decision_id], lang)) for each in page.items)
    return Page(tuple(rows), page.next_cursor)


def _erase_address(_: Session, context: TableContext) -> str | None:
    """The address where the listed subject can be erased; None unless there is one, and the reader may."""
    subject, kind = (context.params.get(name, "") for name in ("subject", "kind"))
    allowed = check_permission(context.actor, PERMISSIONS["GET", ERASE])
    return link(ERASE, subject=subject, kind=kind or CUSTOMER) if subject and allowed is True else None


def _answer_cell(answer: PolicyAnswer, lang: Language) -> Message:
    """One answer: the policy, its version, and the outcome or why there is none."""
    outcome = "; ".join(outcome_cell(answer.outcomes, lang)) or answer.status_name
    return Message("{policy} {version}: {outcome}", policy=answer.policy, version=answer.version, outcome=outcome)


DECISIONS: Table[ListedDecision] = Table(
    path=PATH,
    title=Message("Decisions"),
    about=Message("Every decision: about whom, by which rule. Each can be replayed and proved."),
    columns=(
        TableColumn("decided", Message("Decided"), lambda each, _: each.record.decided_at, is_sortable=True),
        TableColumn("as_of", Message("For the day"), lambda each, _: each.record.as_of, is_export_only=True),
        TableColumn("subject", Message("Subject"), lambda each, _: each.record.subject.id),
        TableColumn(
            "kind",
            Message("Kind of subject"),
            lambda each, frame: kind_label(each.record.subject.kind, frame.lang),
            is_export_only=True,
        ),
        TableColumn(
            "answers",
            Message("Answers and the rules that gave them"),
            lambda each, frame: [_answer_cell(answer, frame.lang) for answer in each.answers],
        ),
        TableColumn(
            "rules",
            Message("Rules"),
            lambda each, _: [rule.id for answer in each.answers for rule in answer.rules],
            is_export_only=True,
        ),
        TableColumn("override", Message("Override"), lambda each, _: each.has_override, is_export_only=True),
        TableColumn("id", Message("Identifier"), lambda each, _: each.record.decision_id, is_export_only=True),
    ),
    filters=(
        TableFilter("q", Message("Subject, or identifier of a decision")),
        TableFilter("subject", Message("Exactly this subject"), "link"),
        TableFilter("kind", Message("Kind of subject"), "choice", subject_kind_options, Message("all kinds")),
        TableFilter("policy", Message("Policy"), "choice", policy_options, Message("all policies")),
        TableFilter("outcome", Message("Outcome"), "choice", outcome_options, Message("all outcomes")),
        TableFilter("rule", Message("Rule"), "choice", rule_options, Message("all rules")),
        TableFilter("since", Message("From the day"), "day"),
        TableFilter("until", Message("to the day"), "day"),
    ),
    sort="-decided",
    read=_read_page,
    row_id=lambda each: each.record.decision_id,
    cells="decisions/_cells.html",
    empty=(Message("Nothing was decided yet."), Message("Decisions appear here once a program requests one.")),
    no_match=Message("No matching decisions."),
    read_extra=_erase_address,
    read_summary=read_answer_summary,
    notices={"erased": Message("The subject was erased: nobody can read its sensitive facts any more.")},
)
