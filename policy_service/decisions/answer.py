"""What a decision is told as: the one shape of answers, over HTTP and on the command line."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Protocol

from policy_service.clock import Clock, timestamp


class Told(Protocol):
    """What of a decision is told."""

    @property
    def as_of(self) -> date:
        """The day it was made for."""

    @property
    def trace(self) -> Mapping[str, object] | None:
        """Why rules did not match, when that was asked for."""

    def to_dict(self) -> dict[str, object]:
        """Each policy's answer, by its name."""


def answer(decision: Told, subject: str | None, clock: Clock) -> dict[str, object]:
    """The decision as JSON, with an identifier of its own; `trace` only when it was asked for."""
    told: dict[str, object] = {
        "decision_id": str(clock.new_id()),
        "subject": subject,
        "as_of": decision.as_of.isoformat(),
        "decided_at": timestamp(clock.now()),
        "outcomes": decision.to_dict(),
        "benchmark_set": None,
    }
    if decision.trace is not None:
        told["trace"] = decision.trace
    return told
