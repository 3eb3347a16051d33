"""Groups in words, and the sizes of a policy's groups: on a day, and at the end of each month of a year."""

from __future__ import annotations

from calendar import monthrange
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlmodel import Session

from policy_service.decisions.groups.model import Group
from policy_service.decisions.groups.movements import GroupRanks
from policy_service.decisions.groups.queries import group_sizes, group_sizes_by_day
from policy_service.decisions.words.answers import STATUS_NAMES, FieldText, outcome_cell, outcome_texts
from policy_service.language.policy import Bilingual, Language, Policy
from policy_service.messages import Message

NO_GROUP = Message("not decided before")
MAX_DRAWN_GROUPS = 24
"""Maximum number of groups in a chart; a policy that gives amounts has more."""
MONTHS = 12


@dataclass(frozen=True, slots=True)
class GroupText:
    """A group in words: its values with their titles, or its status."""

    name: str
    texts: tuple[tuple[FieldText, ...], ...]
    status: Message

    def label(self, lang: Language) -> str:
        """Return the group as one text."""
        return ("；" if lang == "zh" else "; ").join(outcome_cell(self.texts, lang)) or self.status

    @property
    def short_label(self) -> str:
        """Return the values alone, or the status."""
        values = [field.value or "" for entry in self.texts for field in entry]
        return ", ".join(values) if values else self.status

    def cell(self, lang: Language) -> object:
        """Return its text in an export."""
        return outcome_cell(self.texts, lang) if self.texts else self.status


@dataclass(frozen=True, slots=True)
class GroupHistory:
    """The subjects of a policy's groups by their short labels, the best group first."""

    title: Bilingual
    """The policy's title."""
    sizes: tuple[tuple[str, tuple[int]], ...]
    months: tuple[str, ...]
    by_month: tuple[tuple[str, tuple[int, ...]], ...]
    """The sizes at the end of each month, and on the day itself."""


def group_text(group: Group | None, head: Policy, lang: Language) -> GroupText:
    """Return a group in the words of a version; for None, the text for no group."""
    if group is None:
        return GroupText("none", (), NO_GROUP)
    texts = outcome_texts(group.values, head, lang) if group.values else ()
    return GroupText(group.name, texts, STATUS_NAMES[group.status])


def read_group_history(
    session: Session, head: Policy, day: date | None, today: date, lang: Language
) -> GroupHistory | None:
    """Return the sizes of a policy's groups on a day, or by the newest decisions.

    None if there are no groups, or too many.
    """
    sizes: Counter[Group] = Counter()
    for each in group_sizes(session, [head.id], day):
        sizes[each.group] += each.subjects
    if not sizes or len(sizes) > MAX_DRAWN_GROUPS:
        return None
    rank, days = GroupRanks(head).sort_key, _month_ends(day or today)
    by_day = group_sizes_by_day(session, head.id, days)
    groups = sorted({group for each in by_day for group in each}, key=rank)
    return GroupHistory(
        title=head.title,
        sizes=tuple((group_text(each, head, lang).short_label, (sizes[each],)) for each in sorted(sizes, key=rank)),
        months=tuple(f"{each:%Y-%m}" for each in days),
        by_month=tuple(
            (group_text(group, head, lang).short_label, tuple(each[group] for each in by_day)) for group in groups
        ),
    )


def _month_ends(until: date) -> Sequence[date]:
    """Return the last days of the preceding months, and the day itself, one year in all."""
    last = until.year * MONTHS + until.month - 1
    firsts = (divmod(number, MONTHS) for number in range(last - MONTHS + 1, last))
    return [*(date(year, month + 1, monthrange(year, month + 1)[1]) for year, month in firsts), until]
