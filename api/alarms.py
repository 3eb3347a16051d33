"""The alarms that the service raised since it began: they are logged, and the newest are kept for those who look."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from typing import Literal

from policy_service.clock import Clock

KEPT = 20
"""Alarms that are kept; all are counted, and logged."""
Kind = Literal["engine", "sealing"]


@dataclass(frozen=True, slots=True)
class Raised:
    """One alarm: the engine failed or differed, or records were not sealed."""

    at: datetime
    kind: Kind
    about: str
    """The policy and its version; empty where it is about none."""
    reason: str


class Alarms:
    """What was raised, by whichever thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = Lock()
        self._newest: deque[Raised] = deque(maxlen=KEPT)
        self.since = clock.now()
        """When the service began."""
        self.count = 0

    def add(self, kind: Kind, about: str, reason: str) -> None:
        """Keeps an alarm."""
        raised = Raised(self._clock.now(), kind, about, reason)
        with self._lock:
            self._newest.appendleft(raised)
            self.count += 1

    @property
    def newest(self) -> tuple[Raised, ...]:
        """The alarms that are kept, the newest first."""
        with self._lock:
            return tuple(self._newest)
