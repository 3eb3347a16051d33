"""The counts of a policy's decisions by outcome and rule; and the options of both filters."""

from __future__ import annotations

from dataclasses import dataclass

from sqlmodel import Session

from api.kit.charts import BarChart, bar_chart
from api.kit.group_text import MAX_DRAWN_GROUPS, group_text, read_heads
from api.kit.listing import link
from api.kit.table import Options, TableContext, TableQuery, instants_between
from policy_service.decisions.answer_counts.queries import (
    AnswerTotals,
    answer_totals,
    answered_groups,
    answered_rules,
)
from policy_service.decisions.groups.model import Group
from policy_service.decisions.groups.movements import GroupRanks
from policy_service.decisions.groups.queries import policy_groups
from policy_service.decisions.record_queries import seq_range
from policy_service.language.policy import Bilingual, Policy
from policy_service.messages import Message
from policy_service.registry.service import policy_names

PATH = "/decisions"


@dataclass(frozen=True, slots=True)
class RuleTotal:
    """The count of decisions by a rule."""

    rule: str
    title: Bilingual | None
    """None of a rule that the version which declares the outcomes has no more, or has not named."""
    decisions: int
    address: str
    """Where they are listed."""


@dataclass(frozen=True, slots=True)
class AnswerSummary:
    """The decisions of a policy that were made on the days of the filter, counted."""

    title: Bilingual
    outcomes: BarChart | None
    """None of more outcomes than there is room for."""
    rules: tuple[RuleTotal, ...]
    uncounted: int


def read_answer_summary(session: Session, context: TableContext, query: TableQuery) -> AnswerSummary | None:
    """The counts of the policy that was chosen; None without one, or where subjects are chosen."""
    policy, filters = _chosen_policy(session, context), query.filters
    if policy is None or filters["q"] or filters["subject"] or filters["kind"]:
        return None
    since, until = query.day("since"), query.day("until")
    seqs = seq_range(session, *instants_between(since, until, context.service.zone))
    totals = answer_totals(session, policy, seqs)
    if not totals.items and not totals.uncounted:
        return None
    head = read_heads(session, context, [policy])[policy]
    declared = context.service.catalogue.load(session, head.digest)
    return AnswerSummary(
        title=head.title,
        outcomes=_outcome_bars(totals, head, context),
        rules=_rule_totals(totals, declared, filters["since"], filters["until"]),
        uncounted=totals.uncounted,
    )


def outcome_options(session: Session, context: TableContext) -> Options:
    """The outcomes that the chosen policy ever gave, the best first."""
    policy = _chosen_policy(session, context)
    if policy is None:
        return ()
    head = read_heads(session, context, [policy])[policy]
    groups = {*answered_groups(session, policy), *policy_groups(session, policy)}
    texts = (group_text(each, head, context.frame.lang) for each in sorted(groups, key=GroupRanks(head).sort_key))
    return tuple((each.name, each.label(context.frame)) for each in texts)


def rule_options(session: Session, context: TableContext) -> Options:
    """The rules of the chosen policy: those that decided anything, and those of the newest version."""
    policy = _chosen_policy(session, context)
    if policy is None:
        return ()
    head = read_heads(session, context, [policy])[policy]
    titles = _titles(context.service.catalogue.load(session, head.digest))
    rules = [*titles, *(each for each in answered_rules(session, policy) if each not in titles)]
    return tuple((rule, _label(rule, titles.get(rule), context)) for rule in rules)


def _chosen_policy(session: Session, context: TableContext) -> str | None:
    policy = context.params.get("policy", "").strip()
    return policy if policy in policy_names(session) else None


def _outcome_bars(totals: AnswerTotals, head: Policy, context: TableContext) -> BarChart | None:
    lang, counts = context.frame.lang, {each.group: each.decisions for each in totals.groups}
    if len(counts) > MAX_DRAWN_GROUPS:
        return None

    def label(group: Group) -> str:
        return group_text(group, head, lang).chart_label(lang)

    ordered = sorted(counts, key=GroupRanks(head).sort_key)
    return bar_chart((Message("Decisions"),), [(label(each), (counts[each],)) for each in ordered])


def _rule_totals(totals: AnswerTotals, declared: Policy, since: str, until: str) -> tuple[RuleTotal, ...]:
    titles, counts = _titles(declared), dict[str, int]()
    for each in totals.rules:
        counts[each.rule] = counts.get(each.rule, 0) + each.decisions
    order = [*titles, *sorted(counts.keys() - titles.keys())]
    return tuple(
        RuleTotal(
            rule,
            titles.get(rule),
            counts.get(rule, 0),
            link(PATH, policy=totals.policy, rule=rule, since=since, until=until),
        )
        for rule in order
    )


def _titles(declared: Policy) -> dict[str, Bilingual | None]:
    """The rules of a version in its order, and its bands."""
    bands = declared.scorecard.bands if declared.scorecard else ()
    return {each.id: each.title for each in (*declared.rules, *bands)}


def _label(rule: str, title: Bilingual | None, context: TableContext) -> str:
    if title is None:
        return rule
    return f"{title.in_language(context.frame.lang)} ({rule})"
