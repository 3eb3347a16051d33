"""Alarms raised since the service started: each is logged, and the newest are held in memory for display."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from typing import Literal

from policy_service.clock import Clock

MAX_ALARMS = 20
"""Alarms held in memory. All are counted and logged."""
AlarmKind = Literal["engine", "sealing"]


@dataclass(frozen=True, slots=True)
class AlarmRecord:
    """One alarm: the engine failed or differed, or records were not sealed."""

    raised_at: datetime
    kind: AlarmKind
    policy: str
    """The policy and its version; empty if the alarm concerns none."""
    reason: str


class Alarms:
    """A thread-safe list of the alarms raised."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = Lock()
        self._newest: deque[AlarmRecord] = deque(maxlen=MAX_ALARMS)
        self.started_at = clock.now()
        """When the service started."""
        self.count = 0

    def add(self, kind: AlarmKind, policy: str, reason: str) -> None:
        """Log an alarm and add it to the list."""
        alarm = AlarmRecord(self._clock.now(), kind, policy, reason)
        with self._lock:
            self._newest.appendleft(alarm)
            self.count += 1

    @property
    def newest(self) -> tuple[AlarmRecord, ...]:
        """Return the alarms in memory, newest first."""
        with self._lock:
            return tuple(self._newest)
