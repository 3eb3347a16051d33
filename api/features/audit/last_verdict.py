"""The last verdict on the log that this process came to, for anyone who looks at the log."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from policy_service.audit.verdict import LogVerdict


@dataclass(frozen=True, slots=True)
class LastVerdict:
    """A verdict, when it was asked for and by whom."""

    verdict: LogVerdict
    at: datetime
    by: str


class LastVerdictStore:
    """Remembers the last verdict."""

    def __init__(self) -> None:
        self._last: LastVerdict | None = None

    def last(self) -> LastVerdict | None:
        """The last one; None when nobody asked since the process began."""
        return self._last

    def remember(self, verdict: LastVerdict) -> None:
        """Takes the place of the one before."""
        self._last = verdict
