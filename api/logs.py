"""The service's log: one JSON object a line on standard error. Never a fact's value, never a body."""

from __future__ import annotations

import logging
import sys
import traceback

import structlog
from structlog.typing import FilteringBoundLogger


def make_log(level: str) -> FilteringBoundLogger:
    """A log that keeps events of `level` and above."""
    log: FilteringBoundLogger = structlog.wrap_logger(
        structlog.PrintLogger(sys.stderr),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
    )
    return log


def where(error: BaseException) -> list[str]:
    """The way an error took through the code, here or in a worker, without its message, which may hold secrets."""
    if (in_worker := error.__dict__.get("where")) is not None:
        return list(in_worker)
    frames = traceback.extract_tb(error.__traceback__)
    return [f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}" for frame in frames[-10:]]
