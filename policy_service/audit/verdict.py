"""The result of a verification: how much was looked at, and the first fault if there is one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class LogFault:
    """The first thing that is not right, in a sentence."""

    message: str
    seq: int | None = None
    """The first bad entry; None when it is not an entry that is bad, but the header, a key or a checkpoint."""
    until: int | None = None
    """When several entries could be the first bad one: the last of them."""
    is_other_log: bool = False
    """True if nothing was altered, but what was compared belongs to another log."""

    def to_dict(self) -> dict[str, Any]:
        """Return the fault as JSON."""
        named = {"sentence": self.message, "seq": self.seq, "until": self.until}
        return named | ({"another_log": True} if self.is_other_log else {})


class VerificationFailed(Exception):
    """The log is not what it was; `fault` says where and why."""

    def __init__(
        self, message: str, seq: int | None = None, until: int | None = None, *, is_other_log: bool = False
    ) -> None:
        self.fault = LogFault(message, seq, until if until != seq else None, is_other_log)
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class CopyComparison:
    """A place that checkpoints are kept at, and how many of them the log was compared with."""

    location: str
    """A file or an address."""
    checkpoints: int
    size: int | None
    """Entries that the newest covers; None when there is none."""
    at: str | None
    """When the newest was signed, RFC 3339 in UTC."""
    fault: str | None = None
    """Why the place cannot be relied on, in a sentence: it is missing, holds fewer than it did, does not answer."""

    def to_dict(self) -> dict[str, Any]:
        names = ("location", "checkpoints", "size", "at", "fault")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True, slots=True)
class LogVerdict:
    """The extent verified before the first fault, or altogether when there is none."""

    entries: int
    checkpoints: int
    root: str
    head: str
    key: str | None
    """The key in use at the end."""
    confirmed: int
    """Entries up to the last signature; nobody has signed for those behind it yet."""
    exported_at: str | None = None
    fault: LogFault | None = None
    copies: tuple[CopyComparison, ...] = ()
    """The checkpoints kept elsewhere that the log was compared with, place by place."""
    macs: int | None = None
    """Entries whose MAC was that of the log's key; None when there was no key to check them with."""
    rows: int | None = None
    """Covered rows and decision records compared with the log; None for an export, which has none."""
    differences: int = 0
    """How many rows do not match the log."""
    faults: tuple[LogFault, ...] = ()
    """All faults that were found, `fault` first; of the rows the first hundred, and of the records."""
    untold: int = 0
    """How many rows and records that differ are not among them."""

    @property
    def is_fine(self) -> bool:
        """True if no fault was found, neither in the log nor in where its checkpoints are kept."""
        return self.fault is None and all(each.fault is None for each in self.copies)

    def to_dict(self) -> dict[str, Any]:
        """Return the verdict as JSON."""
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
            "compared": [each.to_dict() for each in self.copies],
            "macs": self.macs,
            "rows": self.rows,
            "differences": self.differences,
            "faults": [fault.to_dict() for fault in self.faults],
        }

    def with_rows(self, rows: int, differences: int, faults: Sequence[LogFault]) -> LogVerdict:
        """Return the verdict with what was found beside the entries."""
        all_faults = (*self.faults, *faults)
        return replace(
            self,
            fault=self.fault or (all_faults[0] if all_faults else None),
            rows=(self.rows or 0) + rows,
            differences=self.differences + differences,
            faults=all_faults,
            untold=self.untold + differences - len(faults),
        )
