"""The counts of a policy's decisions by outcome and rule; and the options of both filters."""

from __future__ import annotations

from sqlmodel import Session

from api.kit.group_options import group_options, read_head
from api.kit.table import Options, TableContext, TableQuery
from policy_service.clock import instants_between
from policy_service.decisions.answer_counts.queries import answer_totals, answered_groups, answered_rules
from policy_service.decisions.groups.movements import GroupRanks
from policy_service.decisions.groups.queries import policy_groups
from policy_service.decisions.record_queries import seq_range
from policy_service.decisions.words.answer_totals import AnswerCounts, rule_titles, summarize_answers
from policy_service.language.policy import Policy
from policy_service.registry.service import policy_names


def read_answer_summary(session: Session, context: TableContext, query: TableQuery) -> AnswerCounts | None:
    """The counts of the policy that was chosen; None without one, or where subjects are chosen."""
    policy, filters = _chosen_policy(session, context), query.filters
    if policy is None or filters["q"] or filters["subject"] or filters["kind"]:
        return None
    since, until = query.day("since"), query.day("until")
    seqs = seq_range(session, *instants_between(since, until, context.service.zone))
    totals = answer_totals(session, policy, seqs)
    if not totals.items and not totals.uncounted:
        return None
    return summarize_answers(totals, _declared(session, context, policy), context.frame.lang)


def outcome_options(session: Session, context: TableContext) -> Options:
    """The outcomes that the chosen policy ever gave, the best first."""
    policy = _chosen_policy(session, context)
    if policy is None:
        return ()
    head = read_head(session, context, policy)
    groups = {*answered_groups(session, policy), *policy_groups(session, policy)}
    return group_options(sorted(groups, key=GroupRanks(head).sort_key), head, context)


def rule_options(session: Session, context: TableContext) -> Options:
    """The rules of the chosen policy: those that decided anything, and those of the newest version."""
    policy, lang = _chosen_policy(session, context), context.frame.lang
    if policy is None:
        return ()
    titles = rule_titles(_declared(session, context, policy))
    rules = [*titles, *(each for each in answered_rules(session, policy) if each not in titles)]
    texts = {rule: f"{title.in_language(lang)} ({rule})" for rule, title in titles.items() if title}
    return tuple((rule, texts.get(rule, rule)) for rule in rules)


def _chosen_policy(session: Session, context: TableContext) -> str | None:
    policy = context.params.get("policy", "").strip()
    return policy if policy in policy_names(session) else None


def _declared(session: Session, context: TableContext, policy: str) -> Policy:
    return context.service.catalogue.load(session, read_head(session, context, policy).digest)
