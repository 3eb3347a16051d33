"""`/decisions`: decisions on record, of all subjects, one subject or a policy, and their counts."""

from __future__ import annotations

from dataclasses import dataclass

from sqlmodel import Session

from api.auth.permissions import PERMISSIONS
from api.kit.context import PageContext
from api.kit.formats import UUID_TEXT
from api.kit.listing import link
from api.kit.table import Options, Table, TableColumn, TableFilter, TableQuery
from api.kit.table_options import OF_KIND, OF_POLICY, group_options, read_head
from policy_service.access import check_permission
from policy_service.clock import instants_between
from policy_service.decisions.answer_counts.queries import answer_totals, answered_groups, answered_rules
from policy_service.decisions.groups.movements import GroupRanks
from policy_service.decisions.groups.queries import policy_groups
from policy_service.decisions.record import DecisionRecord
from policy_service.decisions.record_queries import (
    RecordFilter,
    UnknownDecision,
    list_records,
    read_decision,
    seq_range,
)
from policy_service.decisions.record_versions import versions_of
from policy_service.decisions.words.answer_totals import AnswerCounts, rule_titles, summarize_answers
from policy_service.decisions.words.answers import PolicyAnswer, outcome_cell, policy_answers
from policy_service.language.policy import Language, Policy
from policy_service.messages import Message
from policy_service.paging import Page
from policy_service.registry.service import policy_names
from policy_service.subject import CUSTOMER, kind_label


def read_answer_summary(session: Session, context: PageContext, query: TableQuery) -> AnswerCounts | None:
    """Return the answer counts of the chosen policy; None without one, or if subjects are filtered."""
    policy, filters = _chosen_policy(session, context), query.filters
    if policy is None or filters["q"] or filters["subject"] or filters["kind"]:
        return None
    since, until = query.day("since"), query.day("until")
    seqs = seq_range(session, *instants_between(since, until, context.service.zone))
    totals = answer_totals(session, policy, seqs)
    if not totals.items and not totals.uncounted:
        return None
    return summarize_answers(totals, _declared(session, context, policy), context.frame.lang)


def outcome_options(session: Session, context: PageContext) -> Options:
    """Return the outcomes that the chosen policy ever gave, best first."""
    policy = _chosen_policy(session, context)
    if policy is None:
        return ()
    head = read_head(session, context, policy)
    groups = {*answered_groups(session, policy), *policy_groups(session, policy)}
    return group_options(sorted(groups, key=GroupRanks(head).sort_key), head, context)


def rule_options(session: Session, context: PageContext) -> Options:
    """Return the rules of the chosen policy: those that decided anything, and those of the newest version."""
    policy, lang = _chosen_policy(session, context), context.frame.lang
    if policy is None:
        return ()
    titles = rule_titles(_declared(session, context, policy))
    rules = [*titles, *(each for each in answered_rules(session, policy) if each not in titles)]
    texts = {rule: f"{title.in_language(lang)} ({rule})" for rule, title in titles.items() if title}
    return tuple((rule, texts.get(rule, rule)) for rule in rules)


def _chosen_policy(session: Session, context: PageContext) -> str | None:
    policy = context.params.get("policy", "").strip()
    return policy if policy in policy_names(session) else None


def _declared(session: Session, context: PageContext, policy: str) -> Policy:
    return context.service.catalogue.load(session, read_head(session, context, policy).digest)


PATH = "/decisions"
ERASE = "/subjects/erase"


@dataclass(frozen=True, slots=True)
class ListedDecision:
    """One decision of the list."""

    record: DecisionRecord
    answers: tuple[PolicyAnswer, ...]

    @property
    def has_override(self) -> bool:
        """True if an answer was overridden."""
        return any(each.applied_override for each in self.answers)


def decision_address(session: Session, text: str) -> str | None:
    """Return the page of the decision with this identifier; None if the text is no identifier."""
    name = text.strip().lower()
    return f"{PATH}/{name}" if UUID_TEXT.fullmatch(name) and _exists(session, name) else None


def _exists(session: Session, decision: str) -> bool:
    try:
        read_decision(session, decision)
    except UnknownDecision:
        return False
    except (ValueError, KeyError, TypeError, AttributeError):
        return True  # its page reports the alteration
    return True


def _read_page(session: Session, context: PageContext, query: TableQuery) -> Page[ListedDecision]:
    """Return one page of the matching decisions. Raises InvalidSubject."""
    since, until = instants_between(query.day("since"), query.day("until"), context.service.zone)
    names = ("q", "subject", "kind", "policy", "outcome", "rule")
    text, subject, kind, policy, outcome, rule = (query.filters[name] or None for name in names)
    criteria = RecordFilter(
        subject or text, policy, kind=kind, since=since, until=until, outcome=outcome, rule=rule if policy else None
    )
    page = list_records(session, criteria, **query.paging)
    versions = versions_of(session, page.items)
    lang = context.frame.lang
    rows = (ListedDecision(each, policy_answers(each, versions[each.decision_id], lang)) for each in page.items)
    return Page(tuple(rows), page.next_cursor)


def _erase_address(_: Session, context: PageContext) -> str | None:
    """Return the address to erase the listed subject; None unless there is one and the reader may."""
    subject, kind = (context.params.get(name, "") for name in ("subject", "kind"))
    allowed = check_permission(context.actor, PERMISSIONS["GET", ERASE])
    return link(ERASE, subject=subject, kind=kind or CUSTOMER) if subject and allowed is True else None


def _answer_cell(answer: PolicyAnswer, lang: Language) -> Message:
    """Return one answer: the policy, its version, and the outcome or status."""
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
        OF_KIND,
        OF_POLICY,
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
