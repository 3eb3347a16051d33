"""What a replay found, in words: the same, another answer, or why the decision cannot be made again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from api.pages.decisions.words import STATUSES, Said, Versions, outcome_words
from policy_service.decisions.replay import Verdict, VerdictName
from policy_service.language.policy import Bilingual, Language, Policy
from policy_service.sentences import Sentence


@dataclass(frozen=True, slots=True)
class Short:
    """An answer, as far as it is compared by a reader."""

    told: Sentence
    outcomes: tuple[tuple[Said, ...], ...]
    rules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Differing:
    """One policy that answers otherwise; None where there is no answer."""

    policy: str
    title: Bilingual
    recorded: Short | None
    replayed: Short | None


@dataclass(frozen=True, slots=True)
class Replayed:
    """The verdict."""

    verdict: VerdictName
    why: str | None
    differences: tuple[Differing, ...]


def replayed(verdict: Verdict, versions: Versions, lang: Language) -> Replayed:
    """A verdict in words."""
    return Replayed(
        verdict.verdict,
        verdict.why,
        tuple(
            Differing(
                each.policy,
                _title(each.policy, versions),
                _short(each.recorded, versions.get(each.policy), lang),
                _short(each.replayed, versions.get(each.policy), lang),
            )
            for each in verdict.differences
        ),
    )


def _title(policy: str, versions: Versions) -> Bilingual:
    return versions[policy].title if policy in versions else Bilingual(policy, policy)


def _short(entry: Mapping[str, Any] | None, policy: Policy | None, lang: Language) -> Short | None:
    if entry is None:
        return None
    told = STATUSES.get(str(entry.get("status")), Sentence("unknown"))
    outcomes = outcome_words(entry["outcome"], policy, lang) if "outcome" in entry else ()
    return Short(told, outcomes, tuple(map(str, entry.get("rules", ()))))
