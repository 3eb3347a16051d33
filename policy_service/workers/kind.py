"""Kinds of work in separate processes, and the messages when work is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from policy_service.errors import ErrorKind, PolicyServiceError
from policy_service.messages import Message


class WorkRefused(PolicyServiceError):
    """The work is not done now: too much is waiting, or it exceeded a limit. Retry after `seconds`."""

    kind: ClassVar[ErrorKind] = "busy"

    def __init__(self, reason: Message, seconds: float) -> None:
        super().__init__(reason)
        self.seconds = seconds

    def retry_after(self, now: datetime) -> int | None:  # noqa: ARG002  # it takes as long at any time
        """Return the seconds after which a retry may succeed."""
        return round(self.seconds)


class WorkAbandoned(WorkRefused):
    """The work exceeded a limit, and would do so again."""

    kind = "check-abandoned"

    def retry_after(self, now: datetime) -> int | None:  # noqa: ARG002  # never
        """Return None: a retry would not succeed."""
        return None


def command_line_message(seconds: float) -> Message:
    """Return the message that names the command-line alternative for work beyond the limits."""
    return Message(
        "it takes more than {seconds} s or exceeds the memory limit: use the command line", seconds=f"{seconds:g}"
    )


@dataclass(frozen=True, slots=True)
class WorkKind:
    """One kind of work, with its limits and messages."""

    max_waiting: int
    """Maximum length of the queue while all workers are busy."""
    busy_message: Callable[[int], Message]
    """The message when the queue is full."""
    too_long_message: Callable[[float], Message] = command_line_message
    """The message when work exceeds its time limit."""
    too_large_message: Callable[[float], Message] = command_line_message
    """The message when work exceeds its memory limit."""
    processes: int = 1
    """Maximum number of concurrent workers."""
    limit_error: type[WorkRefused] = WorkAbandoned
    """The exception for work that exceeds a limit; WorkRefused if a later retry may succeed."""
    seconds: float | None = None
    """Time limit; None for the one in the settings."""
    min_idle: int = 0
    """The number of idle workers that are not ended."""
    niceness: int = 10
    """How much a worker gives way to others, as `nice` counts; people wait for pages, so they give way less."""
