"""The versions in force at an instant, as known at an instant, compared with those in force now."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from policy_service.registry.model import Activation, Period, all_active_at, timeline

CurrentStatus = Literal["same", "other", "none", "new"]


@dataclass(frozen=True, slots=True)
class ThenAndNow:
    """The versions of one policy, then and now."""

    policy: str
    then: Activation | None
    now: Activation | None

    @property
    def status(self) -> CurrentStatus:
        """The policy's status now."""
        if self.then is None:
            return "new"
        if self.now is None:
            return "none"
        is_same = (self.then.digest, self.then.is_stop) == (self.now.digest, self.now.is_stop)
        return "same" if is_same else "other"


class PeriodsKnown:
    """The versions in force at `valid_at`, and their periods, as known at `known_at`."""

    def __init__(self, recorded: Sequence[Activation], valid_at: datetime, known_at: datetime) -> None:
        self.valid_at, self.known_at = valid_at, known_at
        self._recorded = recorded
        self._activations: dict[str, list[Activation]] = defaultdict(list)
        for each in recorded:
            self._activations[each.policy].append(each)

    def then_and_now(self, now: datetime) -> list[ThenAndNow]:
        """Return each policy that was in force then or is now, by name."""
        then = all_active_at(self._recorded, self.valid_at, self.known_at)
        today = all_active_at(self._recorded, now, now)
        return [ThenAndNow(name, then.get(name), today.get(name)) for name in sorted({*then, *today})]

    def period(self, then: Activation) -> Period:
        """Return the period around the instant in which nothing else was active."""
        pieces = self.pieces(then.policy)
        return next((period for period, _ in pieces if period.covers(self.valid_at)), then.effective)

    def pieces(self, policy: str) -> Sequence[tuple[Period, Activation]]:
        """Return every period of a policy, with the version active in it."""
        return timeline(self._activations[policy], policy, self.known_at)
