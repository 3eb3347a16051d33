"""Takes the threads of one process in the order they came.

SQLite has one writer at a time, and anyone who waits for it asks again every tenth of a second. One that writes without
pause would be let in again and again before the others ask: so the threads of a process stand in a line.
"""

from __future__ import annotations

import threading
from collections import deque
from types import TracebackType

from policy_service.database.outages import DatabaseUnavailable


class FairLock:
    """A lock that is handed over to the one who has waited longest."""

    def __init__(self, seconds: float) -> None:
        """`seconds` is how long anyone waits."""
        self._seconds = seconds
        self._lock = threading.Lock()
        self._is_taken = False
        self._queue: deque[threading.Event] = deque()

    def __enter__(self) -> None:
        """Raises DatabaseUnavailable when it takes too long."""
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
        """Go without having had a turn."""
        with self._lock:
            if turn.is_set():  # it came in this very moment, and is the next one's
                self._hand_over()
            else:
                self._queue.remove(turn)

    def _hand_over(self) -> None:
        if self._queue:
            self._queue.popleft().set()
        else:
            self._is_taken = False
