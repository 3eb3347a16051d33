"""How many contacts a month policies ask of each role, before and after a change, beside the stated capacity.

Sums are fractions: two contacts a quarter are two thirds a month. Which policies count: `approval/capacity.py`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date
from fractions import Fraction
from typing import Any

import duckdb

from policy_service.approval.capacity import (
    CAPACITY,
    CONTACTS,
    OWNER,
    PERIOD,
    PERIODS,
    asks_for_contacts,
    stated_capacity,
)
from policy_service.approval.errors import ValidationFailed
from policy_service.language.policy import Policy
from policy_service.language.types import write_decimal
from policy_service.population.errors import RunFailed
from policy_service.population.sides import ANSWERS, STATUS, Side


def workload(
    connection: duckdb.DuckDBPyConnection,
    sides: Sequence[Side],
    compared: Iterable[str],
    policies: Iterable[Policy],
    day: date,
) -> list[dict[str, Any]]:
    """Contacts a month by role on both sides, as JSON. Raises RunFailed where a capacity may be 0."""
    before, after = (defaultdict[str, Fraction](Fraction) for _ in sides)
    for name in compared:
        for side, sums in zip(sides, (before, after), strict=True):
            _add_contacts(connection, side, name, sums)
    stated = next((each for each in policies if each.id == CAPACITY), None)
    rows = []
    for role in sorted({*before, *after}):
        try:
            capacity = stated_capacity(stated, role, day) if stated is not None else None
        except ValidationFailed as error:
            raise RunFailed(str(error)) from None
        rows.append(
            {
                "role": role,
                "before": str(before[role]),
                "after": str(after[role]),
                "difference": str(after[role] - before[role]),
                "capacity": None if capacity is None else str(capacity),
                "capacity_share": None if capacity is None else _share(after[role] / capacity),
            }
        )
    return rows


def _add_contacts(
    connection: duckdb.DuckDBPyConnection, side: Side, name: str, sums: defaultdict[str, Fraction]
) -> None:
    version = side.policy(name)
    if version is None or not asks_for_contacts(version):
        return
    columns = side.columns(name)
    query = (
        f"SELECT CAST({columns[OWNER]} AS VARCHAR), CAST({columns[PERIOD]} AS VARCHAR), "  # noqa: S608  # our own names
        f"sum(CAST({columns[CONTACTS]} AS HUGEINT)) FROM {ANSWERS} WHERE {columns[STATUS]} = 'decided' GROUP BY 1, 2"
    )
    for owner, period, contacts in connection.execute(query).fetchall():
        sums[owner] += int(contacts) * PERIODS[period]


def _share(share: Fraction) -> str:
    """A share to four decimals, rounded up."""
    units = -(-share.numerator * 10**4 // share.denominator)
    return write_decimal(units, 4)
