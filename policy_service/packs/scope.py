"""The scope of a pack, and the limits that keep it small enough to be read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from policy_service.canonical import digest_of
from policy_service.clock import timestamp
from policy_service.messages import Message
from policy_service.subject import Subject

MAX_SAMPLE = 200
"""Decisions of a pack."""
MAX_DRAWS = 5_000
"""Records that are drawn to find decisions by a policy."""
MAX_LISTED = 5_000_000
"""Decisions of one subject or policy that the sample is drawn from."""
MAX_ENTRIES = 5_000
"""Entries of the log, beside those that a version or a decision of the pack rests on."""
MAX_VERSIONS = 500
MAX_CHANGES = 500
MAX_OVERRIDES = 5_000

ScopeKind = Literal["policy", "subject", "period"]


class InvalidScope(ValueError):
    """No pack can be about that; the message says why."""


@dataclass(frozen=True, slots=True)
class Scope:
    """A policy, a subject, both, or all of a period; from an instant until before another. Raises InvalidScope."""

    policy: str | None = None
    subject: Subject | None = None
    since: datetime | None = None
    until: datetime | None = None
    sample: int = 20
    """How many decisions, at most."""

    def __post_init__(self) -> None:
        if self.policy is None and self.subject is None and self.since is None:
            raise InvalidScope(Message("Say what the pack is about: a policy, a subject, or a period."))
        if self.since is not None and self.until is not None and self.until <= self.since:
            raise InvalidScope(Message("The period ends before it begins."))
        if not 0 <= self.sample <= MAX_SAMPLE:
            raise InvalidScope(Message("A pack has at most {count} decisions.", count=MAX_SAMPLE))

    @property
    def kind(self) -> ScopeKind:
        """The kind of the pack: its main subject."""
        return "policy" if self.policy else "subject" if self.subject else "period"

    @property
    def seed(self) -> str:
        """The seed of the sample: the digest of the request."""
        return digest_of(self.to_dict())

    def to_dict(self) -> dict[str, Any]:
        return {
            "policy": self.policy,
            "subject": self.subject.id if self.subject else None,
            "kind": self.subject.kind if self.subject else None,
            "from": timestamp(self.since) if self.since else None,
            "until": timestamp(self.until) if self.until else None,
            "sample": self.sample,
        }
