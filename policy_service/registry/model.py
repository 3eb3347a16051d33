"""Activations, from which the version in force follows.

An activation states that a version applies over a half-open effective period. Of those that cover an instant, the one
that began last is active; of two that began together, the one recorded last. So a later regulation supersedes an
earlier one from its day on, after a period with an end the earlier version applies again, and a cancelled activation
leaves no gap.

    1.0.0  ├────────────────────────────────────────►
    1.1.0            ├──────────────────────────────►
    1.0.0 (suspension)        ├────────┤
    active  1.0.0    │  1.1.0 │ 1.0.0  │  1.1.0

An activation of a kind in `ENDING_KINDS` puts nothing in force: while it is the active one, the policy has no active
version.

An emergency suspension without a fallback is an activation called a *stop*: it names the suspended version, so that
other policies and callers still know its facts and outcomes, and the policy answers that it is suspended.

Bitemporal: `valid_at` is when the version applies, `known_at` is the time of knowledge. Activations recorded later, or
cancelled by then, do not count. Since nothing is put in force in the past, and nothing that has begun is cancelled, the
version in force at a past instant never changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from heapq import heappop, heappush
from itertools import zip_longest


class ActivationKind(StrEnum):
    """The reason why a version was put in force."""

    INITIAL = "initial"
    """Imported at set-up, unsigned."""
    CHANGE = "change"
    """A signed change."""
    ROLLBACK = "rollback"
    """A signed change that puts an old version in force again."""
    SUSPENSION = "suspension"
    """The fallback version during an emergency suspension."""
    STOP = "stop"
    """No version during an emergency suspension; the activation names the suspended version."""
    ENDING = "ending"
    """A signed change that ends the policy: nothing is in force from then on. It names the ended version."""


ENDING_KINDS = frozenset({ActivationKind.ENDING})
"""The kinds that put nothing in force."""


@dataclass(frozen=True, slots=True)
class Period:
    """A half-open period; open-ended if `until` is None. Raises ValueError if it is empty."""

    start: datetime
    until: datetime | None = None

    def __post_init__(self) -> None:
        if self.until is not None and self.until <= self.start:
            raise ValueError(f"a period ends after it starts: {self.until} is not after {self.start}")

    def covers(self, instant: datetime) -> bool:
        """Return True if the instant is in the period."""
        return self.start <= instant and (self.until is None or instant < self.until)


@dataclass(frozen=True, slots=True)
class Activation:
    """One version of one policy in force over a period, known since `recorded_at` until `cancelled_at`."""

    seq: int
    """The number in the order of recording."""
    id: str
    policy: str
    version: str
    digest: str
    kind: ActivationKind
    effective: Period
    recorded_at: datetime
    cancelled_at: datetime | None = None
    change: str | None = None
    suspension: str | None = None
    reason: str | None = None
    """For a stop: the director's reason for the suspension."""

    @property
    def is_stop(self) -> bool:
        """True if the policy answers that it is suspended, instead of deciding."""
        return self.kind is ActivationKind.STOP

    @property
    def is_emergency(self) -> bool:
        """True if a suspension made it, not a change or the set-up."""
        return self.kind in {ActivationKind.SUSPENSION, ActivationKind.STOP}

    @property
    def is_ending(self) -> bool:
        """True if it puts nothing in force."""
        return self.kind in ENDING_KINDS

    def is_known_at(self, at: datetime) -> bool:
        """Return True if it was recorded, and not cancelled, at an instant."""
        return self.recorded_at <= at and (self.cancelled_at is None or at < self.cancelled_at)


def active_at(
    activations: Iterable[Activation], policy: str, valid_at: datetime, known_at: datetime
) -> Activation | None:
    """Return the activation in force at `valid_at`, as known at `known_at`; None if there is none."""
    effective = _effective_activation(activations, policy, valid_at, known_at)
    return None if effective is None or effective.is_ending else effective


def ending_at(
    activations: Iterable[Activation], policy: str, valid_at: datetime, known_at: datetime
) -> Activation | None:
    """Return the activation because of which nothing of the policy is in force at `valid_at`; None if something is."""
    effective = _effective_activation(activations, policy, valid_at, known_at)
    return effective if effective is not None and effective.is_ending else None


def _effective_activation(
    activations: Iterable[Activation], policy: str, valid_at: datetime, known_at: datetime
) -> Activation | None:
    """Return the activation that is active at an instant."""
    covering = (
        each
        for each in activations
        if each.policy == policy and each.is_known_at(known_at) and each.effective.covers(valid_at)
    )
    return max(covering, key=lambda each: (each.effective.start, each.seq), default=None)


