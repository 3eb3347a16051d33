"""A snapshot of the registry without texts: its versions, and the periods in which each is in force.

It is read whole, and again only after something was added to the registry; otherwise a reader only counts rows, however
many changes there are.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from sqlmodel import Session, select

from policy_service.database.declared import row_count
from policy_service.errors import PolicyServiceError
from policy_service.language.diagnostics import did_you_mean, shorten
from policy_service.language.load import version_key
from policy_service.messages import Message, join_comma
from policy_service.registry.model import Activation, Period, ending_at, timeline
from policy_service.registry.service import activations
from policy_service.registry.tables import ActivationRow, CancellationRow, VersionRow

Piece = tuple[Period, Activation]
"""A period, and what is in force in it."""
END_OF_TIME = datetime.max.replace(tzinfo=UTC)
"""The time of knowledge for everything recorded and not cancelled."""


class UnknownPolicy(PolicyServiceError, LookupError):
    """The registry has no such policy or version, or none in force; `hint` names those that exist."""

    kind = "unknown-policy"

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint

    @property
    def extensions(self) -> Mapping[str, object]:
        """Return the hint."""
        return {"hint": self.hint}


@dataclass(frozen=True, slots=True)
class Version:
    """A version of a policy; `change` is the one that submitted it, None if it was imported at set-up."""

    policy: str
    version: str
    digest: str
    recorded_at: datetime
    submitted_by: str
    change: str | None


@dataclass(frozen=True, slots=True)
class PolicyPeriods:
    """The effective periods of one policy's versions, as known now."""

    pieces: Sequence[Piece]
    """In order."""
    starts: Sequence[datetime]
    """The beginning of each piece."""
    periods: Mapping[str, Sequence[Period]]
    """The periods of each version, neighbours joined."""


@dataclass(frozen=True, slots=True)
class PolicyStatus:
    """The status of a policy at an instant, and what comes next."""

    active: Piece | None
    """The version in force; None while the policy is stopped."""
    stop: Piece | None
    """The stop because of which no version applies."""
    ending: Activation | None
    """The activation that ended the policy, if nothing is in force because of it."""
    since: datetime | None
    """The time since which the version has been in force, for whatever reason."""
    next: Piece | None

    @property
    def current(self) -> Piece | None:
        """The version in force, or the stop."""
        return self.active or self.stop


@dataclass(frozen=True, slots=True)
class RegistrySnapshot:
    """All versions and activations, by policy."""

    versions: Mapping[str, Sequence[Version]]
    """The newest first."""
    activations: Mapping[str, Sequence[Activation]]
    """In order of recording, including cancelled ones."""
    _periods: dict[str, PolicyPeriods] = field(default_factory=dict)

    def pieces(self, policy: str) -> Sequence[Piece]:
        """Return the pieces of time in which the policy has a version in force, in order."""
        return self._periods_of(policy).pieces

    def periods(self, policy: str) -> Mapping[str, Sequence[Period]]:
        """Return the periods in which each version is in force, neighbours joined."""
        return self._periods_of(policy).periods

    def active(self, policy: str, now: datetime) -> Piece | None:
        """Return the version in force and its period; None while the policy is stopped."""
        piece = self._piece_at(policy, now)
        return None if piece is None or piece[1].is_stop else piece

    def stop(self, policy: str, now: datetime) -> Piece | None:
        """Return the stop because of which no version applies now, if there is one."""
        piece = self._piece_at(policy, now)
        return piece if piece is not None and piece[1].is_stop else None

    def _piece_at(self, policy: str, now: datetime) -> Piece | None:
        policy_periods = self._periods_of(policy)
        position = bisect_right(policy_periods.starts, now) - 1
        return (
            policy_periods.pieces[position]
            if position >= 0 and policy_periods.pieces[position][0].covers(now)
            else None
        )

    def compared(self, policy: str, active: str | None, old: str | None, new: str | None) -> tuple[str, str]:
        """Return the two versions to compare: by default the newest, and the one in force or before it."""
        versions = [each.version for each in self.versions_of(policy)]
        new = new or versions[0]
        if old or (active is not None and active != new):
            return old or active or "", new
        position = versions.index(new) + 1 if new in versions else 0
        return versions[min(position, len(versions) - 1)], new

    def since(self, policy: str, now: datetime) -> datetime | None:
        """Return the time since which the version has been in force, for whatever reason."""
        active = self.active(policy, now)
        if active is None:
            return None
        return next(each.start for each in self.periods(policy)[active[1].version] if each.covers(now))

    def next_piece(self, policy: str, now: datetime) -> Piece | None:
        """Return the next piece."""
        policy_periods = self._periods_of(policy)
        position = bisect_right(policy_periods.starts, now)
        return policy_periods.pieces[position] if position < len(policy_periods.pieces) else None

    def status(self, policy: str, now: datetime) -> PolicyStatus:
        """Return the status of a policy at an instant."""
        return PolicyStatus(
            active=self.active(policy, now),
            stop=self.stop(policy, now),
            ending=ending_at(self.activations.get(policy, ()), policy, now, now),
            since=self.since(policy, now),
            next=self.next_piece(policy, now),
        )

    def versions_of(self, policy: str) -> Sequence[Version]:
        """Return the versions of a policy, the newest first. Raises UnknownPolicy."""
        versions = self.versions.get(policy)
        if versions is None:
            message = Message("no policy `{policy}`", policy=shorten(policy))
            raise UnknownPolicy(message, did_you_mean(policy, sorted(self.versions)))
        return versions

    def version(self, policy: str, version: str) -> Version:
        """Return one version of a policy. Raises UnknownPolicy."""
        versions = self.versions_of(policy)
        for each in versions:
            if each.version == version:
                return each
        message = Message("`{policy}` has no version `{version}`", policy=policy, version=shorten(version))
        raise UnknownPolicy(message, versions_hint(versions))

    def without(self, hidden: Collection[str]) -> RegistrySnapshot:
        """Return a snapshot without the versions with some digests."""
        visible = {
            name: tuple(each for each in versions if each.digest not in hidden)
            for name, versions in self.versions.items()
        }
        return replace(self, versions={name: versions for name, versions in visible.items() if versions})

    def _periods_of(self, policy: str) -> PolicyPeriods:
        policy_periods = self._periods.get(policy)
        if policy_periods is None:
            pieces = timeline(self.activations.get(policy, ()), policy, END_OF_TIME)
            starts = [period.start for period, _ in pieces]
            policy_periods = self._periods[policy] = PolicyPeriods(pieces, starts, _merge_neighbours(pieces))
        return policy_periods


