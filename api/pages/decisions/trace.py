"""Why each rule matched or did not, in words: the condition that failed, and the values it saw."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from api.pages.decisions.words import Answer, Said, Versions, in_words, rule_address
from policy_service.compilers.prose import no_other_rule, teller, value_words
from policy_service.decisions.masking import MASK
from policy_service.language.ast import Expr
from policy_service.language.parser import parse
from policy_service.language.policy import AS_OF, OTHERWISE, SCORE, Bilingual, Language, Policy
from policy_service.language.types import DateType, read

DAY = Bilingual("决定日期", "day of the decision")


@dataclass(frozen=True, slots=True)
class RuleSeen:
    """One rule."""

    id: str
    title: Bilingual | None
    address: str
    matched: bool
    decided: bool
    """Whether it is one of those that gave the outcome."""
    failed: str | None
    """The condition that failed, a sentence without its stop."""
    saw: tuple[Said, ...]


def rules_seen(answer: Answer, versions: Versions, trace: Mapping[str, Any], lang: Language) -> tuple[RuleSeen, ...]:
    """Every rule of the policy that answered, in its order; none when facts were missing."""
    policy, entries = versions.get(answer.policy), trace.get(answer.policy, ())
    said = answer.excepted.rules_said if answer.excepted else answer
    decided = {rule.id for rule in said.rules} if said.status == "decided" else set()
    if policy is None:
        return ()
    tell, titles = teller(policy, lang), {rule.id: rule.title for rule in policy.rules}
    return tuple(_seen(policy, entry, decided, titles, tell, lang) for entry in entries)


def _seen(  # noqa: PLR0913, PLR0917  # an entry of a trace, and what tells it
    policy: Policy,
    entry: Mapping[str, Any],
    decided: set[str],
    titles: Mapping[str, Bilingual | None],
    tell: Callable[[Expr], str],
    lang: Language,
) -> RuleSeen:
    rule, matched = str(entry["rule"]), bool(entry["matched"])
    failed = None
    if not matched:
        failed = no_other_rule(lang) if entry["failed"] == OTHERWISE else tell(parse(entry["failed"]))
    saw = _saw(policy, entry.get("saw", {}), lang)
    address = rule_address(policy.id, rule)
    return RuleSeen(rule, titles.get(rule), address, matched, rule in decided, failed, tuple(saw))


def _saw(policy: Policy, seen: Mapping[str, Any], lang: Language) -> Sequence[Said]:
    return [_said(policy, name, value, lang) for name, value in seen.items() if name != SCORE]


def _said(policy: Policy, name: str, value: object, lang: Language) -> Said:
    if name == AS_OF:
        return Said(name, DAY, value_words(DateType(), read(DateType(), value), lang))
    fact = policy.facts[name]
    if value is None or value == MASK:
        return Said(name, fact.title, MASK if value else None)
    return Said(name, fact.title, in_words(fact, value, lang))
