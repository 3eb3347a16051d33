"""The effect of a change: what the approval asks of a simulation, and what it does with the answer.

    draft ── EffectQuestion ──► a reader of the layer above, over a population ──► Effect ──► facts of governance

The document of an effect is stored with the change, and its digest is part of what is signed. An effect without
`impact_share` is of a change that could not be simulated: nobody knows whom it touches.
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
    """A change whose effect is to be worked out."""

    candidates: tuple[Policy, ...]
    active: tuple[Policy, ...]
    """The versions that would be in force on the day without the change."""
    start: datetime
    ends: tuple[str, ...] = ()
    """The policies that the change ends."""
    simulated_over: str | None = None
    """The registered population whose subjects are simulated; None for those on record."""
    asked_at: datetime | None = None
    """When it is asked: the facts of a population must not be much older. None asks for no day."""


@dataclass(frozen=True, slots=True)
class Effect:
    """The effect of a change over a population."""

    document: Mapping[str, Any]
    """As JSON: the bundle with its digest, and the figures of each kind of subject."""
    movers: bytes = b""
    """Every subject that moves, as CSV in UTF-8; empty where nobody does."""

    @property
    def digest(self) -> str:
        """The digest of the document, which a submission names."""
        return digest_of(dict(self.document))

    @property
    def bundle(self) -> str:
        """The digest of all that the figures depend on."""
        bundle: str = self.document["bundle"]["digest"]
        return bundle

    @property
    def impact_share(self) -> str | None:
        """The share of subjects whose outcome changes, to four decimals, rounded up; None if that is not known."""
        share: str | None = self.document["impact_share"]
        return share

    @property
    def money_difference(self) -> str | None:
        """The absolute difference of all money decided, in CNY; None where no money is decided."""
        money: str | None = self.document["money_difference"]
        return money

    @property
    def population(self) -> str | None:
        """The digest of the subjects' facts; None where there are none."""
        parts = [part["bundle"]["population"] for part in self.document["parts"] if "bundle" in part]
        return digest_of(parts) if parts else None


EffectReader = Callable[[EffectQuestion], Effect]
