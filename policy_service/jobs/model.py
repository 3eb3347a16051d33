"""A job: its starter and parameters, progress, and result."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from policy_service.canonical import to_canonical_json_unchecked
from policy_service.clock import timestamp
from policy_service.integrity import reading_row
from policy_service.jobs.encoding import decode_json, encode_json

ID = re.compile(r"[0-9a-f-]{36}")
"""The pattern of identifiers, which are also file names."""
HUNDRED = 100


class JobState(StrEnum):
    """The state of a job; all but `running` are final."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"
    """The process that ran it ended."""


@dataclass(frozen=True, slots=True)
class JobProblem:
    """The error of a job: the name of a problem type, and its detail."""

    type: str
    detail: str


@dataclass(frozen=True, slots=True)
class Job:
    """One job."""

    id: str
    kind: str
    account: str
    """The account or API key that started it; others cannot see it unless the kind is shared."""
    requested_by: str
    """The printed name of the account."""
    parameters: Mapping[str, Any]
    """The submitted form, as JSON."""
    state: JobState
    started_at: datetime
    ended_at: datetime | None = None
    completed: int = 0
    total: int | None = None
    """The total amount of work; None while unknown."""
    result_json: str | None = None
    """The encoded result of a finished job."""
    file_name: str | None = None
    file_size: int | None = None
    """The size of the file, bytes; None while it is being written."""
    problem: JobProblem | None = None
    mac: str | None = None

    @property
    def percent(self) -> int:
        """The progress in per cent."""
        return min(HUNDRED, self.completed * HUNDRED // self.total) if self.total else 0

    def duration(self, now: datetime) -> timedelta:
        """Return how long it took, or has been running."""
        return (self.ended_at or now) - self.started_at

    @property
    def result(self) -> Any:  # noqa: ANN401  # of its kind
        """The result, as JSON with messages. Raises DamagedRecord."""
        with reading_row("job", self.id):
            return None if self.result_json is None else decode_json(self.result_json)

    def outcome(self) -> bytes:
        """Return the bytes of a finished job that its MAC covers."""
        ended = timestamp(self.ended_at) if self.ended_at else None
        asked = (self.id, self.kind, self.account, self.requested_by, encode_json(self.parameters))
        times = (timestamp(self.started_at), ended)
        return to_canonical_json_unchecked([*asked, *times, self.result_json, self.file_name, self.file_size])
