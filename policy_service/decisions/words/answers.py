"""A decision record in words: each policy's answer with its rules and reasons, the facts and their sources.

Values are rendered by the version that decided. An altered value that does not fit it is shown as stored.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from policy_service.actor import Role
from policy_service.compilers.prose import value_in_words
from policy_service.decisions.record import DecisionRecord
from policy_service.decisions.record_versions import Versions
from policy_service.language.policy import Bilingual, Fact, Language, Outcome, Policy
from policy_service.language.types import ValueRejected, parse_value
from policy_service.messages import Message

Json = Mapping[str, Any]

STATUS_NAMES: Mapping[str, Message] = {
    "decided": Message("decided"),
    "no_rule_matched": Message("no rule matched"),
    "missing_facts": Message("not decided: facts are missing"),
    "conflict": Message("conflict: rules matched that must not match together"),
    "suspended": Message("not decided: the policy is suspended"),
}


@dataclass(frozen=True, slots=True)
class FieldText:
    """One value: its name, title, and text; None if it is not given."""

    name: str
    title: Bilingual
    value: str | None


@dataclass(frozen=True, slots=True)
class DecidingRule:
    """One rule that decided, and why."""

    id: str
    title: Bilingual | None
    because: Bilingual | None


@dataclass(frozen=True, slots=True)
class AppliedOverrideView:
    """The override that replaced the rules' answer."""

    override: str
    by: str
    role: Role
    reason: str
    until: datetime
    rules_answer: PolicyAnswer


@dataclass(frozen=True, slots=True)
class PolicyAnswer:
    """One policy's answer."""

    policy: str
    title: Bilingual
    version: str
    digest: str
    status: str
    status_name: Message
    """The status in words."""
    outcomes: tuple[tuple[FieldText, ...], ...]
    """One entry, or one per rule for a policy that lists."""
    rules: tuple[DecidingRule, ...]
    missing: tuple[FieldText, ...]
    applied_override: AppliedOverrideView | None
    override_errors: tuple[str, ...]
    """Why an override was not applied."""
    suspension: str | None
    """The suspension because of which no version applied."""
    reason: str
    """Why the policy was suspended."""


def policy_answers(record: DecisionRecord, versions: Versions, lang: Language) -> tuple[PolicyAnswer, ...]:
    """Return every answer of a record, those of requested policies first."""
    ordered = sorted(record.outcomes.items(), key=lambda each: each[0] not in record.requested)
    return tuple(
        _policy_answer(policy, entry, record.policies[policy].version, versions.get(policy), lang)
        for policy, entry in ordered
    )


def _policy_answer(name: str, entry: Json, version: str, policy: Policy | None, lang: Language) -> PolicyAnswer:
    status = str(entry["status"])
    return PolicyAnswer(
        policy=name,
        title=policy.title if policy else Bilingual(name, name),
        version=version,
        digest=str(entry.get("digest", "")),
        status=status,
        status_name=STATUS_NAMES.get(status, Message("unknown")),
        outcomes=outcome_texts(entry.get("outcome"), policy, lang) if "outcome" in entry else (),
        rules=_rules(entry),
        missing=tuple(FieldText(fact, fact_title(fact, policy), None) for fact in entry.get("missing", ())),
        applied_override=_applied_override(name, entry["overridden"], version, policy, lang)
        if "overridden" in entry
        else None,
        override_errors=tuple(entry.get("override_unfit", {}).get("why", ())),
        suspension=entry.get("suspension"),
        reason=str(entry.get("reason", "")),
    )


def _applied_override(
    name: str, stored: Json, version: str, policy: Policy | None, lang: Language
) -> AppliedOverrideView:
    return AppliedOverrideView(
        override=stored["override"],
        by=stored["by"],
        role=Role(stored["role"]),
        reason=stored["reason"],
        until=datetime.fromisoformat(stored["until"]),
        rules_answer=_policy_answer(name, stored["rules_said"], version, policy, lang),
    )


def _rules(entry: Json) -> tuple[DecidingRule, ...]:
    rules: Sequence[str] = entry.get("rules", ())
    titles, reasons = (_texts(entry.get(member, ()), len(rules)) for member in ("titles", "because"))
    return tuple(DecidingRule(rule, title, reason) for rule, title, reason in zip(rules, titles, reasons, strict=False))


def _texts(stored: Sequence[Json | None], count: int) -> list[Bilingual | None]:
    """Return the texts of `count` rules, None for one without text."""
    texts = [Bilingual(each["zh"], each["en"]) if each else None for each in stored]
    return texts + [None] * (count - len(texts))


def outcome_texts(outcome: Any, policy: Policy | None, lang: Language) -> tuple[tuple[FieldText, ...], ...]:  # noqa: ANN401  # JSON
    """Return an outcome, an object or a list of them, in words."""
    entries: Iterable[Json] = outcome if isinstance(outcome, list) else [outcome]
    return tuple(tuple(_field_text(name, value, policy, lang) for name, value in entry.items()) for entry in entries)


def outcome_cell(outcome: tuple[tuple[FieldText, ...], ...], lang: Language) -> list[str]:
    """Return an outcome for one cell: each value with its title, as the page of the list shows it."""
    return [
        f"{field.title.zh}：{field.value or ''}" if lang == "zh" else f"{field.title.en}: {field.value or ''}"
        for entry in outcome
        for field in entry
    ]


def _field_text(name: str, value: object, policy: Policy | None, lang: Language) -> FieldText:
    declared = policy.outcomes.get(name) if policy else None
    title = declared.title if declared else Bilingual(name, name)
    return FieldText(name, title, value_text(declared, value, lang))


def fact_title(name: str, policy: Policy | None) -> Bilingual:
    """Return the title of a fact."""
    fact = policy.facts.get(name) if policy else None
    return fact.title if fact else Bilingual(name, name)


def value_text(declared: Fact | Outcome | None, value: object, lang: Language) -> str:
    """Return a JSON value in words."""
    if declared is None:
        return plain_text(value)
    try:
        return value_in_words(declared.type, parse_value(declared.type, value), lang, declared.words)
    except ValueRejected:
        return plain_text(value)


def plain_text(value: object) -> str:
    """Return a value that no version describes, as text."""
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
