"""Runs a data check with a report: the counts of findings, the first of them, and a file of all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from policy_service.database import Database
from policy_service.decisions.data_check import HEADINGS, Check, DataCheck, RecordFinding, check_data
from policy_service.decisions.subjects import FactCipher
from policy_service.messages import Message
from policy_service.spreadsheet import csv_file

MAX_ROWS = 200
"""Maximum number of findings in a report; the file has all."""
CHECKS: Mapping[str, Message] = {
    Check.INCOMPLETE: Message("facts are missing"),
    Check.OLD: Message("facts are old"),
    Check.DUPLICATE: Message("likely duplicate"),
}
"""The names of the checks."""


@dataclass(frozen=True, slots=True)
class DataCheckResult:
    """The result of a data check."""

    kind: str
    as_of: str
    counts: Mapping[str, int]
    rows: tuple[Mapping[str, Any], ...]
    """The first findings."""

    @property
    def finding_counts(self) -> tuple[tuple[Message, int], ...]:
        """The count of findings of each check."""
        return tuple((label, self.counts[check]) for check, label in CHECKS.items())

    @property
    def finding_count(self) -> int:
        """The count of findings."""
        return sum(count for _, count in self.finding_counts)

    def label(self, row: Mapping[str, Any]) -> Message:
        """Return the finding in words."""
        return CHECKS[row["check"]]


def check_data_into(  # noqa: PLR0913  # what is examined when, and who is told
    path: Path,
    database: Database,
    cipher: FactCipher,
    now: datetime,
    check: DataCheck,
    *,
    on_progress: Callable[[int, int], object],
) -> DataCheckResult:
    """Check all subjects of a kind, and write the findings to a file. Raises what `check_data` does."""
    rows: list[Mapping[str, Any]] = []
    with csv_file(path) as write:
        write(HEADINGS)

        def take(finding: RecordFinding) -> None:
            cells = finding.cells()
            write(cells)
            if len(rows) < MAX_ROWS:
                rows.append({**dict(zip(HEADINGS, cells, strict=True)), "facts": list(finding.facts)})

        counts = check_data(database, cipher, now, check, on_finding=take, on_progress=on_progress)
    return DataCheckResult(check.kind, check.as_of.isoformat(), counts, tuple(rows))
