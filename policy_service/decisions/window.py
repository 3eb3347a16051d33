"""The windows of time in which versions are in force, worked out from the registry's activations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from policy_service.registry.model import Activation, all_active_at, all_endings_at, next_boundary


class PolicyStop(NamedTuple):
    """The stop of a policy, suspended without a version in its place: by which suspension, and why."""

    suspension: str
    reason: str


@dataclass(frozen=True, slots=True)
class Window:
    """The versions in force from an instant until before another, as known after `epoch` writes of governance."""

    epoch: int
    start: datetime
    until: datetime | None
    digests: Mapping[str, str]
    """The digest of each policy's version, by policy; of one that is stopped, of the version that is out of force."""
    stops: Mapping[str, PolicyStop] = field(default_factory=dict)
    """The policies that are stopped."""
    absent: Mapping[str, Activation] = field(default_factory=dict)
    """The policies that were ended, by name, each with the activation that says so."""

    def covers(self, now: datetime) -> bool:
        """Return True if the versions are in force at an instant."""
        return self.start <= now and (self.until is None or now < self.until)


def window_at(epoch: int, activations: Sequence[Activation], now: datetime) -> Window:
    """Return the versions in force at `now`, and until when, as far as was known then."""
    active = all_active_at(activations, now, now)
    digests = {policy: each.digest for policy, each in active.items()}
    absent = all_endings_at(activations, now, now)
    return Window(epoch, now, next_boundary(activations, now, now), digests, stops_among(active), absent)


def stops_among(active: Mapping[str, Activation]) -> dict[str, PolicyStop]:
    """Return the policies that are stopped, of what is active."""
    return {
        policy: PolicyStop(each.suspension or "", each.reason or "") for policy, each in active.items() if each.is_stop
    }
