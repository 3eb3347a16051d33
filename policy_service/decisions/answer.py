"""What a decision is told as: the one shape of answers, over HTTP and on the command line."""

from __future__ import annotations

from policy_service.clock import Clock, timestamp
from policy_service.decisions.decision import Decision, Json


def answer(decision: Decision, subject: str | None, clock: Clock) -> Json:
    """The decision as JSON, with an identifier of its own; `trace` only when it was asked for."""
    told: Json = {
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
