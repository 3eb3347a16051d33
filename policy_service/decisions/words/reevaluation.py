"""Runs a re-evaluation with a report: the counts, the first undecided subjects and why, and a file of all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from policy_service.actor import Actor
from policy_service.decisions.reevaluation import (
    HEADINGS,
    Reason,
    Reevaluation,
    Reevaluator,
    Undecided,
    reevaluate,
)
from policy_service.errors import PolicyServiceError
from policy_service.language.policy import Bilingual, Policy
from policy_service.messages import Message
from policy_service.spreadsheet import csv_file

MAX_ROWS = 200
"""Maximum number of undecided subjects in a report; the file has all."""
REASONS: Mapping[str, Message] = {
    Reason.ERASED: Message("erased"),
    Reason.ARCHIVED: Message("facts in an archive"),
    Reason.TOO_OLD: Message("facts too old"),
    Reason.MISSING_FACTS: Message("missing facts"),
    Reason.REJECTED: Message("values no longer accepted"),
    Reason.SUSPENDED: Message("policy suspended"),
}
"""The texts of the reasons."""


class DayToCome(PolicyServiceError):
    """The day is in the future: nothing is decided for it."""

    kind = "request-refused"


@dataclass(frozen=True, slots=True)
class UndecidedRow:
    """An undecided subject, in words."""

    subject: str
    kind: str
    policy: Bilingual
    reason: str
    facts: tuple[Bilingual, ...]
    told_on: str | None

    @property
    def reason_label(self) -> Message:
        """Return the reason in words."""
        return REASONS[self.reason]


@dataclass(frozen=True, slots=True)
class ReevaluationResult:
    """The result of a re-evaluation."""

    policy: Bilingual
    as_of: str
    decided: int
    current: int
    undecided: Mapping[str, int]
    rows: tuple[UndecidedRow, ...]

    @property
    def reasons(self) -> tuple[tuple[Message, int], ...]:
        """The count of subjects not decided, by reason."""
        return tuple((REASONS[reason], count) for reason, count in self.undecided.items())

    @property
    def undecided_count(self) -> int:
        """The count of subjects not decided."""
        return sum(self.undecided.values())

    def to_dict(self) -> dict[str, Any]:
        """Return the counts as JSON; the file has the rest."""
        return {
            "as_of": self.as_of,
            "decided": self.decided,
            "current": self.current,
            "undecided": dict(self.undecided),
        }


def reevaluate_into(  # noqa: PLR0913  # with what, for whom, what, and who is told
    path: Path,
    reevaluator: Reevaluator,
    actor: Actor,
    scope: Reevaluation,
    today: date,
    *,
    on_progress: Callable[[int, int], object],
    is_cancelled: Callable[[], bool],
) -> ReevaluationResult:
    """Decide again, and write undecided subjects to a file. Raises what `reevaluate` does, and DayToCome."""
    if scope.as_of > today:
        raise DayToCome(Message("The decision day {day} is in the future.", day=scope.as_of.isoformat()))
    policies, rows = reevaluator.service.in_force.decider.policies, list[UndecidedRow]()
    with csv_file(path) as write:
        write(HEADINGS)

        def take(each: Undecided) -> None:
            write(each.cells())
            if len(rows) < MAX_ROWS:
                rows.append(_row(each, policies))

        counts = reevaluate(
            reevaluator, actor, scope, on_undecided=take, on_progress=on_progress, is_cancelled=is_cancelled
        )
    title, as_of = policies[scope.policy].title, scope.as_of.isoformat()
    return ReevaluationResult(title, as_of, counts.decided, counts.current, counts.undecided, tuple(rows))


def _row(each: Undecided, policies: Mapping[str, Policy]) -> UndecidedRow:
    told_on = each.told_on.isoformat() if each.told_on else None
    titles = {name: fact.title for policy in policies.values() for name, fact in policy.facts.items()}
    facts = tuple(titles.get(name) or Bilingual(name, name) for name in each.facts)
    return UndecidedRow(each.subject, each.kind, policies[each.policy].title, each.reason.value, facts, told_on)
