"""Tier movements in words: the matrix of a policy's groups on two days, and the changes of each group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from policy_service.decisions.groups.movements import GroupRanks, GroupRates, Movement, Tone, rates
from policy_service.decisions.words.groups import MAX_DRAWN_GROUPS, GroupText, group_text
from policy_service.language.policy import Bilingual, Language, Policy


@dataclass(frozen=True, slots=True)
class MovementSummary:
    """The movements between two days; no matrix if there are more groups than fit in a chart."""

    policy: str
    title: Bilingual
    """The policy's title."""
    since: date
    until: date
    befores: tuple[str, ...]
    """The labels of the rows of the matrix: the groups on the first day, and no group."""
    afters: tuple[str, ...]
    matrix: tuple[tuple[tuple[int, Tone, Movement] | None, ...], ...]
    rates: tuple[tuple[GroupText, GroupRates], ...]

    @property
    def sizes(self) -> tuple[tuple[str, tuple[int, int]], ...]:
        """The subjects of each group on both days."""
        return tuple((text.short_label, (each.before, each.after)) for text, each in self.rates)


def summarize_movements(
    matrix: Sequence[Movement], head: Policy, days: tuple[date, date], lang: Language
) -> MovementSummary:
    """Return the movements of a policy in words; `head` declares its outcomes."""
    ranks = GroupRanks(head)
    befores = [*sorted({each.before for each in matrix if each.before is not None}, key=ranks.sort_key), None]
    afters = sorted({each.after for each in matrix}, key=ranks.sort_key)
    if len(befores) + len(afters) > 2 * MAX_DRAWN_GROUPS:
        befores, afters = [], []
    cells = {(each.before, each.after): (each.subjects, ranks.tone(each.before, each.after), each) for each in matrix}
    return MovementSummary(
        head.id,
        head.title,
        *days,
        befores=tuple(group_text(each, head, lang).short_label for each in befores),
        afters=tuple(group_text(each, head, lang).short_label for each in afters),
        matrix=tuple(tuple(cells.get((before, after)) for after in afters) for before in befores),
        rates=tuple((group_text(each.group, head, lang), each) for each in rates(matrix, head)),
    )
