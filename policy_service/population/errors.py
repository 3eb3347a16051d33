"""Exceptions of populations and runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from policy_service.errors import PolicyServiceError


class PopulationRejected(Exception):
    """A population, mapping or run is rejected as a whole: `problems` has every reason."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class RunFailed(Exception):
    """A run failed because an answer differed from the reference evaluator's, or an engine could not compute one."""


class RunRefused(PolicyServiceError):
    """Work over the decision records is refused, or failed; the message says why."""

    kind = "request-refused"


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """A row that is not decided, or a missing fact in a row: its position and the reason."""

    row: int
    line: int | None
    subject: str
    reason: str
