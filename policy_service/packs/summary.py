"""The summary of an audit pack, from its manifest: its contents and omissions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from policy_service.language.policy import Bilingual
from policy_service.messages import Message

COUNT_NAMES: tuple[tuple[str, Message], ...] = (
    ("versions", Message("Versions")),
    ("changes", Message("Changes")),
    ("signatures", Message("Signatures")),
    ("suspensions", Message("Suspensions")),
    ("activations", Message("Activations")),
    ("overrides", Message("Overrides")),
    ("decisions", Message("Decisions")),
    ("replayed_same", Message("of these, replay matches")),
    ("replayed_different", Message("of these, replay differs")),
    ("replayed_not_replayable", Message("of these, not replayable")),
    ("entries", Message("Entries of the log")),
)
"""The counts of a pack, in display order."""


@dataclass(frozen=True, slots=True)
class PackSummary:
    """The summary of a pack, from its manifest."""

    counts: Mapping[str, int]
    left_out: tuple[Bilingual, ...]

    @property
    def labels(self) -> tuple[tuple[str, Message], ...]:
        """The titles of the counts, in order."""
        return tuple((name, label) for name, label in COUNT_NAMES if name in self.counts)

    @classmethod
    def of(cls, manifest: Mapping[str, Any]) -> Self:
        """Return the summary of a manifest."""
        return cls(manifest["counts"], tuple(Bilingual(each["zh"], each["en"]) for each in manifest["left_out"]))

    def to_dict(self) -> dict[str, Any]:
        return {"counts": dict(self.counts), "left_out": [each.to_dict() for each in self.left_out]}
