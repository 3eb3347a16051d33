"""The moving subjects of a simulation, largest first: as JSON, and as a CSV file with a line per policy."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from policy_service.language.types import NumberType, write_decimal
from policy_service.population.attribution import ORDERS, charge_column
from policy_service.population.differences import CellDifference
from policy_service.population.output import guard
from policy_service.population.parts import write_whole
from policy_service.population.plan import FactColumn
from policy_service.population.population import ROW, SUBJECT
from policy_service.population.sides import MOVERS, LabelText, Side, is_single, moved_column

_FETCHED = 10_000


@dataclass(frozen=True)
class Movers:
    """The subjects in the table MOVERS, attributed to differences."""

    connection: duckdb.DuckDBPyConnection
    before: Side
    after: Side
    compared: Sequence[str]
    measure: FactColumn | None
    """The fact by which they are ordered, largest first."""
    listed: Sequence[CellDifference]

    def read(self, limit: int | None) -> Iterator[dict[str, Any]]:
        """Yield the first `limit` subjects, or all, as JSON."""
        measure = self.measure.column if self.measure else "NULL"
        columns, shown = [SUBJECT, measure], list[list[str]]()
        for index, name in enumerate(self.compared):
            versions = (self.before.policy(name), self.after.policy(name))
            outcomes = dict.fromkeys(outcome for each in versions if each for outcome in each.outcomes)
            shown.append([each for each in outcomes if any(is_single(version, each) for version in versions)])
            columns += [moved_column(index), *(charge_column(order, index) for order in ORDERS)]
            columns += [side.label(name, each) for each in shown[-1] for side in (self.before, self.after)]
        largest_first = f"{measure} DESC NULLS LAST, " if self.measure else ""
        order = f"ORDER BY {largest_first}{ROW}" + (f" LIMIT {limit}" if limit else "")
        cursor = self.connection.execute(
            f"SELECT {', '.join(columns)} FROM {MOVERS} {order}"  # noqa: S608
        )
        texts = [
            [(each, self.before.text_of(name, each), self.after.text_of(name, each)) for each in outcomes]
            for name, outcomes in zip(self.compared, shown, strict=True)
        ]
        while rows := cursor.fetchmany(_FETCHED):
            for row in rows:
                yield self._mover(list(row), texts)

    def _mover(
        self,
        cells: list[Any],
        shown: Sequence[Sequence[tuple[str, LabelText, LabelText]]],
    ) -> dict[str, Any]:
        subject, measure, *rest = cells
        policies = []
        for name, outcomes in zip(self.compared, shown, strict=True):
            moves, first, second, *_ = rest
            labels = rest[3 : 3 + 2 * len(outcomes)]
            rest = rest[3 + 2 * len(outcomes) :]
            if moves:
                pairs = zip(outcomes, labels[::2], labels[1::2], strict=True)
                policies.append(
                    {
                        "policy": name,
                        "outcomes": [
                            {"outcome": each, "from": old(one), "to": new(other)}
                            for (each, old, new), one, other in pairs
                        ],
                        "charged_to": [
                            str(self.listed[each]) for each in dict.fromkeys((first, second)) if each is not None
                        ],
                    }
                )
        kind = self.measure.type if self.measure else None
        text = write_decimal(measure, kind.scale) if isinstance(kind, NumberType) and measure is not None else None
        return {"subject": subject, "measure": text, "policies": policies}

    def write(self, output: Path) -> None:
        """Write every moving subject, a line for each policy. Raises OSError."""
        heading = [
            "subject",
            self.measure.name if self.measure else "measure",
            "policy",
            "before",
            "after",
            "charged_to",
        ]

        def write_lines(path: Path) -> None:
            with path.open("w", encoding="utf-8-sig", newline="") as file:
                writer = csv.writer(file)
                writer.writerow(heading)
                for each in self.read(None):
                    for policy in each["policies"]:
                        words = [
                            "; ".join(f"{one['outcome']}={one[end]}" for one in policy["outcomes"])
                            for end in ("from", "to")
                        ]
                        cells = [each["subject"], each["measure"] or "", policy["policy"], *words]
                        writer.writerow([guard(cell) for cell in (*cells, " + ".join(policy["charged_to"]))])

        write_whole(output, write_lines)
