"""Counts of a policy's decisions in words: by outcome, best first, and by rule, in the policy's order."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from policy_service.decisions.answer_counts.queries import AnswerTotals
from policy_service.decisions.groups.movements import GroupRanks
from policy_service.decisions.words.groups import MAX_DRAWN_GROUPS, group_text
from policy_service.language.policy import Bilingual, Language, Policy


@dataclass(frozen=True, slots=True)
class RuleTotal:
    """The count of decisions by a rule."""

    rule: str
    title: Bilingual | None
    """None if the version that declares the outcomes no longer has the rule, or gives it no title."""
    decisions: int


@dataclass(frozen=True, slots=True)
class AnswerCounts:
    """The decision counts of a policy."""

    policy: str
    title: Bilingual
    outcomes: tuple[tuple[str, tuple[int]], ...]
    """None if there are more outcomes than fit in a chart."""
    rules: tuple[RuleTotal, ...]
    uncounted: int


def summarize_answers(totals: AnswerTotals, declared: Policy, lang: Language) -> AnswerCounts:
    """Return the answer counts of a policy in the words of a version."""
    counts = {each.group: each.decisions for each in totals.groups}
    shown = sorted(counts, key=GroupRanks(declared).sort_key) if len(counts) <= MAX_DRAWN_GROUPS else ()
    titles, by_rule = rule_titles(declared), Counter[str]()
    for each in totals.rules:
        by_rule[each.rule] += each.decisions
    return AnswerCounts(
        policy=declared.id,
        title=declared.title,
        outcomes=tuple((group_text(each, declared, lang).short_label, (counts[each],)) for each in shown),
        rules=tuple(
            RuleTotal(rule, titles.get(rule), by_rule[rule])
            for rule in (*titles, *sorted(by_rule.keys() - titles.keys()))
        ),
        uncounted=totals.uncounted,
    )


def rule_titles(policy: Policy) -> dict[str, Bilingual | None]:
    """Return the titles of a version's rules, in order, and of its bands."""
    return {each.id: each.title for each in policy.all_rules}
