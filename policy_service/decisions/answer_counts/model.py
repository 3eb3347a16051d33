"""Counts answers, as decision records have them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from policy_service.decisions.groups.model import AssignmentReader, Group

ALL_RULES = ""
"""Matches any rule, or none."""


class AnswerKey(NamedTuple):
    """The key of a count: the decisions in which a policy gave an answer by one rule, or by `ALL_RULES`."""

    policy: str
    group: Group
    rule: str


def count_answers(reader: AssignmentReader, outcomes: Mapping[str, Mapping[str, Any]]) -> Iterable[AnswerKey]:
    """Yield the counts that one record increments. The reader must know the versions that it names."""
    for policy, entry in outcomes.items():
        group = reader.read(entry).group
        for rule in (ALL_RULES, *dict.fromkeys(entry.get("rules", ()))):
            yield AnswerKey(policy, group, rule)


Counts = Counter[AnswerKey]
