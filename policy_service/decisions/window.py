"""The windows of time in which versions are in force, worked out from the registry's activations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from policy_service.registry.model import Activation, all_active_at, all_endings_at, next_boundary


class PolicyStop(NamedTuple):
    """The stop of a policy that is suspended without a replacement version: the suspension and its reason."""

    suspension: str
    reason: str


@dataclass(frozen=True, slots=True)
class Window:
    """The versions in force from one instant until another, as known after `epoch` writes of governance."""

    epoch: int
    start: datetime
    until: datetime | None
    digests: Mapping[str, str]
    """The digest of each policy's version; for a stopped policy, of the suspended version."""
    stops: Mapping[str, PolicyStop] = field(default_factory=dict)
    """The policies that are stopped."""
    absent: Mapping[str, Activation] = field(default_factory=dict)
    """The ended policies by name, each with the activation that ended it."""

    def covers(self, now: datetime) -> bool:
        """Return True if the versions are in force at an instant."""
        return self.start <= now and (self.until is None or now < self.until)


def window_at(epoch: int, activations: Sequence[Activation], now: datetime) -> Window:
    """Return the versions in force at `now` and the end of that window, as far as known then."""
    active = all_active_at(activations, now, now)
    digests = {policy: each.digest for policy, each in active.items()}
    absent = all_endings_at(activations, now, now)
    return Window(epoch, now, next_boundary(activations, now, now), digests, stops_among(active), absent)


def stops_among(active: Mapping[str, Activation]) -> dict[str, PolicyStop]:
    """Return the stopped policies among the active ones."""
    return {
        policy: PolicyStop(each.suspension or "", each.reason or "") for policy, each in active.items() if each.is_stop
    }
