"""The result of a verification: how much was verified, and the first fault, if any."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class LogFault:
    """The first fault, as a message."""

    message: str
    seq: int | None = None
    """The first bad entry; None if a header, key or checkpoint is bad instead."""
    until: int | None = None
    """If several entries could be the first bad one, the last of them."""
    is_other_log: bool = False
    """True if nothing was altered, but the data belong to another log."""

    def to_dict(self) -> dict[str, Any]:
        """Return the fault as JSON."""
        named = {"sentence": self.message, "seq": self.seq, "until": self.until}
        return named | ({"another_log": True} if self.is_other_log else {})


class VerificationFailed(Exception):
    """The log was altered; `fault` says where and how."""

    def __init__(
        self, message: str, seq: int | None = None, until: int | None = None, *, is_other_log: bool = False
    ) -> None:
        self.fault = LogFault(message, seq, until if until != seq else None, is_other_log)
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class CopyComparison:
    """A copy of the checkpoints, and how many of them the log was compared with."""

    location: str
    """A file or an address."""
    checkpoints: int
    size: int | None
    """The number of entries that the newest covers; None if there is none."""
    at: str | None
    """When the newest was signed, RFC 3339 in UTC."""
    fault: str | None = None
    """Why the copy cannot be relied on: it is missing, incomplete or unreachable."""

    def to_dict(self) -> dict[str, Any]:
        names = ("location", "checkpoints", "size", "at", "fault")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True, slots=True)
class LogVerdict:
    """The extent verified before the first fault, or the whole log if there is none."""

    entries: int
    checkpoints: int
    root: str
    head: str
    key: str | None
    """The key in use at the end."""
    confirmed: int
    """The number of entries up to the last checkpoint; later ones are not signed yet."""
    exported_at: str | None = None
    fault: LogFault | None = None
    copies: tuple[CopyComparison, ...] = ()
    """The copies of the checkpoints that the log was compared with."""
    macs: int | None = None
    """The number of entries with a valid MAC; None if there was no key to check them."""
    rows: int | None = None
    """Covered rows and decision records compared with the log; None for an export, which has none."""
    differences: int = 0
    """The number of rows that do not match the log."""
    faults: tuple[LogFault, ...] = ()
    """All faults found, `fault` first; for rows the first hundred, and those of records."""
    untold: int = 0
    """The number of differing rows and records not listed."""

    @property
    def is_fine(self) -> bool:
        """True if no fault was found in the log or in the copies of its checkpoints."""
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
        """Return the verdict extended by faults found beyond the entries."""
        all_faults = (*self.faults, *faults)
        return replace(
            self,
            fault=self.fault or (all_faults[0] if all_faults else None),
            rows=(self.rows or 0) + rows,
            differences=self.differences + differences,
            faults=all_faults,
            untold=self.untold + differences - len(faults),
        )
