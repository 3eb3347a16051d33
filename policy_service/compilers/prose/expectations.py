"""What a policy says of itself, in words: its examples as a table, its invariants as sentences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import assert_never

from policy_service.compilers.prose.conditions import condition
from policy_service.compilers.prose.context import Context, sort_of_type
from policy_service.compilers.prose.declarations import kept_value
from policy_service.compilers.prose.labels import LABELS
from policy_service.compilers.prose.statement import Clause, Group, Statement, inline
from policy_service.compilers.prose.table import Table
from policy_service.language.ast import TRUE
from policy_service.language.policy import Always, Example, Invariant, Monotone, Policy, Total
from policy_service.language.types import parse_date


@dataclass(frozen=True, slots=True)
class InvariantWords:
    """A law in words: the author's sentence, and what is in fact proved."""

    id: str
    says: str
    law: Statement


def examples_table(policy: Policy, context: Context) -> Table | None:
    """The examples, one column for each fact that any of them gives; None when there are none."""
    if not policy.examples:
        return None
    labels = LABELS[context.words.language]
    used = tuple(name for name in policy.facts if any(name in example.facts for example in policy.examples))
    dated = any(example.as_of for example in policy.examples)
    headers = (
        labels.example,
        *([context.words.as_of] if dated else []),
        *(context.titles[name] for name in used),
    )
    rows = (_example(policy, example, used, context, dated=dated) for example in policy.examples)
    return Table((*headers, labels.expected, labels.by), tuple(rows))


def _example(
    policy: Policy, example: Example, used: tuple[str, ...], context: Context, *, dated: bool
) -> tuple[str, ...]:
    words = context.words
    source = words.bracket(words.listing(example.source)) if example.source else ""
    day = parse_date(example.as_of or "")
    facts = (_fact(policy, example.facts, name, context) for name in used)
    rules = words.listing([f"`{rule}`" for rule in example.rules or ()]) if example.rules else ""
    name = " ".join(filter(None, (example.name, source)))
    return (
        name,
        *([words.date(day) if day else ""] if dated else []),
        *facts,
        _expected(policy, example, context),
        rules,
    )


def _fact(policy: Policy, facts: Mapping[str, object], name: str, context: Context) -> str:
    if name not in facts:
        return LABELS[context.words.language].missing
    return _kept(policy.facts[name].type, facts[name], context)


def _kept(kind: object, value: object, context: Context) -> str:
    return kept_value(kind, value, context.words)  # type: ignore[arg-type]  # the loader has read it by this type


def _expected(policy: Policy, example: Example, context: Context) -> str:
    labels, words = LABELS[context.words.language], context.words
    if example.status != "decided":
        missing = words.listing([context.title(name) for name in example.missing])
        return context.words.fill(labels.statuses[example.status], missing=missing)
    outcome = example.outcome or ()
    if isinstance(outcome, tuple):
        return words.semicolon.join(
            f"({number}) {_entry(policy, entry, context)}" for number, entry in enumerate(outcome, 1)
        )
    return _entry(policy, outcome, context)


def _entry(policy: Policy, entry: Mapping[str, object], context: Context) -> str:
    """An outcome: its value when it is the only one, otherwise each with its title."""
    values = {name: _kept(policy.outcomes[name].type, value, context) for name, value in entry.items()}
    if len(policy.outcomes) == 1:
        return next(iter(values.values()))
    label = LABELS[context.words.language].gives
    parts = [context.words.fill(label, title=context.title(name), value=value) for name, value in values.items()]
    return context.words.link.join(parts)


def invariant_words(policy: Policy, invariant: Invariant, context: Context) -> InvariantWords:
    """An invariant with its law in words."""
    return InvariantWords(invariant.id, invariant.says, _law(policy, invariant.law, context))


def _law(policy: Policy, law: Total | Monotone | Always, context: Context) -> Statement:
    labels, words = LABELS[context.words.language], context.words
    match law:
        case Total():
            return Clause(labels.total)
        case Monotone():
            moves = labels.moves[sort_of_type(policy.facts[law.fact].type)]
            never = labels.never[sort_of_type(policy.outcomes[law.outcome].type)]
            sentence = context.words.fill(
                labels.monotone,
                fact=context.title(law.fact),
                moves=moves[0 if law.rising else 1],
                outcome=context.title(law.outcome),
                never=never[1 if law.never_lowers else 0],
            )
            return Clause(sentence)
        case Always():
            then = condition(law.always, context)
            if law.when == TRUE:
                return then
            when = context.words.fill(labels.whenever, condition=inline(condition(law.when, context), words))
            if isinstance(then, Clause):
                return Clause(f"{when}{words.link}{then.text}")
            return Group(then.connective, f"{when}{words.link}{then.lead}", then.parts)
        case _:
            assert_never(law)
