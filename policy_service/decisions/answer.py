"""The answer to a request for a decision: one shape, over HTTP and on the command line."""

from __future__ import annotations

from datetime import datetime

import msgspec

from policy_service.clock import Clock, timestamp
from policy_service.decisions.decision import Decision, Json
from policy_service.decisions.masking import masked_trace, sensitive_facts


def unrecorded_answer(decision: Decision, subject: str | None, kind: str, clock: Clock) -> Json:
    """Return the decision as JSON under a new identifier, without recording it."""
    return answer_document(decision, subject, kind, decision.to_dict(), str(clock.new_id()), clock.now())


def preview_answer(decision: Decision, subject: str, kind: str, decided_at: datetime) -> Json:
    """Return the answer to a preview: it has no identifier, since nothing is recorded.

    Its trace masks sensitive facts.
    """
    if decision.trace is not None:
        sensitive = sensitive_facts([each.policy for each in decision.evaluated.values()])
        decision = decision._replace(trace=masked_trace(decision.trace, sensitive))
    return answer_document(decision, subject, kind, decision.to_dict(), None, decided_at)


def answer_document(  # noqa: PLR0913, PLR0917  # what an answer says that the decision does not know itself
    decision: Decision, subject: str | None, kind: str, outcomes: Json, decision_id: str | None, decided_at: datetime
) -> Json:
    """Return the decision with its outcomes as JSON; `trace` only if the request asked for it."""
    document: Json = {
        "decision_id": decision_id,
        "subject": subject,
        "kind": kind,
        "as_of": decision.as_of.isoformat(),
        "decided_at": timestamp(decided_at),
        "outcomes": outcomes,
        "benchmark_set": decision.benchmark_set,
    }
    if decision.trace is not None:
        document["trace"] = decision.trace
    return document


def encode_answer(document: Json) -> bytes:
    """Return the answer encoded as bytes."""
    return msgspec.json.encode(document)
