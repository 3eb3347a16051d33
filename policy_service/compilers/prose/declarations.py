"""The declarations of a policy in words: facts with types, bounds and sources, outcomes, and stored values."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from fractions import Fraction
from typing import Never, assert_never

from policy_service.compilers.prose.chinese import UNITS
from policy_service.compilers.prose.context import Context, words_for
from policy_service.compilers.prose.figures import printable_line
from policy_service.compilers.prose.labels import LABELS
from policy_service.compilers.prose.table import Table
from policy_service.compilers.prose.vocabulary import Vocabulary
from policy_service.language.policy import Bilingual, Fact, Policy
from policy_service.language.types import (
    FIRST_DAY,
    LAST_DAY,
    LIMIT,
    BooleanType,
    ChoiceType,
    DateType,
    DurationType,
    NumberType,
    TagsType,
    TextType,
    Type,
    Value,
    type_name,
)

NO_TITLES: Mapping[str, Never] = {}


def value_text(kind: Type, value: Value, words: Vocabulary, labels: Mapping[str, str] = NO_TITLES) -> str:
    """Return a stored value of a fact or outcome in words; `labels` are those of a choice's or tags' words."""
    match kind, value:
        case BooleanType(), bool():
            return words.truth(value)
        case NumberType(), int():
            return words.number(Fraction(value, 10**kind.scale), kind.currency)
        case DateType(), int():
            return words.date(datetime.date.fromordinal(value))
        case DurationType(), int():
            return words.duration(Fraction(value))
        case TagsType(), frozenset():
            return words.listing([labels.get(tag) or words.word(tag) for tag in sorted(value, key=kind.of.index)])
        case _:
            return labels.get(str(value)) or words.word(str(value))


def type_text(kind: Type, words: Vocabulary, titles: Mapping[str, Bilingual] = NO_TITLES) -> str:
    """Return a type in words, with its unit, its bounds or its choices, each by its title and its word."""
    labels = LABELS[words.language]
    label = labels.kinds[type_name(kind)]
    match kind:
        case NumberType():
            unit = UNITS.get(kind.currency, "")
            if kind.kind == "number" and not kind.scale:
                label = labels.kinds["integer"]
            label = words.fill(label, scale=str(kind.scale), currency=kind.currency, unit=unit)
            if kind.scale == 1:
                label = label.replace("decimals", "decimal")
            return label + _bounds(kind, (-LIMIT, LIMIT), words)
        case DateType():
            return label + _bounds(kind, (FIRST_DAY, LAST_DAY), words)
        case DurationType():
            return label + _bounds(kind, (-LIMIT, LIMIT), words)
        case ChoiceType() | TagsType():
            order = labels.ordered[kind.ordered] if isinstance(kind, ChoiceType) and kind.ordered else ""
            words = words_for(kind, titles, words.language)
            titles_by_word = {
                word: words.unfold(words.of(titles[word])) if word in titles else word for word in kind.of
            }
            items = [
                words.word(word) if title == word else words.titled_word(title, word)
                for word, title in titles_by_word.items()
            ]
            return words.fill(label, words=words.listing(items)) + order
        case BooleanType() | TextType():
            return label
        case _:
            assert_never(kind)


def _bounds(kind: NumberType | DateType | DurationType, widest: tuple[int, int], words: Vocabulary) -> str:
    bounded = kind.low > widest[0], kind.high < widest[1]
    labels = LABELS[words.language]
    label = (labels.days if isinstance(kind, DateType) else labels.bounds).get(bounded, "")
    return words.fill(label, low=value_text(kind, kind.low, words), high=value_text(kind, kind.high, words))


def facts_table(policy: Policy, context: Context) -> Table:
    """Return the facts: title, name, type, whether they are required, and their source."""
    labels = LABELS[context.words.language]
    rows = []
    for fact in policy.facts.values():
        needed = (labels.optional if fact.optional else labels.required) + (labels.sensitive if fact.sensitive else "")
        kind = type_text(fact.type, context.words, fact.words)
        rows.append(
            (
                context.titles[fact.name],
                f"`{fact.name}`",
                kind,
                needed,
                origin_text(fact, context.words) or labels.from_caller,
            )
        )
    return Table(labels.facts, tuple(rows))


def origin_text(fact: Fact, words: Vocabulary) -> str:
    """Return the source of a fact; empty if the caller supplies it."""
    labels = LABELS[words.language]
    if fact.requirement is not None:
        return words.fill(labels.from_policy, policy=fact.requirement.policy, outcome=fact.requirement.outcome)
    if fact.previous is not None:
        label = labels.from_previous_since if fact.previous.is_since else labels.from_previous
        return words.fill(label, outcome=fact.previous.outcome)
    if fact.measure is None:
        return ""
    template = labels.from_benchmark_or_caller if fact.replaceable else labels.from_benchmark
    return words.fill(template, measure=printable_line(fact.measure))


def outcomes_table(policy: Policy, context: Context) -> Table:
    """Return the outcomes: title, name and type."""
    rows = tuple(
        (context.titles[outcome.name], f"`{outcome.name}`", type_text(outcome.type, context.words, outcome.words))
        for outcome in policy.outcomes.values()
    )
    return Table(LABELS[context.words.language].outcomes, rows)
