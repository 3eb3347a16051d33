"""The result of a replay in words: the same, another answer, or why the decision cannot be replayed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from policy_service.decisions.record_versions import Versions
from policy_service.decisions.replay import ReplayVerdict, ReplayVerdictName
from policy_service.decisions.words.answers import STATUS_NAMES, FieldText, outcome_texts
from policy_service.language.policy import Bilingual, Language, Policy
from policy_service.messages import Message


@dataclass(frozen=True, slots=True)
class AnswerSummary:
    """An answer, reduced to what a reader compares."""

    status_name: Message
    outcomes: tuple[tuple[FieldText, ...], ...]
    rules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AnswerDifference:
    """One policy with a different answer; None where there is no answer."""

    policy: str
    title: Bilingual
    recorded: AnswerSummary | None
    replayed: AnswerSummary | None


@dataclass(frozen=True, slots=True)
class ReplayView:
    """The verdict in words."""

    verdict: ReplayVerdictName
    reason: str | None
    differences: tuple[AnswerDifference, ...]


def replay_view(verdict: ReplayVerdict, versions: Versions, lang: Language) -> ReplayView:
    """Return a verdict in words."""
    return ReplayView(
        verdict.verdict,
        verdict.reason,
        tuple(
            AnswerDifference(
                each.policy,
                _title(each.policy, versions),
                _summary(each.recorded, versions.get(each.policy), lang),
                _summary(each.replayed, versions.get(each.policy), lang),
            )
            for each in verdict.differences
        ),
    )


def _title(policy: str, versions: Versions) -> Bilingual:
    return versions[policy].title if policy in versions else Bilingual(policy, policy)


def _summary(entry: Mapping[str, Any] | None, policy: Policy | None, lang: Language) -> AnswerSummary | None:
    if entry is None:
        return None
    status_name = STATUS_NAMES.get(str(entry.get("status")), Message("unknown"))
    outcomes = outcome_texts(entry["outcome"], policy, lang) if "outcome" in entry else ()
    return AnswerSummary(status_name, outcomes, tuple(map(str, entry.get("rules", ()))))
