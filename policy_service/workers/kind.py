"""Kinds of work that is done in processes of its own, and what is said when it is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from policy_service.errors import ErrorKind, PolicyServiceError
from policy_service.messages import Message


class WorkRefused(PolicyServiceError):
    """Work is not done now: too much waits already, or it took more than is given. `seconds` later it may be."""

    kind: ClassVar[ErrorKind] = "busy"

    def __init__(self, reason: Message, seconds: float) -> None:
        super().__init__(reason)
        self.seconds = seconds

    def retry_after(self, now: datetime) -> int | None:  # noqa: ARG002  # it takes as long at any time
        """Return the seconds after which the same may succeed."""
        return round(self.seconds)


class WorkAbandoned(WorkRefused):
    """Work takes more than is given, and would do so again."""

    kind = "check-abandoned"

    def retry_after(self, now: datetime) -> int | None:  # noqa: ARG002  # never
        """Return None: waiting changes nothing."""
        return None


@dataclass(frozen=True, slots=True)
class WorkKind:
    """One kind of work, and its refusals."""

    processes: int
    """Workers at a time."""
    max_waiting: int
    """Pieces that may wait while all workers are busy."""
    busy_message: Callable[[int], Message]
    """That so many wait already."""
    too_long_message: Callable[[float], Message]
    """That a piece takes more than so many seconds."""
    too_large_message: Callable[[float], Message]
    """That it takes more memory than is given."""
    limit_error: type[WorkRefused] = WorkAbandoned
    """What it is to take too much; WorkRefused where the same may succeed later."""
    seconds: float | None = None
    """How long a piece may take; None as the settings say."""
    min_idle: int = 0
    """Workers that are kept though they have nothing to do."""
    niceness: int = 10
    """How much a worker gives way to others, as `nice` counts; people wait for pages, so they give way less."""
