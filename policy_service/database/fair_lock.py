"""A lock that the threads of a process get in the order they asked.

SQLite allows one writer at a time, and a waiting one retries every tenth of a second. A thread that writes without
pause would win every time, so the threads of a process queue instead.
"""

from __future__ import annotations

import threading
from collections import deque
from types import TracebackType

from policy_service.database.outages import DatabaseUnavailable


class FairLock:
    """A lock that goes to the thread that has waited longest."""

    def __init__(self, seconds: float) -> None:
        """`seconds` is the time-out."""
        self._seconds = seconds
        self._lock = threading.Lock()
        self._is_taken = False
        self._queue: deque[threading.Event] = deque()

    def __enter__(self) -> None:
        """Raises DatabaseUnavailable on time-out."""
        with self._lock:
            if not self._is_taken:
                self._is_taken = True
                return
            event = threading.Event()
            self._queue.append(event)
        try:
            is_mine = event.wait(self._seconds)
        except BaseException:
            self._leave(event)
            raise
        if not is_mine:
            self._leave(event)
            raise DatabaseUnavailable("busy")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._hand_over()

    def _leave(self, turn: threading.Event) -> None:
        """Leave the queue without the lock."""
        with self._lock:
            if turn.is_set():  # the lock arrived at this moment: pass it on
                self._hand_over()
            else:
                self._queue.remove(turn)

    def _hand_over(self) -> None:
        if self._queue:
            self._queue.popleft().set()
        else:
            self._is_taken = False
