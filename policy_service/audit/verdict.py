"""What a verification found: how much was looked at, and the first fault if there is one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Fault:
    """The first thing that is not right, in a sentence."""

    sentence: str
    seq: int | None = None
    """The first bad entry; None when it is not an entry that is bad, but the header, a key or a checkpoint."""
    until: int | None = None
    """When several entries could be the first bad one: the last of them."""

    def to_dict(self) -> dict[str, Any]:
        """The fault as JSON."""
        return {"sentence": self.sentence, "seq": self.seq, "until": self.until}


class Broken(Exception):
    """The log is not what it was; `fault` says where and why."""

    def __init__(self, sentence: str, seq: int | None = None, until: int | None = None) -> None:
        self.fault = Fault(sentence, seq, until if until != seq else None)
        super().__init__(sentence)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was looked at before the first fault, or altogether when there is none."""

    entries: int
    checkpoints: int
    root: str
    head: str
    key: str | None
    """The key in use at the end."""
    confirmed: int
    """Entries up to the last signature; nobody has signed for those behind it yet."""
    exported_at: str | None = None
    fault: Fault | None = None

    @property
    def is_fine(self) -> bool:
        """Whether no fault was found."""
        return self.fault is None

    def to_dict(self) -> dict[str, Any]:
        """The verdict as JSON."""
        return {
            "fine": self.is_fine,
            "entries": self.entries,
            "checkpoints": self.checkpoints,
            "confirmed": self.confirmed,
            "root": self.root,
            "head": self.head,
            "key": self.key,
            "exported_at": self.exported_at,
            "fault": self.fault.to_dict() if self.fault else None,
        }
