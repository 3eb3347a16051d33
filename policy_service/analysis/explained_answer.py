"""A policy's answer to trial facts, in words; by the reference evaluator, which all evaluators match."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal, assert_never

from policy_service.compilers.prose import no_other_rule, sentence, value_in_words
from policy_service.language.definedness import names_in
from policy_service.language.evaluate import Scope, evaluate, holds, scope_of
from policy_service.language.outcome import Conflict, Decided, MissingFacts, NoRuleMatched, Result, Values
from policy_service.language.policy import AS_OF, SCORE, Bilingual, Language, Policy, Rule
from policy_service.language.trace import failing_part
from policy_service.language.types import DateType, Value

Status = Literal["decided", "no_rule_matched", "missing_facts", "conflict"]


@dataclass(frozen=True, slots=True)
class ValueText:
    """One value: its title, and its text."""

    title: Bilingual
    value: str | None
    """None if it was not given."""


@dataclass(frozen=True, slots=True)
class DecidingRule:
    """A deciding rule, and its reason."""

    rule: str
    title: Bilingual | None
    because: Bilingual


@dataclass(frozen=True, slots=True)
class TriedRule:
    """One rule: whether it matched; if not, the failed condition and its values, in words."""

    rule: str
    title: Bilingual | None
    matched: bool
    decided: bool
    """True if it is one of those that gave the outcome."""
    failed_condition: str | None
    values: tuple[ValueText, ...]


@dataclass(frozen=True, slots=True)
class TrialAnswer:
    """The answer to a trial."""

    status: Status
    outcomes: tuple[tuple[ValueText, ...], ...]
    """One entry, or one per rule if the policy lists."""
    deciding_rules: tuple[DecidingRule, ...]
    missing_facts: tuple[Bilingual, ...]
    conflicting: tuple[tuple[str, Bilingual | None], ...]
    """The conflicting rules, each with its title."""
    rules: tuple[TriedRule, ...]


def try_policy(policy: Policy, facts: Mapping[str, Value], as_of: date, lang: Language) -> TrialAnswer:
    """Evaluate the policy; return its answer, and the trace of every rule."""
    result = evaluate(policy, facts, as_of)
    decided = result.rules if isinstance(result, Decided) else ()
    rules = {rule.id: rule for rule in policy.all_rules}
    return TrialAnswer(
        status=_status(result),
        outcomes=tuple(_value_texts(policy, values, lang) for values in result.outcome)
        if isinstance(result, Decided)
        else (),
        deciding_rules=tuple(DecidingRule(rule, rules[rule].title, rules[rule].because) for rule in decided),
        missing_facts=tuple(policy.facts[name].title for name in result.names)
        if isinstance(result, MissingFacts)
        else (),
        conflicting=tuple((rule, rules[rule].title) for rule in result.rules) if isinstance(result, Conflict) else (),
        rules=() if isinstance(result, MissingFacts) else _tried_rules(policy, facts, as_of, frozenset(decided), lang),
    )


def _status(result: Result) -> Status:
    match result:
        case Decided():
            return "decided"
        case NoRuleMatched():
            return "no_rule_matched"
        case MissingFacts():
            return "missing_facts"
        case Conflict():
            return "conflict"
        case _:
            assert_never(result)


def _value_texts(policy: Policy, values: Values, lang: Language) -> tuple[ValueText, ...]:
    pairs = zip(policy.outcomes.values(), values, strict=False)  # COLLECT with count has one value alone
    return tuple(
        ValueText(outcome.title, value_in_words(outcome.type, value, lang, outcome.words)) for outcome, value in pairs
    )


def _tried_rules(
    policy: Policy, facts: Mapping[str, Value], as_of: date, decided: frozenset[str], lang: Language
) -> tuple[TriedRule, ...]:
    scope = scope_of(policy, facts, as_of)
    return tuple(_tried_rule(policy, rule, facts, as_of, scope, decided, lang) for rule in policy.rules)


def _tried_rule(  # noqa: PLR0913, PLR0917  # a rule, and all that it saw
    policy: Policy,
    rule: Rule,
    facts: Mapping[str, Value],
    as_of: date,
    scope: Scope,
    decided: frozenset[str],
    lang: Language,
) -> TriedRule:
    if holds(rule.when, scope) or (rule.otherwise and rule.id in decided):
        return TriedRule(
            rule.id, rule.title, matched=True, decided=rule.id in decided, failed_condition=None, values=()
        )
    if rule.otherwise:
        return TriedRule(
            rule.id, rule.title, matched=False, decided=False, failed_condition=no_other_rule(lang), values=()
        )
    condition = failing_part(rule.when, scope)
    seen_values = tuple(
        _value_text(policy, name, facts, as_of, lang) for name in dict.fromkeys(names_in(condition)) if name != SCORE
    )
    text = sentence(condition, policy, lang)
    return TriedRule(rule.id, rule.title, matched=False, decided=False, failed_condition=text, values=seen_values)


def _value_text(policy: Policy, name: str, facts: Mapping[str, Value], as_of: date, lang: Language) -> ValueText:
    if name == AS_OF:
        return ValueText(
            Bilingual("决定日期", "day of the decision"), value_in_words(DateType(), as_of.toordinal(), lang)
        )
    fact, value = policy.facts[name], facts.get(name)
    return ValueText(fact.title, None if value is None else value_in_words(fact.type, value, lang, fact.words))
