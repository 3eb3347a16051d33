"""The facts of a decision in words, and the source of each; sensitive ones are shown as present, without value."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from policy_service.decisions.masking import sensitive_facts
from policy_service.decisions.previous import previous_facts
from policy_service.decisions.record import DecisionRecord, decode_fact
from policy_service.decisions.record_versions import Versions
from policy_service.decisions.words.answers import value_text
from policy_service.language.policy import Bilingual, Fact, Language, Policy
from policy_service.language.types import format_value
from policy_service.messages import Message

Visibility = Literal["visible", "masked", "erased", "missing"]


@dataclass(frozen=True, slots=True)
class FactView:
    """One fact."""

    name: str
    title: Bilingual
    visibility: Visibility
    value: str | None
    """The value in words; None if it is masked, erased or not given."""
    origin: Message


def fact_views(
    record: DecisionRecord, versions: Versions, erased: Collection[str], lang: Language
) -> tuple[FactView, ...]:
    """Return every fact that the policies read, given ones first, in the order of the policies."""
    declared: dict[str, tuple[Policy, Fact]] = {}
    for policy in versions.values():
        for name, fact in policy.facts.items():
            declared.setdefault(name, (policy, fact))
    sensitive = sensitive_facts(versions.values())
    views = [_fact_view(policy, fact, record, sensitive, erased, lang) for policy, fact in declared.values()]
    undeclared = [
        FactView(name, Bilingual(name, name), "masked", None, Message("given by the client"))
        for name in record.facts
        if name not in declared  # nobody can tell whether it is sensitive
    ]
    order = {"visible": 0, "masked": 0, "erased": 0, "missing": 1}
    return tuple(sorted([*views, *undeclared], key=lambda fact: order[fact.visibility]))


def _fact_view(  # noqa: PLR0913, PLR0917  # the fact, and who may see it
    policy: Policy,
    fact: Fact,
    record: DecisionRecord,
    sensitive: Collection[str],
    erased: Collection[str],
    lang: Language,
) -> FactView:
    raw, origin = _raw(policy, fact, record)
    if fact.name in erased:
        return FactView(fact.name, fact.title, "erased", None, origin)
    if raw is None:
        return FactView(fact.name, fact.title, "missing", None, origin)
    if fact.name in sensitive or isinstance(raw, dict):
        return FactView(fact.name, fact.title, "masked", None, origin)
    return FactView(fact.name, fact.title, "visible", value_text(fact, raw, lang), origin)


def _raw(policy: Policy, fact: Fact, record: DecisionRecord) -> tuple[Any, Message]:
    """Return the value that was used, as JSON, and its source."""
    derived = _derived_value(fact, record)
    if derived is not None and fact.requirement is not None:
        return derived, Message("decided by {policy}", policy=fact.requirement.policy)
    last = previous_facts(policy, record.previous.get(policy.id, {})).get(fact.name)
    if last is not None:
        return format_value(fact.type, last), Message("last decided by {policy}", policy=policy.id)
    if fact.name not in record.facts:
        return None, Message("not given")
    value = decode_fact(record.facts[fact.name])
    if fact.previous is not None:
        return value, Message("given by the client: {policy} had decided nothing", policy=policy.id)
    if fact.requirement is not None:
        return value, Message("given by the client, instead of {policy}", policy=fact.requirement.policy)
    if fact.measure is not None:
        return value, Message("given by the client, instead of a benchmark figure")
    return value, Message("given by the client")


def _derived_value(fact: Fact, record: DecisionRecord) -> Any:  # noqa: ANN401  # JSON
    """Return the value that another policy decided for the fact; None if none did."""
    if fact.requirement is None:
        return None
    entry: Mapping[str, Any] = record.outcomes.get(fact.requirement.policy, {})
    outcome = entry.get("outcome")
    if isinstance(outcome, list):
        return sorted({str(each.get(fact.requirement.outcome)) for each in outcome})
    return outcome.get(fact.requirement.outcome) if isinstance(outcome, dict) else None
