"""The facts of a decision in words, and where each came from; what is sensitive is told to be there, and no more."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from api.pages.decisions.words import Versions, in_words
from policy_service.decisions.masking import sensitive_facts
from policy_service.decisions.record import Record, given
from policy_service.language.policy import Bilingual, Fact, Language
from policy_service.sentences import Sentence

How = Literal["told", "masked", "erased", "missing"]


@dataclass(frozen=True, slots=True)
class FactSaid:
    """One fact."""

    name: str
    title: Bilingual
    how: How
    value: str | None
    """In words; None when it is masked, erased or not given."""
    origin: Sentence


def fact_words(record: Record, versions: Versions, erased: Collection[str], lang: Language) -> tuple[FactSaid, ...]:
    """Every fact that the policies read, those given first, in the order of the policies."""
    declared: dict[str, Fact] = {}
    for policy in versions.values():
        for name, fact in policy.facts.items():
            declared.setdefault(name, fact)
    sensitive = sensitive_facts(versions.values())
    found = [_said(fact, record, sensitive, erased, lang) for fact in declared.values()]
    unknown = [
        FactSaid(name, Bilingual(name, name), "masked", None, Sentence("given by the caller"))
        for name in record.facts
        if name not in declared  # nobody can tell whether it is sensitive
    ]
    order = {"told": 0, "masked": 0, "erased": 0, "missing": 1}
    return tuple(sorted([*found, *unknown], key=lambda fact: order[fact.how]))


def _said(fact: Fact, record: Record, sensitive: Collection[str], erased: Collection[str], lang: Language) -> FactSaid:
    raw, origin = _raw(fact, record)
    if fact.name in erased:
        return FactSaid(fact.name, fact.title, "erased", None, origin)
    if raw is None:
        return FactSaid(fact.name, fact.title, "missing", None, origin)
    if fact.name in sensitive or isinstance(raw, dict):
        return FactSaid(fact.name, fact.title, "masked", None, origin)
    return FactSaid(fact.name, fact.title, "told", in_words(fact, raw, lang), origin)


def _raw(fact: Fact, record: Record) -> tuple[Any, Sentence]:
    """The value that was decided by, as JSON, and where it came from."""
    decided = _decided(fact, record)
    if decided is not None and fact.requirement is not None:
        return decided, Sentence("decided by {policy}", policy=fact.requirement.policy)
    if fact.name not in record.facts:
        return None, Sentence("not given")
    value = given(record.facts[fact.name])
    if fact.requirement is not None:
        return value, Sentence("given by the caller, in place of {policy}", policy=fact.requirement.policy)
    if fact.measure is not None:
        return value, Sentence("given by the caller, in place of a benchmark figure")
    return value, Sentence("given by the caller")


def _decided(fact: Fact, record: Record) -> Any:  # noqa: ANN401  # JSON
    """What another policy decided for the fact; None when none did."""
    if fact.requirement is None:
        return None
    entry: Mapping[str, Any] = record.outcomes.get(fact.requirement.policy, {})
    outcome = entry.get("outcome")
    if isinstance(outcome, list):
        return sorted({str(each.get(fact.requirement.outcome)) for each in outcome})
    return outcome.get(fact.requirement.outcome) if isinstance(outcome, dict) else None
