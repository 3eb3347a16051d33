"""Activations, and which version is in force by them.

An activation says that a version applies over an effective period, half open. Of those that cover an instant the one
that began last is active; of two that began together, the one recorded last. So a later regulation supersedes an
earlier one from its day on, a period with an end gives way to what was there before, and a cancelled activation
leaves no gap.

    1.0.0  ├────────────────────────────────────────►
    1.1.0            ├──────────────────────────────►
    1.0.0 (suspension)        ├────────┤
    active  1.0.0    │  1.1.0 │ 1.0.0  │  1.1.0

An activation of a kind in `ENDING_KINDS` is one too, but it puts nothing in force: where it is the one that counts, the
policy has no active version, until a later one begins.

An emergency that leaves no version is an activation too, a *stop*: it names the version that is out of force, so that
other policies and callers still know its facts and outcomes, and the policy answers that it is suspended.

Bitemporal: `valid_at` is when the version applied, `known_at` when the record was looked at. What was recorded later,
or cancelled by then, does not count. Since nothing is put in force in the past, and nothing taken back that has begun,
what was in force at an instant stays the same whenever one looks.
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
    """Imported at set-up; nobody signed it here."""
    CHANGE = "change"
    """A signed change."""
    ROLLBACK = "rollback"
    """A signed change that puts an old version in force again."""
    SUSPENSION = "suspension"
    """The version before, while an emergency lasts."""
    STOP = "stop"
    """No version, while an emergency lasts: the version that the activation names is the one that is out of force."""
    ENDING = "ending"
    """A signed change that ends the policy: nothing is in force from then on. It names the version that it ends."""


ENDING_KINDS = frozenset({ActivationKind.ENDING})
"""The kinds that put nothing in force."""


@dataclass(frozen=True, slots=True)
class Period:
    """From an instant until before another; without end when `until` is None. Raises ValueError when it is empty."""

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
    """The order of recording."""
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
    """Of a stop: why the director suspended the policy."""

    @property
    def is_stop(self) -> bool:
        """True if the policy answers that it is suspended, instead of deciding."""
        return self.kind is ActivationKind.STOP

    @property
    def is_emergency(self) -> bool:
        """True if a suspension made it, and not a change or the set-up."""
        return self.kind in {ActivationKind.SUSPENSION, ActivationKind.STOP}

    @property
    def is_ending(self) -> bool:
        """True if it says that nothing is in force."""
        return self.kind in ENDING_KINDS

    def is_known_at(self, at: datetime) -> bool:
        """Return True if the record said so at an instant."""
        return self.recorded_at <= at and (self.cancelled_at is None or at < self.cancelled_at)


def active_at(
    activations: Iterable[Activation], policy: str, valid_at: datetime, known_at: datetime
) -> Activation | None:
    """Return the activation in force at `valid_at`, as recorded until `known_at`; None when there is none."""
    effective = _effective_activation(activations, policy, valid_at, known_at)
    return None if effective is None or effective.is_ending else effective


def ending_at(
    activations: Iterable[Activation], policy: str, valid_at: datetime, known_at: datetime
) -> Activation | None:
    """Return the activation that says that nothing of the policy is in force at `valid_at`; None when something is."""
    effective = _effective_activation(activations, policy, valid_at, known_at)
    return effective if effective is not None and effective.is_ending else None


def _effective_activation(
    activations: Iterable[Activation], policy: str, valid_at: datetime, known_at: datetime
) -> Activation | None:
    """Return the activation that counts at an instant."""
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
    """Return the policies of which nothing is in force any more, each with the activation that says so, by name."""
    effective = _all_effective_activations(activations, valid_at, known_at)
    return {name: each for name, each in effective.items() if each.is_ending}


def _all_effective_activations(
    activations: Iterable[Activation], valid_at: datetime, known_at: datetime
) -> dict[str, Activation]:
    """Return the activation that counts, of every policy that has one, by name."""
    effective: dict[str, Activation] = {}
    for each in activations:
        if each.is_known_at(known_at) and each.effective.covers(valid_at):
            previous = effective.get(each.policy)
            if previous is None or (previous.effective.start, previous.seq) < (each.effective.start, each.seq):
                effective[each.policy] = each
    return dict(sorted(effective.items()))


def relevant_from(activations: Iterable[Activation], start: datetime, known_at: datetime) -> tuple[Activation, ...]:
    """Return the known activations that can be active at `start` or later, in their order.

    One that has begun and has no end hides for ever what began before it: that is nearly all there is.
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
    """Return the pieces of time in which the policy has an active version, in order, as known at an instant.

    Two neighbours never have the same activation; where no version is active there is no piece.
    """
    known_activations = [each for each in activations if each.policy == policy and each.is_known_at(known_at)]
    known_activations.sort(key=lambda each: (each.effective.start, each.seq))
    instants = sorted({instant for each in known_activations for instant in _ends(each.effective)})
    pieces: list[tuple[Period, Activation]] = []
    heap: list[int] = []  # a heap of places in `known`, negated: the one that began last stands first
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
    """The pieces of time in which one version is the active one, whatever put it in force; neighbours are joined."""
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
    """Return the next instant after `after` at which some policy's active version may change."""
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