def all_active_at(activations: Iterable[Activation], valid_at: datetime, known_at: datetime) -> dict[str, Activation]:
    """Return the active activation of every policy that has one, by policy, in the order of their names."""
    effective = _all_effective_activations(activations, valid_at, known_at)
    return {name: each for name, each in effective.items() if not each.is_ending}


def all_endings_at(activations: Iterable[Activation], valid_at: datetime, known_at: datetime) -> dict[str, Activation]:
    """Return the policies that have ended, by name, each with the activation that ended it."""
    effective = _all_effective_activations(activations, valid_at, known_at)
    return {name: each for name, each in effective.items() if each.is_ending}


def _all_effective_activations(
    activations: Iterable[Activation], valid_at: datetime, known_at: datetime
) -> dict[str, Activation]:
    """Return the active activation of every policy that has one, endings included, by name."""
    effective: dict[str, Activation] = {}
    for each in activations:
        if each.is_known_at(known_at) and each.effective.covers(valid_at):
            previous = effective.get(each.policy)
            if previous is None or (previous.effective.start, previous.seq) < (each.effective.start, each.seq):
                effective[each.policy] = each
    return dict(sorted(effective.items()))


def relevant_from(activations: Iterable[Activation], start: datetime, known_at: datetime) -> tuple[Activation, ...]:
    """Return the known activations that can be active at `start` or later, in order.

    An open-ended one that has begun hides all that began before it, which is almost everything.
    """
    recorded_activations = [each for each in activations if each.is_known_at(known_at)]
    hidden_before: dict[str, tuple[datetime, int]] = {}
    for each in recorded_activations:
        order = (each.effective.start, each.seq)
        if each.effective.start <= start and each.effective.until is None:
            hidden_before[each.policy] = max(order, hidden_before.get(each.policy, order))
    return tuple(
        each
        for each in recorded_activations
        if (each.effective.until is None or each.effective.until > start)
        and (each.policy not in hidden_before or (each.effective.start, each.seq) >= hidden_before[each.policy])
    )


def timeline(
    activations: Iterable[Activation], policy: str, known_at: datetime
) -> tuple[tuple[Period, Activation], ...]:
    """Return the periods in which the policy has an active version, in order, as known at an instant.

    Adjacent periods have different activations; there are gaps where no version is active.
    """
    known_activations = [each for each in activations if each.policy == policy and each.is_known_at(known_at)]
    known_activations.sort(key=lambda each: (each.effective.start, each.seq))
    instants = sorted({instant for each in known_activations for instant in _ends(each.effective)})
    pieces: list[tuple[Period, Activation]] = []
    heap: list[int] = []  # a heap of negated indexes in `known`: the one that began last comes first
    position = 0
    for start, until in zip_longest(instants, instants[1:]):
        while position < len(known_activations) and known_activations[position].effective.start <= start:
            heappush(heap, -position)
            position += 1
        while heap and not known_activations[-heap[0]].effective.covers(start):
            heappop(heap)
        if not heap:
            continue
        active = known_activations[-heap[0]]
        if active.is_ending:
            continue
        if pieces and pieces[-1][1] == active and pieces[-1][0].until == start:
            pieces[-1] = (Period(pieces[-1][0].start, until), active)
        else:
            pieces.append((Period(start, until), active))
    return tuple(pieces)


def in_force_periods(
    activations: Iterable[Activation], policy: str, version: str, known_at: datetime
) -> tuple[Period, ...]:
    """Return the periods in which a version is active, for whatever reason; adjacent ones are joined."""
    joined: list[Period] = []
    for period, active in timeline(activations, policy, known_at):
        if active.version != version or active.is_stop:
            continue
        if joined and joined[-1].until == period.start:
            joined[-1] = Period(joined[-1].start, period.until)
        else:
            joined.append(period)
    return tuple(joined)


def next_boundary(activations: Iterable[Activation], after: datetime, known_at: datetime) -> datetime | None:
    """Return the next instant after `after` at which a policy's active version may change."""
    instants = (
        instant
        for each in activations
        if each.is_known_at(known_at)
        for instant in _ends(each.effective)
        if instant > after
    )
    return min(instants, default=None)


def _ends(period: Period) -> Iterator[datetime]:
    yield period.start
    if period.until is not None:
        yield period.until
