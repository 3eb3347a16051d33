"""What a policy decides about facts that somebody tries, in words; by the definition, which all evaluators match."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal, assert_never

from policy_service.compilers.prose import no_other_rule, sentence, value_words
from policy_service.language.evaluate import Scope, evaluate, holds, scope_of
from policy_service.language.outcome import Conflict, Decided, MissingFacts, NoRuleMatched, Result, Values
from policy_service.language.policy import AS_OF, SCORE, Bilingual, Language, Policy, Rule
from policy_service.language.presence import names
from policy_service.language.trace import failing
from policy_service.language.types import DateType, Value

Status = Literal["decided", "no_rule_matched", "missing_facts", "conflict"]


@dataclass(frozen=True, slots=True)
class Said:
    """One value: what it is called, and the value in words."""

    title: Bilingual
    value: str | None
    """None for what was not given."""


@dataclass(frozen=True, slots=True)
class Reason:
    """A rule that decided, and why."""

    rule: str
    title: Bilingual | None
    because: Bilingual


@dataclass(frozen=True, slots=True)
class RuleSeen:
    """One rule: whether it matched; if not, the condition that failed, in words, and the values it saw."""

    rule: str
    title: Bilingual | None
    matched: bool
    decided: bool
    """Whether it is one of those that gave the outcome."""
    failed: str | None
    saw: tuple[Said, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """What was decided."""

    status: Status
    outcomes: tuple[tuple[Said, ...], ...]
    """One entry, or one a rule when the policy lists."""
    reasons: tuple[Reason, ...]
    missing: tuple[Bilingual, ...]
    conflicting: tuple[tuple[str, Bilingual | None], ...]
    """The rules that contradict each other, each with its title."""
    rules: tuple[RuleSeen, ...]


def answer(policy: Policy, facts: Mapping[str, Value], as_of: date, lang: Language) -> Answer:
    """What the policy decides, and what became of every rule."""
    result = evaluate(policy, facts, as_of)
    decided = result.rules if isinstance(result, Decided) else ()
    bands = policy.scorecard.bands if policy.scorecard else ()
    rules = {rule.id: rule for rule in (*policy.rules, *bands)}
    return Answer(
        status=_status(result),
        outcomes=tuple(_said(policy, values, lang) for values in result.outcome) if isinstance(result, Decided) else (),
        reasons=tuple(Reason(rule, rules[rule].title, rules[rule].because) for rule in decided),
        missing=tuple(policy.facts[name].title for name in result.names) if isinstance(result, MissingFacts) else (),
        conflicting=tuple((rule, rules[rule].title) for rule in result.rules) if isinstance(result, Conflict) else (),
        rules=() if isinstance(result, MissingFacts) else _rules(policy, facts, as_of, frozenset(decided), lang),
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


def _said(policy: Policy, values: Values, lang: Language) -> tuple[Said, ...]:
    pairs = zip(policy.outcomes.values(), values, strict=False)  # COLLECT with count has one value alone
    return tuple(Said(outcome.title, value_words(outcome.type, value, lang, outcome.words)) for outcome, value in pairs)


def _rules(
    policy: Policy, facts: Mapping[str, Value], as_of: date, decided: frozenset[str], lang: Language
) -> tuple[RuleSeen, ...]:
    scope = scope_of(policy, facts, as_of)
    return tuple(_rule(policy, rule, facts, as_of, scope, decided, lang) for rule in policy.rules)


def _rule(  # noqa: PLR0913, PLR0917  # a rule, and all that it saw
    policy: Policy,
    rule: Rule,
    facts: Mapping[str, Value],
    as_of: date,
    scope: Scope,
    decided: frozenset[str],
    lang: Language,
) -> RuleSeen:
    if holds(rule.when, scope) or (rule.otherwise and rule.id in decided):
        return RuleSeen(rule.id, rule.title, matched=True, decided=rule.id in decided, failed=None, saw=())
    if rule.otherwise:
        return RuleSeen(rule.id, rule.title, matched=False, decided=False, failed=no_other_rule(lang), saw=())
    failed = failing(rule.when, scope)
    saw = tuple(_saw(policy, name, facts, as_of, lang) for name in dict.fromkeys(names(failed)) if name != SCORE)
    told = sentence(failed, policy, lang)
    return RuleSeen(rule.id, rule.title, matched=False, decided=False, failed=told, saw=saw)


def _saw(policy: Policy, name: str, facts: Mapping[str, Value], as_of: date, lang: Language) -> Said:
    if name == AS_OF:
        return Said(Bilingual("决定日期", "day of the decision"), value_words(DateType(), as_of.toordinal(), lang))
    fact, value = policy.facts[name], facts.get(name)
    return Said(fact.title, None if value is None else value_words(fact.type, value, lang, fact.words))
