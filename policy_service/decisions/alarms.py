"""The alarms that the service raised since it began: they are logged, and the newest are kept for those who look."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from typing import Literal

from policy_service.clock import Clock

MAX_ALARMS = 20
"""Alarms that are kept; all are counted, and logged."""
AlarmKind = Literal["engine", "sealing"]


@dataclass(frozen=True, slots=True)
class AlarmRecord:
    """One alarm: the engine failed or differed, or records were not sealed."""

    raised_at: datetime
    kind: AlarmKind
    policy: str
    """The policy and its version; empty where it is about none."""
    reason: str


class Alarms:
    """The alarms raised, by whichever thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = Lock()
        self._newest: deque[AlarmRecord] = deque(maxlen=MAX_ALARMS)
        self.started_at = clock.now()
        """When the service began."""
        self.count = 0

    def add(self, kind: AlarmKind, policy: str, reason: str) -> None:
        """Keep an alarm."""
        alarm = AlarmRecord(self._clock.now(), kind, policy, reason)
        with self._lock:
            self._newest.appendleft(alarm)
            self.count += 1

    @property
    def newest(self) -> tuple[AlarmRecord, ...]:
        """The alarms that are kept, the newest first."""
        with self._lock:
            return tuple(self._newest)
