"""Charges each subject that moves to the difference that moves it, with the differences applied one by one.

A subject is charged to the difference after which its answer is the new one and stays so. That is done in both orders,
first to last and last to first: where both charge the same difference, it moves the subject by itself; where they
charge two, the two act together (interaction). So the counts of a policy add up to its subjects that move.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import duckdb
import pyarrow as pa

from policy_service.compilers.columnar.widths import Interval
from policy_service.language.policy import Policy
from policy_service.language.requirements import required_policies, topological_order
from policy_service.population.differences import CellDifference, apply_differences
from policy_service.population.engines import QueryEngine
from policy_service.population.plan import Plan
from policy_service.population.population import ROW
from policy_service.population.sides import ANSWERS, Side, differs
from policy_service.population.source import PART_ROWS
from policy_service.population.stages import compile_stages

BETWEEN = "between"
PREFIX = "h_"
FEW = 2_000
"""Rows that generated Python decides sooner than a query is made."""


@dataclass(frozen=True)
class Change:
    """The versions before and after, and all their differences in order."""

    before: Mapping[str, Policy]
    after: Mapping[str, Policy]
    differences: Sequence[CellDifference]

    def between(self, applied: Sequence[CellDifference]) -> list[Policy]:
        """The policies that have some of the differences, in an order in which they can be decided."""
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
    """How many subjects two differences move; one difference by itself where both are the same."""

    first: CellDifference
    second: CellDifference
    subjects: int


def charges_table(policy: int) -> str:
    """The table of the charges of the policy of this index: row, and the differences in either order."""
    return f"charges_{policy}"


@dataclass(frozen=True)
class Attribution:
    """Charges the subjects that move between two sides."""

    connection: duckdb.DuckDBPyConnection
    engine: QueryEngine
    plan: Plan
    bounds: Mapping[str, Interval]
    as_of: datetime.date
    change: Change
    after: Side
    policies: Sequence[str]

    def charge(self, moved: Mapping[str, str]) -> list[list[Charge]]:
        """Charge the subjects for which the SQL of a policy says that they move; the charges of each policy."""
        for index, policy in enumerate(self.policies):
            self.connection.execute(
                f"CREATE TABLE {charges_table(index)} AS SELECT row, NULL::INTEGER AS first, NULL::INTEGER AS second "  # noqa: S608
                f"FROM {ANSWERS} WHERE {moved[policy]}"
            )
        differences = list(self.change.differences)
        last = len(differences) - 1
        for name, order in (("first", differences), ("second", differences[::-1])):
            for count in range(last, 0, -1):
                self._charge_step(name, order[:count], count if name == "first" else last - count)
            for index, _ in enumerate(self.policies):
                start = 0 if name == "first" else last
                self.connection.execute(f"UPDATE {charges_table(index)} SET {name} = {start} WHERE {name} IS NULL")  # noqa: S608
        return [self._charges(index) for index, _ in enumerate(self.policies)]

    def _charge_step(self, name: str, applied: Sequence[CellDifference], charged: int) -> None:
        """Charge to the next difference those whose answer is not the new one with these applied."""
        pending = " UNION ".join(
            f"SELECT row FROM {charges_table(index)} WHERE {name} IS NULL"  # noqa: S608  # names of our own
            for index, _ in enumerate(self.policies)
        )
        facts = ", ".join(each.column for each in self.plan.columns)
        rows: pa.Table = self.connection.sql(
            f"SELECT row, subject, {facts} FROM {ANSWERS} WHERE row IN ({pending}) ORDER BY row"  # noqa: S608
        ).to_arrow_table()
        if rows.num_rows == 0:
            return
        plan = replace(self.plan, policies=tuple(self.change.between(applied)))
        day, few = self.as_of.toordinal(), rows.num_rows <= FEW
        side = Side(PREFIX, compile_stages(plan, self.bounds, day, self.engine, by_python=few))
        for start in range(0, rows.num_rows, PART_ROWS):
            part = rows.slice(start, PART_ROWS)
            decided = pa.table({ROW: part[ROW], **side.decide(part.combine_chunks(), self.policies)})
            self.connection.register(BETWEEN, decided)
            for index, policy in enumerate(self.policies):
                other = differs(side.columns(policy), self.after.columns(policy))
                charges = charges_table(index)
                others = f"SELECT {BETWEEN}.row FROM {BETWEEN} JOIN {ANSWERS} USING (row) WHERE {other}"  # noqa: S608
                self.connection.execute(
                    f"UPDATE {charges} SET {name} = {charged} WHERE {name} IS NULL AND row IN ({others})"  # noqa: S608
                )
            self.connection.unregister(BETWEEN)

    def _charges(self, policy: int) -> list[Charge]:
        found = self.connection.execute(
            f"SELECT least(first, second), greatest(first, second), count(*) FROM {charges_table(policy)} "  # noqa: S608
            "GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2"
        ).fetchall()
        return [Charge(self.change.differences[one], self.change.differences[two], count) for one, two, count in found]
