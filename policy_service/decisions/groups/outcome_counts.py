"""Counts customers by outcome, for the policies whose outcome is a single choice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from sqlmodel import Session

from policy_service.decisions.groups.model import Group
from policy_service.decisions.groups.movements import grouped_heads
from policy_service.decisions.groups.queries import group_sizes
from policy_service.decisions.words.answers import STATUS_NAMES
from policy_service.language.policy import Bilingual, Policy
from policy_service.language.previous import countable_outcomes
from policy_service.language.types import ChoiceType
from policy_service.messages import Message
from policy_service.registry.catalogue import Catalogue
from policy_service.subject import CUSTOMER

MAX_POLICIES = 2
"""Policies whose outcomes the home page counts."""


@dataclass(frozen=True, slots=True)
class OutcomeCount:
    """One outcome, and its number of subjects."""

    title: Bilingual | Message
    group: str
    """The group's name."""
    subjects: int


@dataclass(frozen=True, slots=True)
class PolicyCounts:
    """The outcome counts of a policy, best first where the outcomes are ordered."""

    policy: str
    title: Bilingual
    outcomes: tuple[OutcomeCount, ...]


def read_group_counts(session: Session, catalogue: Catalogue, now: datetime) -> tuple[PolicyCounts, ...]:
    """Return the counts of the policies with decisions about customers, tiering policies first."""
    heads = {
        name: head
        for name, head in grouped_heads(session, catalogue, now).items()
        if head.subject == CUSTOMER and _choice_of(head) is not None
    }
    heads = dict(islice(heads.items(), MAX_POLICIES))
    sizes: dict[str, Counter[Group]] = {name: Counter() for name in heads}
    for size in group_sizes(session, heads):
        sizes[size.policy][size.group] += size.subjects
    return tuple(PolicyCounts(name, head.title, _outcomes(head, sizes[name])) for name, head in heads.items())


def _choice_of(head: Policy) -> ChoiceType | None:
    """Return the choice that is the only outcome of a policy; None if it has other outcomes."""
    names = countable_outcomes(head.outcomes, is_list=head.returns_list)
    kind = head.outcomes[names[0]].type if len(names) == len(head.outcomes) == 1 else None
    return kind if isinstance(kind, ChoiceType) else None


def _outcomes(head: Policy, sizes: Mapping[Group, int]) -> tuple[OutcomeCount, ...]:
    (name, outcome), choice = next(iter(head.outcomes.items())), _choice_of(head)
    order = list(choice.of) if choice else []

    def place(group: Group) -> tuple[int, str]:
        value = group.values.get(name)
        return (order.index(value) if value in order else len(order), group.name)

    return tuple(
        OutcomeCount(
            outcome.words.get(group.values[name], Bilingual(group.values[name], group.values[name]))
            if group.values
            else STATUS_NAMES[group.status],
            group.name,
            sizes[group],
        )
        for group in sorted(sizes, key=place)
    )
