"""The file of what a re-evaluation did not decide: CSV, a row a subject and policy."""

from __future__ import annotations

import csv
from pathlib import Path
from types import TracebackType
from typing import Self

from policy_service.decisions.reevaluation import Undecided
from policy_service.spreadsheet import guard_formula

HEADINGS = ("subject", "kind", "policy", "reason", "facts", "told_on")


class UndecidedFile:
    """Writes the file; without a path it writes nothing."""

    def __init__(self, path: Path | None) -> None:
        self._file = None if path is None else path.open("w", encoding="utf-8-sig", newline="")
        self._rows = None if self._file is None else csv.writer(self._file)
        if self._rows is not None:
            self._rows.writerow(HEADINGS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if self._file is not None:
            self._file.close()

    def write(self, each: Undecided) -> None:
        """Write a row."""
        if self._rows is not None:
            told_on = each.told_on.isoformat() if each.told_on else ""
            cells = (each.subject, each.kind, each.policy, each.reason, " ".join(each.facts), told_on)
            self._rows.writerow(map(guard_formula, cells))
