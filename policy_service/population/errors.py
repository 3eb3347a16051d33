"""Why a population is not read, or a run does not go on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from policy_service.errors import PolicyServiceError


class PopulationRejected(Exception):
    """A population, a mapping or a run is refused as a whole: `problems` has every reason."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class RunFailed(Exception):
    """A run ended because an answer was not the definition's, or an engine could not compute one."""


class RunRefused(PolicyServiceError):
    """Work over the decision records is refused, or failed, as a whole; the message says why."""

    kind = "request-refused"


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """A row that is not decided, or a fact that is missing in one: where, and why."""

    row: int
    line: int | None
    subject: str
    reason: str
