"""What the registry holds, without the texts: which versions there are, and when each is in force.

It is read whole, and again only after governance has written something; so a page costs a question to the database
and no more, however many changes there have been.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sqlmodel import Session, select

from policy_service.database import count
from policy_service.language.load import version_key
from policy_service.registry.model import Activation, ActivationKind, Period, timeline
from policy_service.registry.service import activations
from policy_service.registry.tables import VersionRow

Piece = tuple[Period, Activation]
"""A piece of time, and what is in force in it."""
EVER = datetime.max.replace(tzinfo=UTC)
"""What is known then is all that was recorded and not taken back."""


@dataclass(frozen=True, slots=True)
class Version:
    """A version of a policy; `change` is the one it was submitted with, None when it was imported at set-up."""

    policy: str
    version: str
    digest: str
    recorded_at: datetime
    submitted_by: str
    change: str | None


@dataclass(frozen=True, slots=True)
class Held:
    """All versions and activations, by policy."""

    versions: Mapping[str, Sequence[Version]]
    """The newest first."""
    activations: Mapping[str, Sequence[Activation]]
    """In the order of recording, also those that were taken back."""
    _pieces: dict[str, Sequence[Piece]] = field(default_factory=dict)

    def pieces(self, policy: str) -> Sequence[Piece]:
        """The pieces of time in which the policy has a version in force, in order, by all that is known."""
        found = self._pieces.get(policy)
        if found is None:
            found = self._pieces[policy] = timeline(self.activations.get(policy, ()), policy, EVER)
        return found

    def active(self, policy: str, now: datetime) -> Piece | None:
        """What is in force, and from when until when without a break."""
        return next((piece for piece in reversed(self.pieces(policy)) if piece[0].covers(now)), None)

    def since(self, policy: str, now: datetime) -> datetime | None:
        """Since when the version in force has been, whatever put it in force."""
        periods = self.periods(policy)
        active = self.active(policy, now)
        if active is None:
            return None
        return next(each.start for each in periods[active[1].version] if each.covers(now))

    def next(self, policy: str, now: datetime) -> Piece | None:
        """What comes into force next."""
        return next((piece for piece in self.pieces(policy) if piece[0].start > now), None)

    def periods(self, policy: str) -> Mapping[str, Sequence[Period]]:
        """The periods in which each version is in force, neighbours joined."""
        found: dict[str, list[Period]] = defaultdict(list)
        for period, active in self.pieces(policy):
            before = found[active.version]
            if before and before[-1].until == period.start:
                before[-1] = Period(before[-1].start, period.until)
            else:
                before.append(period)
        return found

    def version(self, policy: str, version: str) -> Version | None:
        """One version."""
        return next((each for each in self.versions.get(policy, ()) if each.version == version), None)


class Register:
    """What the registry holds, kept until governance writes."""

    def __init__(self) -> None:
        self._kept: tuple[int, Held] = (-1, Held({}, {}))

    def read(self, session: Session) -> Held:
        """What it holds in this snapshot."""
        epoch = count(session)
        known, held = self._kept
        if known != epoch:
            held = Held(_versions(session), _by_policy(activations(session)))
            self._kept = (epoch, held)
        return held


def is_suspension(activation: Activation) -> bool:
    """Whether a version is in force only while another is suspended."""
    return activation.kind is ActivationKind.SUSPENSION


def _versions(session: Session) -> Mapping[str, Sequence[Version]]:
    row = VersionRow
    query = select(row.policy, row.version, row.digest, row.recorded_at, row.submitted_by, row.change)  # type: ignore[call-overload]  # six columns
    found: dict[str, list[Version]] = defaultdict(list)
    for each in session.exec(query):
        found[each[0]].append(Version(*each))
    return {
        name: sorted(all_, key=lambda each: version_key(each.version), reverse=True) for name, all_ in found.items()
    }


def _by_policy(recorded: Iterable[Activation]) -> Mapping[str, Sequence[Activation]]:
    found: dict[str, list[Activation]] = defaultdict(list)
    for activation in recorded:
        found[activation.policy].append(activation)
    return found
