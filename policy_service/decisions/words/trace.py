"""The trace in words: why each rule matched or not, by the failed condition and its values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from policy_service.compilers.prose import condition_writer, no_other_rule, value_in_words
from policy_service.decisions.masking import MASK
from policy_service.decisions.record_versions import Versions
from policy_service.decisions.words.answers import FieldText, PolicyAnswer, value_text
from policy_service.language.ast import Expr
from policy_service.language.parser import parse
from policy_service.language.policy import AS_OF, OTHERWISE, SCORE, Bilingual, Language, Policy
from policy_service.language.types import DateType, parse_value

DAY = Bilingual("决定日期", "day of the decision")


@dataclass(frozen=True, slots=True)
class RuleTrace:
    """One rule."""

    id: str
    title: Bilingual | None
    matched: bool
    decided: bool
    """True if it is one of the rules that gave the outcome."""
    failed_condition: str | None
    """The condition that failed, a sentence without its stop."""
    values: tuple[FieldText, ...]


def rule_traces(
    answer: PolicyAnswer, versions: Versions, trace: Mapping[str, Any], lang: Language
) -> tuple[RuleTrace, ...]:
    """Return every rule of the policy that answered, in order; none if facts were missing."""
    policy, entries = versions.get(answer.policy), trace.get(answer.policy, ())
    deciding = answer.applied_override.rules_answer if answer.applied_override else answer
    decided = {rule.id for rule in deciding.rules} if deciding.status == "decided" else set()
    if policy is None:
        return ()
    describe, titles = condition_writer(policy, lang), {rule.id: rule.title for rule in policy.rules}
    return tuple(_rule_trace(policy, entry, decided, titles, describe, lang) for entry in entries)


def _rule_trace(  # noqa: PLR0913, PLR0917  # an entry of a trace, and what tells it
    policy: Policy,
    entry: Mapping[str, Any],
    decided: set[str],
    titles: Mapping[str, Bilingual | None],
    describe: Callable[[Expr], str],
    lang: Language,
) -> RuleTrace:
    rule, matched = str(entry["rule"]), bool(entry["matched"])
    failed_condition = None
    if not matched:
        failed_condition = no_other_rule(lang) if entry["failed"] == OTHERWISE else describe(parse(entry["failed"]))
    values = _values(policy, entry.get("saw", {}), lang)
    return RuleTrace(rule, titles.get(rule), matched, rule in decided, failed_condition, tuple(values))


def _values(policy: Policy, values: Mapping[str, Any], lang: Language) -> Sequence[FieldText]:
    return [_value(policy, name, value, lang) for name, value in values.items() if name != SCORE]


def _value(policy: Policy, name: str, value: object, lang: Language) -> FieldText:
    if name == AS_OF:
        return FieldText(name, DAY, value_in_words(DateType(), parse_value(DateType(), value), lang))
    fact = policy.facts[name]
    if value is None or value == MASK:
        return FieldText(name, fact.title, MASK if value else None)
    return FieldText(name, fact.title, value_text(fact, value, lang))
