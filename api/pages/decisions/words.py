"""What a record says, in words: each policy's answer with its rules and reasons, the facts and where each came from.

Values are told by the very version that decided. What does not fit it, because what was kept is not what was written,
is shown as it stands.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from api.pages.listing import quoted
from policy_service.actor import Role
from policy_service.compilers.prose import value_words
from policy_service.decisions.record import Record
from policy_service.language.policy import Bilingual, Fact, Language, Outcome, Policy
from policy_service.language.types import ValueRefused, read
from policy_service.sentences import Sentence

Json = Mapping[str, Any]
Versions = Mapping[str, Policy]
"""The versions that decided, by the name of the policy."""

STATUSES: Mapping[str, Sentence] = {
    "decided": Sentence("decided"),
    "no_rule_matched": Sentence("no rule matched"),
    "missing_facts": Sentence("not decided: facts are missing"),
    "conflict": Sentence("conflict: rules matched that may not match together"),
    "suspended": Sentence("not decided: the policy is suspended"),
}


@dataclass(frozen=True, slots=True)
class Said:
    """One value: its name, what it is called, and the value in words; None when it is not given."""

    name: str
    title: Bilingual
    value: str | None


@dataclass(frozen=True, slots=True)
class RuleSaid:
    """One rule that decided, and why."""

    id: str
    title: Bilingual | None
    address: str
    """Of its passport."""
    because: Bilingual | None


@dataclass(frozen=True, slots=True)
class Excepted:
    """The exception that was answered instead of what the rules said."""

    override: str
    by: str
    role: Role
    reason: str
    until: datetime
    rules_said: Answer


@dataclass(frozen=True, slots=True)
class Answer:
    """What one policy answered."""

    policy: str
    title: Bilingual
    version: str
    digest: str
    address: str
    """Of the version."""
    status: str
    told: Sentence
    """The status in words."""
    outcomes: tuple[tuple[Said, ...], ...]
    """One entry, or one a rule for a policy that lists."""
    rules: tuple[RuleSaid, ...]
    missing: tuple[Said, ...]
    excepted: Excepted | None
    unfit: tuple[str, ...]
    """Why an exception that was made was not applied: its faults."""
    suspension: str | None
    """The suspension by which no version applied."""
    reason: str
    """Why the policy was suspended."""


def version_address(policy: str, version: str) -> str:
    """The page of a version; the name of a policy is an address already."""
    return f"/policies/{policy}/versions/{quoted(version)}"


def answers(record: Record, versions: Versions, lang: Language) -> tuple[Answer, ...]:
    """Every answer of a record, of the policies that were asked for first."""
    listed = sorted(record.outcomes.items(), key=lambda each: each[0] not in record.asked)
    return tuple(
        _answer(policy, entry, record.policies[policy].version, versions.get(policy), lang) for policy, entry in listed
    )


def _answer(name: str, entry: Json, version: str, policy: Policy | None, lang: Language) -> Answer:
    status = str(entry["status"])
    return Answer(
        policy=name,
        title=policy.title if policy else Bilingual(name, name),
        version=version,
        digest=str(entry.get("digest", "")),
        address=version_address(name, version),
        status=status,
        told=STATUSES.get(status, Sentence("unknown")),
        outcomes=outcome_words(entry.get("outcome"), policy, lang) if "outcome" in entry else (),
        rules=_rules(name, entry),
        missing=tuple(Said(fact, fact_title(fact, policy), None) for fact in entry.get("missing", ())),
        excepted=_excepted(name, entry["overridden"], version, policy, lang) if "overridden" in entry else None,
        unfit=tuple(entry.get("override_unfit", {}).get("why", ())),
        suspension=entry.get("suspension"),
        reason=str(entry.get("reason", "")),
    )


def _excepted(name: str, told: Json, version: str, policy: Policy | None, lang: Language) -> Excepted:
    return Excepted(
        override=told["override"],
        by=told["by"],
        role=Role(told["role"]),
        reason=told["reason"],
        until=datetime.fromisoformat(told["until"]),
        rules_said=_answer(name, told["rules_said"], version, policy, lang),
    )


def _rules(policy: str, entry: Json) -> tuple[RuleSaid, ...]:
    rules: Sequence[str] = entry.get("rules", ())
    titles, reasons = (_each(entry.get(member, ()), len(rules)) for member in ("titles", "because"))
    return tuple(
        RuleSaid(rule, title, rule_address(policy, rule), reason)
        for rule, title, reason in zip(rules, titles, reasons, strict=False)
    )


def _each(written: Sequence[Json | None], count: int) -> list[Bilingual | None]:
    """The words of each of so many rules, None for one that has none."""
    found = [Bilingual(each["zh"], each["en"]) if each else None for each in written]
    return found + [None] * (count - len(found))


def rule_address(policy: str, rule: str) -> str:
    """The passport of a rule."""
    return f"/policies/{policy}/rules/{quoted(rule)}"


def outcome_words(outcome: Any, policy: Policy | None, lang: Language) -> tuple[tuple[Said, ...], ...]:  # noqa: ANN401  # JSON
    """An outcome, an object or a list of them, in words."""
    entries: Iterable[Json] = outcome if isinstance(outcome, list) else [outcome]
    return tuple(tuple(_said(name, value, policy, lang) for name, value in entry.items()) for entry in entries)


def _said(name: str, value: object, policy: Policy | None, lang: Language) -> Said:
    declared = policy.outcomes.get(name) if policy else None
    title = declared.title if declared else Bilingual(name, name)
    return Said(name, title, in_words(declared, value, lang))


def fact_title(name: str, policy: Policy | None) -> Bilingual:
    """What a fact is called."""
    fact = policy.facts.get(name) if policy else None
    return fact.title if fact else Bilingual(name, name)


def in_words(declared: Fact | Outcome | None, value: object, lang: Language) -> str:
    """A value as JSON has it, in words."""
    if declared is None:
        return plainly(value)
    try:
        return value_words(declared.type, read(declared.type, value), lang, declared.words)
    except ValueRefused:
        return plainly(value)


def plainly(value: object) -> str:
    """A value that no version tells about."""
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
