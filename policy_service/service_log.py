"""The service's log: one JSON object per line on standard error. It never contains a fact's value or a body.

Writing never blocks: lines that a full pipe does not accept are dropped, and the next line that fits is
`log_lines_dropped` with their number.
"""

from __future__ import annotations

import json
import logging
import os
import select
import sys
import threading

import structlog
from structlog.typing import FilteringBoundLogger


class Lines:
    """Standard error as a stream that never blocks its writer."""

    def __init__(self) -> None:
        self.dropped = 0
        """The number of lines lost since the start."""
        self._untold, self._is_cut = 0, False
        self._lock = threading.Lock()

    def write(self, line: str) -> None:
        """Write a line if there is room, preceded by the number of dropped lines."""
        with self._lock:
            notice = json.dumps({"event": "log_lines_dropped", "count": self._untold, "level": "warning"}) + "\n"
            if self._put(notice + line if self._untold else line):
                self._untold = 0
            else:
                self._untold, self.dropped = self._untold + 1, self.dropped + 1

    def flush(self) -> None:
        """Do nothing: lines are not buffered."""

    def _put(self, text: str) -> bool:
        """Return True if the text was written.

        A write of up to PIPE_BUF bytes does not block if the system reports room.
        """
        if sys.stderr is None or sys.stderr.closed:
            return False
        try:
            descriptor = sys.stderr.fileno()
        except OSError:  # held in memory
            sys.stderr.write(text)
            return True
        content = (self._is_cut * "\n" + text).encode(errors="backslashreplace")
        poll = select.poll()
        poll.register(descriptor, select.POLLOUT)
        for start in range(0, len(content), select.PIPE_BUF):
            if not any(happens & select.POLLOUT for _, happens in poll.poll(0)):
                self._is_cut = self._is_cut or start > 0
                return False
            try:
                os.write(descriptor, content[start : start + select.PIPE_BUF])
            except OSError:  # no reader, or the disk is full
                return False
        self._is_cut = False
        return True


LINES = Lines()
"""The stream of this process."""


def make_log(level: str) -> FilteringBoundLogger:
    """Return a log for events of `level` and above."""
    log: FilteringBoundLogger = structlog.wrap_logger(
        structlog.WriteLogger(LINES),  # type: ignore[arg-type]  # it is asked for nothing else than that
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
    )
    return log
