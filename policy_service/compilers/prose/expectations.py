"""The expectations of a policy in words: its examples as a table, its invariants as sentences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import assert_never

from policy_service.compilers.prose.conditions import condition
from policy_service.compilers.prose.context import Context, rule_labels, sort_of_type, title_line
from policy_service.compilers.prose.declarations import value_text
from policy_service.compilers.prose.labels import LABELS
from policy_service.compilers.prose.statement import Clause, Statement
from policy_service.compilers.prose.table import Table
from policy_service.language.ast import TRUE
from policy_service.language.policy import Always, Example, Invariant, Monotone, Policy, Total
from policy_service.language.types import parse_date


@dataclass(frozen=True, slots=True)
class InvariantWords:
    """An invariant in words: the author's text, and what is actually proved."""

    id: str
    says: str
    when: Statement | None
    """The condition of the law; None if it always applies."""
    law: Statement


def examples_table(policy: Policy, context: Context) -> Table | None:
    """Return the examples, a column per fact that any of them gives; None if there are none."""
    if not policy.examples:
        return None
    labels = LABELS[context.words.language]
    fact_names = tuple(name for name in policy.facts if any(name in example.facts for example in policy.examples))
    has_dates = any(example.as_of for example in policy.examples)
    headers = (
        labels.example,
        *([labels.decided_for] if has_dates else []),
        *(context.titles[name] for name in fact_names),
    )
    results = tuple(context.titles[name] for name in policy.outcomes) if _is_spread(policy) else (labels.expected,)
    rules = rule_labels(policy, context)
    rows = (_example(policy, example, fact_names, rules, context, has_dates=has_dates) for example in policy.examples)
    return Table((*headers, *results, labels.by_rule), tuple(rows))


def _is_spread(policy: Policy) -> bool:
    """Return True if each outcome has its own column."""
    return len(policy.outcomes) > 1 and not policy.returns_list


def _example(  # noqa: PLR0913  # an example, and how its table is laid out
    policy: Policy,
    example: Example,
    fact_names: tuple[str, ...],
    rule_labels: Mapping[str, str],
    context: Context,
    *,
    has_dates: bool,
) -> tuple[str, ...]:
    words = context.words
    day = parse_date(example.as_of or "")
    days = [words.date(day) if day else ""] if has_dates else []
    facts = (_fact(example.facts, name, context) for name in fact_names)
    rules = words.listing([rule_labels[rule] for rule in example.rules]) if example.rules else ""
    source = words.gap + words.bracket(words.listing(example.source)) if example.source else ""
    label = title_line(example.title, context) or example.name
    return (label + source, *days, *facts, *_expected(policy, example, context), rules)


def _fact(facts: Mapping[str, object], name: str, context: Context) -> str:
    if name not in facts:
        return LABELS[context.words.language].missing
    return value_of_name(name, facts[name], context)


def value_of_name(name: str, value: object, context: Context) -> str:
    """Return the value of a fact or an outcome in words, by its type."""
    kind, labels = context.types[name], context.word_labels.get(name, {})
    return value_text(kind, value, context.words, labels)  # type: ignore[arg-type]  # the loader has read it by this type


def _expected(policy: Policy, example: Example, context: Context) -> tuple[str, ...]:
    """Return the expected outcomes: one cell each, or all in one."""
    labels, words = LABELS[context.words.language], context.words
    if example.status != "decided":
        missing = words.listing([context.title(name) for name in example.missing])
        status_text = words.fill(labels.statuses[example.status], missing=missing)
        return (status_text, *([""] * (len(policy.outcomes) - 1 if _is_spread(policy) else 0)))
    outcome = example.outcome or ()
    if isinstance(outcome, tuple):
        entries = (f"({number}) {_entry(entry, context)}" for number, entry in enumerate(outcome, 1))
        return (words.semicolon.join(entries),)
    return tuple(value_of_name(name, value, context) for name, value in outcome.items())


def _entry(entry: Mapping[str, object], context: Context) -> str:
    """Return one entry of a list: a single value alone, otherwise each value with its title."""
    values = {name: value_of_name(name, value, context) for name, value in entry.items()}
    if len(values) == 1:
        return next(iter(values.values()))
    label = LABELS[context.words.language].gives
    parts = [context.words.fill(label, title=context.title(name), value=value) for name, value in values.items()]
    return context.words.link.join(parts)


def invariant_words(policy: Policy, invariant: Invariant, context: Context) -> InvariantWords:
    """Return an invariant with its law in words."""
    when, law = None, invariant.law
    match law:
        case Total():
            statement: Statement = Clause(LABELS[context.words.language].total)
        case Monotone():
            statement = Clause(_monotone(policy, law, context))
        case Always():
            when = None if law.when == TRUE else condition(law.when, context)
            statement = condition(law.always, context)
        case _:
            assert_never(law)
    return InvariantWords(invariant.id, context.words.unfold(context.words.of(invariant.says)), when, statement)


def _monotone(policy: Policy, law: Monotone, context: Context) -> str:
    labels = LABELS[context.words.language]
    moves = labels.moves[sort_of_type(policy.facts[law.fact].type)]
    never = labels.never[sort_of_type(policy.outcomes[law.outcome].type)]
    return context.words.fill(
        labels.monotone,
        fact=context.title(law.fact),
        moves=moves[0 if law.rising else 1],
        outcome=context.title(law.outcome),
        never=never[1 if law.never_lowers else 0],
    )
