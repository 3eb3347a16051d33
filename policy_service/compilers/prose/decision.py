"""The decision logic of a policy in words: its rules, tables, and hit policy."""

from __future__ import annotations

from dataclasses import dataclass

from policy_service.compilers.prose.conditions import condition
from policy_service.compilers.prose.context import Context, rule_label, sort_of, title_line
from policy_service.compilers.prose.declarations import value_text
from policy_service.compilers.prose.labels import LABELS
from policy_service.compilers.prose.statement import Clause, Statement, cell, inline
from policy_service.compilers.prose.table import Table
from policy_service.compilers.prose.values import outcome_value
from policy_service.language.ast import TRUE, Expr
from policy_service.language.policy import SCORE, Aggregate, Hit, Outcome, Policy, Rule
from policy_service.language.types import ChoiceType, NumberType, Value


@dataclass(frozen=True, slots=True)
class RuleWords:
    """One rule in words: condition, outcome and reason."""

    id: str
    title: str
    """Empty if it has none."""
    when: Statement
    then: tuple[str, ...]
    """One sentence per outcome, without its full stop."""
    because: str


def rule_words(policy: Policy, rule: Rule, context: Context) -> RuleWords:
    """Return a rule of the policy; a scorecard's rule or band."""
    when = Clause(LABELS[context.words.language].no_other) if rule.otherwise else condition(rule.when, context)
    if rule.when == TRUE and policy.hit is Hit.FIRST and rule is not policy.rules[0]:
        when = Clause(LABELS[context.words.language].otherwise)
    return RuleWords(
        rule.id,
        title_line(rule.title, context),
        when,
        then_words(policy, rule, context),
        context.words.unfold(context.words.of(rule.because)),
    )


def then_words(policy: Policy, rule: Rule, context: Context) -> tuple[str, ...]:
    """Return a rule's outcomes, one sentence each."""
    labels = LABELS[context.words.language]
    if policy.aggregate is Aggregate.COUNT and not rule.otherwise:
        return (labels.counts,)
    if policy.scorecard is not None and rule in policy.rules:
        points = outcome_text(rule.then[0], SCORE, context)
        return (context.words.fill(labels.adds, value=points, title=context.words.score),)
    if rule.otherwise or policy.aggregate is None:
        sentence = labels.gives
    else:
        sentence = labels.adds if policy.aggregate is Aggregate.SUM else labels.offers
    pairs = zip(rule.then, policy.outcomes.values(), strict=True)
    return tuple(_gives(sentence, then, outcome, context) for then, outcome in pairs)


def _gives(label: str, then: Expr | Value, outcome: Outcome, context: Context) -> str:
    title = context.title(outcome.name)
    if isinstance(then, bool):
        return context.words.say(title, context.words.is_truth(value=then))
    return context.words.fill(label, title=title, value=outcome_text(then, outcome.name, context))


def outcome_text(then: Expr | Value, name: str, context: Context) -> str:
    """Return one value of a rule for an outcome or the score: the literal, or how it is computed."""
    kind = context.types[name]
    if isinstance(then, bool | int | str | frozenset):
        return value_text(kind, then, context.words, context.word_labels.get(name, {}))
    if sort_of(then, context) == "truth":
        condition_text = inline(condition(then, context), context.words)
        return context.words.fill(LABELS[context.words.language].exactly_when, condition=condition_text)
    return outcome_value(then, context, kind.currency if isinstance(kind, NumberType) else "")


def rules_table(policy: Policy, context: Context) -> Table:
    """Return the rules as a table: for a decision table a column per input, for other forms one for the condition."""
    labels = LABELS[context.words.language]
    if policy.form == "table":
        condition_headers = tuple(context.titles.get(name, context.title(name)) for name in policy.inputs)
    else:
        condition_headers = (labels.when,)
    results: tuple[str, ...] = tuple(context.titles[name] for name in policy.outcomes)
    if policy.scorecard is not None:
        results = (labels.points,)
    elif policy.aggregate is Aggregate.COUNT and policy.otherwise is None:
        results = ()
    rows = (_row(policy, rule, context) for rule in policy.rules)
    return Table((labels.rule, *condition_headers, *results), tuple(rows))


def _row(policy: Policy, rule: Rule, context: Context) -> tuple[str, ...]:
    if rule.otherwise and policy.form == "table":
        cells: tuple[str, ...] = (LABELS[context.words.language].no_other, *("",) * (len(policy.inputs) - 1))
    elif policy.form == "table":
        cells = tuple(_cell(part, name, context) for part, name in zip(rule.cells, policy.inputs, strict=True))
    else:
        cells = (inline(rule_words(policy, rule, context).when, context.words),)
    names = (SCORE,) if policy.scorecard is not None else tuple(policy.outcomes)
    values = [outcome_text(then, name, context) for then, name in zip(rule.then, names, strict=False)]
    if not values and policy.otherwise is not None:  # a rule that only counts, next to one with values
        values = [LABELS[context.words.language].counts]
    return (rule_label(rule, context), *cells, *values)


def _cell(part: Expr, name: str, context: Context) -> str:
    if part == TRUE:
        return context.words.anything
    return cell(condition(part, context), context.words, context.title(name))


def bands_table(policy: Policy, context: Context) -> Table | None:
    """Return the bands of a scorecard, None for other forms."""
    if policy.scorecard is None:
        return None
    labels = LABELS[context.words.language]
    rows = []
    for band in policy.scorecard.bands:
        test = cell(condition(band.when, context), context.words, context.title(SCORE))
        pairs = zip(band.then, policy.outcomes, strict=True)
        rows.append((rule_label(band, context), test, *(outcome_text(then, name, context) for then, name in pairs)))
    return Table((labels.band, context.words.score, *(context.titles[name] for name in policy.outcomes)), tuple(rows))


def resolution(policy: Policy, context: Context) -> str:
    """Return the answer if several rules match (DMN 1.5 section 8.2.8), or how a scorecard counts."""
    labels = LABELS[context.words.language]
    if policy.scorecard is not None:
        return context.words.fill(
            labels.scorecard, base=value_text(policy.scorecard.type, policy.scorecard.base, context.words)
        )
    if policy.aggregate is not None:
        return labels.aggregates[policy.aggregate]
    return context.words.fill(labels.hits[policy.hit], order=_order(policy, context))


def unmatched_text(policy: Policy, context: Context) -> str:
    """Return the answer if no rule matches; a scorecard always has one."""
    labels = LABELS[context.words.language]
    if policy.scorecard is not None:
        return ""
    return labels.no_rule if policy.otherwise is None else labels.default


def _order(policy: Policy, context: Context) -> str:
    """Return the order of outcomes: by the positions of their words in the choices' lists, first outcome first."""
    label = LABELS[context.words.language].rank
    ranks = [
        context.words.fill(
            label,
            title=context.title(name),
            words=context.words.listing([context.word(word, name) for word in kind.of]),
        )
        for name, outcome in policy.outcomes.items()
        if isinstance(kind := outcome.type, ChoiceType)
    ]
    return "".join(ranks[:1]) + "".join(context.words.semicolon + rank.lstrip("：: ") for rank in ranks[1:])