class SnapshotCache:
    """The newest snapshot, cached until something is added to the registry."""

    def __init__(self) -> None:
        self._cached: tuple[Size, RegistrySnapshot] = ((-1, -1, -1), RegistrySnapshot({}, {}))

    def read(self, session: Session, hidden: Collection[str] = ()) -> RegistrySnapshot:
        """Return the registry's snapshot, without the versions with some digests."""
        size = _size(session)
        cached_size, snapshot = self._cached
        if cached_size != size:
            snapshot = RegistrySnapshot(_versions(session), _by_policy(activations(session)))
            self._cached = (size, snapshot)
        return snapshot.without(hidden) if hidden else snapshot


Size = tuple[int, int, int]
"""The counts of versions, activations and cancellations; rows are only ever added, so they identify a state."""


def _size(session: Session) -> Size:
    return row_count(session, VersionRow), row_count(session, ActivationRow), row_count(session, CancellationRow)


def _merge_neighbours(pieces: Iterable[Piece]) -> Mapping[str, Sequence[Period]]:
    """Return the periods of each version, with adjacent ones joined whatever put it in force."""
    periods: dict[str, list[Period]] = {}
    for period, active in pieces:
        if active.is_stop:
            continue
        before = periods.setdefault(active.version, [])
        if before and before[-1].until == period.start:
            before[-1] = Period(before[-1].start, period.until)
        else:
            before.append(period)
    return periods


def versions_hint(versions: Iterable[Version]) -> Message:
    """Return a message with the existing versions."""
    return Message("its versions are {versions}", versions=join_comma(each.version for each in versions))


def _versions(session: Session) -> Mapping[str, Sequence[Version]]:
    row = VersionRow
    query = select(row.policy, row.version, row.digest, row.recorded_at, row.submitted_by, row.change)  # type: ignore[call-overload]  # six columns
    versions: dict[str, list[Version]] = defaultdict(list)
    for each in session.exec(query):
        versions[each[0]].append(Version(*each))
    return {
        name: sorted(all_, key=lambda each: version_key(each.version), reverse=True) for name, all_ in versions.items()
    }


def _by_policy(recorded: Iterable[Activation]) -> Mapping[str, Sequence[Activation]]:
    by_policy: dict[str, list[Activation]] = defaultdict(list)
    for activation in recorded:
        by_policy[activation.policy].append(activation)
    return by_policy
