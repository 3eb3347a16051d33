"""Attributes each moving subject to the difference that moves it, by applying the differences one by one.

A subject is attributed to the difference after which its answer is, and remains, the new one. This is done in both
orders, first to last and last to first: if both name the same difference, it moves the subject alone; if they name two,
these interact. So the counts of a policy add up to its moving subjects.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import duckdb

from policy_service.compilers.columnar.widths import Interval
from policy_service.language.policy import Policy
from policy_service.language.requirements import required_policies, topological_order
from policy_service.population.differences import CellDifference, apply_differences
from policy_service.population.engines import QueryEngine
from policy_service.population.plan import Plan
from policy_service.population.population import ROW, SUBJECT
from policy_service.population.sides import MOVERS, Side, moved_column
from policy_service.population.stages import FEW, compile_stages

BETWEEN = "between"
PREFIX = "h_"
ORDERS = ("first", "second")
"""The orders in which the differences are applied."""


@dataclass(frozen=True)
class Change:
    """The versions before and after, and all their differences in order."""

    before: Mapping[str, Policy]
    after: Mapping[str, Policy]
    differences: Sequence[CellDifference]

    def between(self, applied: Sequence[CellDifference]) -> list[Policy]:
        """Return the policies with some of the differences applied, in evaluation order."""
        policies = []
        for name, after in self.after.items():
            mine = [each for each in applied if each.policy == name]
            whole = [each for each in self.differences if each.policy == name]
            if (policy := apply_differences(self.before.get(name), after, mine, whole)) is not None:
                policies.append(policy)
        absent = {name for policy in policies for name in required_policies(policy)}
        return list(topological_order(policies, absent))


@dataclass(frozen=True, slots=True)
class Charge:
    """The number of subjects moved by two differences together; by one alone if both are the same."""

    first: CellDifference
    second: CellDifference
    subjects: int


def charge_column(order: str, policy: int) -> str:
    """Return the column of MOVERS with the difference that moves a subject, by policy index and order."""
    return f"{order}_{policy}"


@dataclass(frozen=True)
class Attribution:
    """Attributes the subjects that move between two sides, the rows of MOVERS."""

    connection: duckdb.DuckDBPyConnection
    engine: QueryEngine
    plan: Plan
    bounds: Mapping[str, Interval]
    as_of: datetime.date
    change: Change
    after: Side
    policies: Sequence[str]

    def charge(self) -> list[list[Charge]]:
        """Attribute the subjects; return the charges of each policy."""
        differences = list(self.change.differences)
        last = len(differences) - 1
        for count in range(last, 0, -1):
            self._charge_step("first", differences[:count], count)
        for count in range(last, 0, -1):
            self._charge_step("second", differences[::-1][:count], last - count)
        return [self._charges(index, last) for index, _ in enumerate(self.policies)]

    def _charge_step(self, order: str, applied: Sequence[CellDifference], charged: int) -> None:
        """Attribute to the next difference those subjects whose answer is not yet the new one."""
        pending = [
            f"({moved_column(index)} AND {charge_column(order, index)} IS NULL)"
            for index, _ in enumerate(self.policies)
        ]
        facts = ", ".join([ROW, SUBJECT, *(each.column for each in self.plan.columns)])
        rows = f"SELECT {facts} FROM {MOVERS} WHERE {' OR '.join(pending)}"  # noqa: S608  # names of our own
        [(count,)] = self.connection.execute(f"SELECT count(*) FROM ({rows})").fetchall()  # noqa: S608
        if count == 0:
            return
        plan = replace(self.plan, policies=tuple(self.change.between(applied)))
        stages = compile_stages(
            {PREFIX: plan},
            self.bounds,
            self.as_of.toordinal(),
            self.engine,
            by_python=count <= FEW,
            names_subjects=True,
        )
        side = Side(PREFIX, stages)
        self.connection.execute(f"CREATE OR REPLACE TABLE {BETWEEN} AS {stages.within(self.connection, rows)}")
        for index, policy in enumerate(self.policies):
            self.connection.execute(
                f"UPDATE {MOVERS} SET {charge_column(order, index)} = {charged} FROM {BETWEEN} "  # noqa: S608
                f"WHERE {MOVERS}.{ROW} = {BETWEEN}.{ROW} AND {pending[index]} AND {side.differs(self.after, policy)}"
            )

    def _charges(self, policy: int, last: int) -> list[Charge]:
        """Return the charges of a policy; subjects attributed at no step belong to the difference applied first."""
        first, second = (charge_column(order, policy) for order in ORDERS)
        self.connection.execute(
            f"UPDATE {MOVERS} SET {first} = coalesce({first}, 0), {second} = coalesce({second}, {last}) "  # noqa: S608
            f"WHERE {moved_column(policy)}"
        )
        found = self.connection.execute(
            f"SELECT least({first}, {second}), greatest({first}, {second}), count(*) FROM {MOVERS} "  # noqa: S608
            f"WHERE {moved_column(policy)} GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2"
        ).fetchall()
        return [Charge(self.change.differences[one], self.change.differences[two], count) for one, two, count in found]
