"""The actual effect of a change in words: each policy's movements and sums, with the titles of its version."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from policy_service.approval.forecast import PolicyLoader
from policy_service.language.policy import Bilingual, Language, Policy
from policy_service.population.actual_effect import CellComparison, MoneyComparison, PolicyComparison
from policy_service.population.effect_words import word_text


@dataclass(frozen=True, slots=True)
class OutcomeComparison:
    """The cells of one outcome, with the values before and after in words."""

    title: Bilingual
    cells: tuple[tuple[str, str, CellComparison], ...]


@dataclass(frozen=True, slots=True)
class PolicyComparisonView:
    """The actual effect on one policy."""

    title: Bilingual
    figures: PolicyComparison
    outcomes: tuple[OutcomeComparison, ...]
    money: tuple[tuple[Bilingual, MoneyComparison], ...]


def comparison_views(
    load: PolicyLoader, policies: Iterable[PolicyComparison], lang: Language
) -> tuple[PolicyComparisonView, ...]:
    """Return each policy's comparison in words; `load` reads a version by its digest."""
    return tuple(_view(load(each.digest), each, lang) for each in policies)


def _view(policy: Policy, figures: PolicyComparison, lang: Language) -> PolicyComparisonView:
    names = dict.fromkeys(each.outcome for each in figures.cells)
    return PolicyComparisonView(
        policy.title,
        figures,
        tuple(_outcome(figures, policy, name, lang) for name in names),
        tuple((_title(policy, each.outcome), each) for each in figures.money),
    )


def _outcome(figures: PolicyComparison, policy: Policy, name: str, lang: Language) -> OutcomeComparison:
    outcome = policy.outcomes.get(name)
    cells = tuple(
        (word_text(each.before, outcome, lang), word_text(each.after, outcome, lang), each)
        for each in figures.cells
        if each.outcome == name
    )
    return OutcomeComparison(_title(policy, name), cells)


def _title(policy: Policy, outcome: str) -> Bilingual:
    return policy.outcomes[outcome].title if outcome in policy.outcomes else Bilingual(outcome, outcome)
