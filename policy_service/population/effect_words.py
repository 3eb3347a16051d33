"""Parts of an effect in words: the values of outcomes and facts, and the work of roles."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

from policy_service.approval.capacity import ANSWER_WITHIN, MODE, OWNER, asks_for_contacts, sets_service_level
from policy_service.compilers.prose import value_in_words
from policy_service.decisions.groups.movements import Tone
from policy_service.decisions.words.answers import STATUS_NAMES
from policy_service.language.policy import Fact, Language, Outcome, Policy
from policy_service.language.types import (
    BooleanType,
    ChoiceType,
    DateType,
    DurationType,
    NumberType,
    ValueRejected,
    parse_value,
)
from policy_service.messages import Message
from policy_service.population.actual_effect import NEW

OTHER_WORDS: Mapping[str, Message] = {
    "(not_in_force)": Message("not in force"),
    "(none)": Message("no such outcome"),
    "(missing)": Message("not given"),
    NEW: Message("not decided before"),
    **{f"({status})": name for status, name in STATUS_NAMES.items()},
}
"""The texts of statuses shown instead of an outcome or fact."""


@dataclass(frozen=True, slots=True)
class RoleLoad:
    """The monthly contacts or requests of a role, before and after, rounded to one decimal; and its capacity."""

    role: str
    answer_within: str
    """The service level of these requests; empty for contacts, and for requests of all levels."""
    before: Decimal
    after: Decimal
    difference: Decimal
    capacity: Decimal | None
    share: Decimal | None
    """The share of the capacity used after the change."""

    @property
    def is_too_large(self) -> bool:
        """True if it exceeds the role's capacity."""
        return self.share is not None and self.share > 1


def word_text(word: str, of: Fact | Outcome | None, lang: Language) -> str:
    """Return a value of an outcome or fact in words: a message, or text in the reader's language."""
    if word in OTHER_WORDS:
        return OTHER_WORDS[word]
    if of and isinstance(of.type, BooleanType) and word in {"true", "false"}:
        return value_in_words(of.type, word == "true", lang)
    if of and isinstance(of.type, NumberType | DateType | DurationType):
        with suppress(ValueRejected):  # the version before may allow more
            return value_in_words(of.type, parse_value(of.type, word), lang)
    title = of.words.get(word) if of else None
    return getattr(title, lang) if title else word


def role_load(row: Mapping[str, Any], versions: Mapping[str, Policy], lang: Language) -> RoleLoad:
    """Return the work of a role in words."""
    name, counts = (MODE, sets_service_level) if ANSWER_WITHIN in row else (OWNER, asks_for_contacts)
    policies = [policy for policy in versions.values() if counts(policy)]
    owner = next((policy.outcomes[name] for policy in policies if row["role"] in policy.outcomes[name].words), None)
    within = row.get(ANSWER_WITHIN)
    before, after, difference, capacity = (
        None if row[name] is None else Decimal(round(Fraction(row[name]) * 10)).scaleb(-1)
        for name in ("before", "after", "difference", "capacity")
    )
    share = row["capacity_share"]
    return RoleLoad(
        word_text(row["role"], owner, lang),
        word_text(within, policies[0].outcomes[ANSWER_WITHIN], lang) if within and policies else "",
        before or Decimal(0),
        after or Decimal(0),
        difference or Decimal(0),
        capacity,
        None if share is None else Decimal(share),
    )


def movement_tone(outcome: Outcome | None, before: str, after: str) -> Tone:
    """Return whether a movement between two values is good or bad for the subject."""
    if before == after:
        return "same"
    kind = outcome.type if outcome else None
    if not isinstance(kind, ChoiceType) or kind.ordered is None or not {before, after} <= set(kind.of):
        return "other"
    rises = kind.of.index(after) < kind.of.index(before)
    return "better" if rises is (kind.ordered == "best-first") else "worse"
