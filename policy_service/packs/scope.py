"""The scope of a pack, and limits that keep it readable."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from policy_service.canonical import digest_of
from policy_service.clock import timestamp
from policy_service.messages import Message
from policy_service.subject import Subject

MAX_SAMPLE = 200
"""Maximum number of decisions in a pack."""
MAX_DRAWS = 5_000
"""Maximum number of records drawn to find decisions by a policy."""
MAX_LISTED = 5_000_000
"""Maximum number of decisions of a subject or policy from which the sample is drawn."""
MAX_ENTRIES = 5_000
"""Maximum number of log entries, besides those behind versions and decisions of the pack."""
MAX_VERSIONS = 500
MAX_CHANGES = 500
MAX_OVERRIDES = 5_000

ScopeKind = Literal["policy", "subject", "period"]


class InvalidScope(ValueError):
    """The scope is invalid; the message says why."""


@dataclass(frozen=True, slots=True)
class Scope:
    """A policy, a subject, both, or all of a period; from an instant until before another. Raises InvalidScope."""

    policy: str | None = None
    subject: Subject | None = None
    since: datetime | None = None
    until: datetime | None = None
    sample: int = 20
    """Maximum number of decisions."""

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
