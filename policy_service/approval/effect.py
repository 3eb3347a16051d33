"""The effect of a change: the input of a simulation, and its result as the approval uses it.

    draft ── EffectQuestion ──► a simulation, in the layer above, over a population ──► Effect ──► facts of governance

The document of an effect is stored with the change, and its digest is part of what is signed. An effect without
`impact_share` is of a change that could not be simulated, so the subjects it affects are unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from policy_service.canonical import digest_of
from policy_service.language.policy import Policy


@dataclass(frozen=True, slots=True)
class EffectQuestion:
    """A change whose effect is to be computed."""

    candidates: tuple[Policy, ...]
    active: tuple[Policy, ...]
    """The versions in force on the day without the change."""
    start: datetime
    ends: tuple[str, ...] = ()
    """The policies that the change ends."""
    simulated_over: str | None = None
    """The registered population to simulate; None for the subjects on record."""
    asked_at: datetime | None = None
    """The current time: a population's facts must not be much older. None skips this check."""


@dataclass(frozen=True, slots=True)
class Effect:
    """The effect of a change over a population."""

    document: Mapping[str, Any]
    """The effect as JSON: the bundle with its digest, and the figures of each kind of subject."""
    movers: bytes = b""
    """The subjects with another outcome, as CSV in UTF-8; empty if there are none."""

    @property
    def digest(self) -> str:
        """The digest of the document, named by a submission."""
        return digest_of(dict(self.document))

    @property
    def bundle(self) -> str:
        """The digest of everything the figures depend on."""
        bundle: str = self.document["bundle"]["digest"]
        return bundle

    @property
    def impact_share(self) -> str | None:
        """The share of subjects whose outcome changes, to four decimals, rounded up; None if unknown."""
        share: str | None = self.document["impact_share"]
        return share

    @property
    def money_difference(self) -> str | None:
        """The absolute difference of all money decided, in CNY; None if no money is decided."""
        money: str | None = self.document["money_difference"]
        return money

    @property
    def population(self) -> str | None:
        """The digest of the subjects' facts; None if there are none."""
        parts = [part["bundle"]["population"] for part in self.document["parts"] if "bundle" in part]
        return digest_of(parts) if parts else None


EffectReader = Callable[[EffectQuestion], Effect]
