"""A job: who started it with which parameters, how far it is, and what came of it."""

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
"""An identifier; it is also the name of a file."""
HUNDRED = 100


class JobState(StrEnum):
    """The state of a job; all but `running` are final."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"
    """The process that ran it has ended."""


@dataclass(frozen=True, slots=True)
class JobProblem:
    """The failure of a job: the name of a problem type, and its detail."""

    type: str
    detail: str


@dataclass(frozen=True, slots=True)
class Job:
    """One job."""

    id: str
    kind: str
    account: str
    """The account or API key that started it; no other one finds it."""
    requested_by: str
    """The printed name of the account."""
    parameters: Mapping[str, Any]
    """The form it was started with, as JSON."""
    state: JobState
    started_at: datetime
    ended_at: datetime | None = None
    completed: int = 0
    total: int | None = None
    """How much there is to do; None while that is not known."""
    result_json: str | None = None
    """The result of a job that is done, as it was encoded."""
    file_name: str | None = None
    file_size: int | None = None
    """Bytes of the file; None while it is being written."""
    problem: JobProblem | None = None
    mac: str | None = None

    @property
    def percent(self) -> int:
        """The percentage that is done."""
        return min(HUNDRED, self.completed * HUNDRED // self.total) if self.total else 0

    def duration(self, now: datetime) -> timedelta:
        """Return how long it took, or has taken until now."""
        return (self.ended_at or now) - self.started_at

    @property
    def result(self) -> Any:  # noqa: ANN401  # of its kind
        """The result, as JSON with messages. Raises DamagedRecord."""
        with reading_row("job", self.id):
            return None if self.result_json is None else decode_json(self.result_json)

    def outcome(self) -> bytes:
        """Return what the MAC of a job that is done is made of."""
        ended = timestamp(self.ended_at) if self.ended_at else None
        asked = (self.id, self.kind, self.account, self.requested_by, encode_json(self.parameters))
        times = (timestamp(self.started_at), ended)
        return to_canonical_json_unchecked([*asked, *times, self.result_json, self.file_name, self.file_size])
