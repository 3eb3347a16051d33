"""The monthly work that policies require of each role, before and after a change, compared with its capacity.

Contacts are summed as fractions: two per quarter are two thirds per month. Requests are counted by service level; a
subject makes as many as the fact `requests_a_month` says, or one by default. For the policies involved, see
`approval/capacity.py`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Any

import duckdb

from policy_service.approval.capacity import (
    ANSWER_WITHIN,
    CONTACTS,
    MODE,
    OWNER,
    PERIOD,
    PERIODS,
    asks_for_contacts,
    sets_service_level,
    stated_capacity,
)
from policy_service.approval.errors import ValidationFailed
from policy_service.language.policy import Policy
from policy_service.language.types import NumberType, write_decimal, write_duration
from policy_service.population.errors import RunFailed
from policy_service.population.plan import FactColumn
from policy_service.population.sides import ANSWERS, STATUS, SUBJECTS, Side


@dataclass(frozen=True)
class Workload:
    """The work required by the answers of both sides."""

    connection: duckdb.DuckDBPyConnection
    sides: tuple[Side, Side]
    compared: Sequence[str]
    capacity: Policy | None
    """The version of `governance/capacity` in force."""
    day: date

    def contacts(self) -> list[dict[str, Any]]:
        """Return the monthly contacts by role, as JSON. Raises RunFailed if a capacity may be 0."""
        before, after = (self._contacts(side) for side in self.sides)
        return [self._row(role, before[role], after[role]) for role in sorted({*before, *after})]

    def requests(self, frequency: FactColumn | None) -> list[dict[str, Any]]:
        """Return the requests by service level, as JSON: those of each mode, then by response time.

        `frequency` is the column with the number of requests per subject. Raises RunFailed if a capacity may be 0.
        """
        before, after = (self._requests(side, frequency) for side in self.sides)
        levels = sorted({*before, *after})
        rows = []
        for mode in dict.fromkeys(mode for mode, _ in levels):
            total = (sum((sums[each] for each in levels if each[0] == mode), Fraction(0)) for sums in (before, after))
            rows.append({**self._row(mode, *total), ANSWER_WITHIN: None})
            for level in levels:
                if level[0] == mode:
                    figures = _figures(before[level], after[level])
                    unstated = {"capacity": None, "capacity_share": None}
                    rows.append({"role": mode, **figures, **unstated, ANSWER_WITHIN: write_duration(level[1])})
        return rows

    def _row(self, role: str, before: Fraction, after: Fraction) -> dict[str, Any]:
        """Return the work of a role on both sides, and its capacity."""
        try:
            capacity = None if self.capacity is None else stated_capacity(self.capacity, role, self.day)
        except ValidationFailed as error:
            raise RunFailed(str(error)) from None
        return {
            "role": role,
            **_figures(before, after),
            "capacity": None if capacity is None else str(capacity),
            "capacity_share": None if capacity is None else _share(after / capacity),
        }

    def _contacts(self, side: Side) -> defaultdict[str, Fraction]:
        sums = defaultdict[str, Fraction](Fraction)
        for owner, period, contacts in self._sums(side, asks_for_contacts, (OWNER, PERIOD), lambda own: own[CONTACTS]):
            sums[owner] += contacts * PERIODS[period]
        return sums

    def _requests(self, side: Side, frequency: FactColumn | None) -> defaultdict[tuple[str, int], Fraction]:
        """Return the requests by mode and seconds to answer."""
        unit = 10**frequency.type.scale if frequency is not None and isinstance(frequency.type, NumberType) else 1
        count = SUBJECTS if frequency is None else f"coalesce({frequency.column}, {unit}) * {SUBJECTS}"
        sums = defaultdict[tuple[str, int], Fraction](Fraction)
        for mode, seconds, requests in self._sums(side, sets_service_level, (MODE, ANSWER_WITHIN), lambda _: count):
            sums[mode, int(seconds)] += Fraction(requests, unit)
        return sums

    def _sums(
        self,
        side: Side,
        asks: Callable[[Policy], bool],
        keys: tuple[str, str],
        amount: Callable[[Mapping[str, str]], str],
    ) -> Iterator[tuple[str, str, int]]:
        """Yield the sums of an amount per row, by two outcomes, over the policies that require such work."""
        for name in self.compared:
            version, own = side.policy(name), side.columns(name)
            if version is not None and asks(version):
                cells = ", ".join(f"CAST({own[key]} AS VARCHAR)" for key in keys)
                query = (
                    f"SELECT {cells}, sum(CAST({amount(own)} AS HUGEINT)) "  # noqa: S608  # our own names
                    f"FROM {ANSWERS} WHERE {own[STATUS]} = 'decided' GROUP BY 1, 2"
                )
                for first, second, total in self.connection.execute(query).fetchall():
                    yield first, second, int(total)


def _figures(before: Fraction, after: Fraction) -> dict[str, str]:
    return {"before": str(before), "after": str(after), "difference": str(after - before)}


def _share(share: Fraction) -> str:
    """Return a share to four decimals, rounded up."""
    units = -(-share.numerator * 10**4 // share.denominator)
    return write_decimal(units, 4)
