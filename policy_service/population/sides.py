"""Both sides of a simulation in one table of DuckDB: each subject once, with its facts and all answers.

The rows are the same on both sides and made once. Columns of answers begin with `b_` before the change, `a_` after it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from policy_service.language.policy import Policy
from policy_service.language.types import BooleanType, ChoiceType
from policy_service.population.population import ROW, SUBJECT
from policy_service.population.stages import Stages

ANSWERS = "answers"
STATUS = ""
"""Stands for the status among the outcomes."""
NOT_IN_FORCE = "(not_in_force)"


@dataclass(frozen=True)
class Side:
    """The answers of some policies, as columns of a table whose names begin with `prefix`."""

    prefix: str
    stages: Stages

    def policy(self, policy: str) -> Policy | None:
        """The version that answers."""
        return next((stage.policy for stage in self.stages.stages if stage.policy.id == policy), None)

    def columns(self, policy: str) -> dict[str, str]:
        """The columns of the status and of each outcome; none of a policy that is not there."""
        for stage in self.stages.stages:
            if stage.policy.id == policy:
                names = {name: stage.answer.outcome(index) for index, name in enumerate(stage.policy.outcomes)}
                return {
                    name: f"{self.prefix}{column}" for name, column in {STATUS: stage.answer.status, **names}.items()
                }
        return {}

    def decide(self, part: pa.Table, policies: Iterable[str]) -> dict[str, pa.ChunkedArray]:
        """The columns of the answers of these policies about a part."""
        decided = self.stages.decide(part)
        wanted = [column for policy in policies for column in self.columns(policy).values()]
        return {column: decided[column.removeprefix(self.prefix)] for column in wanted}

    def label(self, policy: str, outcome: str) -> str:
        """SQL for the word of an outcome; where nothing was decided, for the status in brackets."""
        columns, version = self.columns(policy), self.policy(policy)
        if version is None:
            return f"'{NOT_IN_FORCE}'"
        declared = version.outcomes.get(outcome)
        word = "'(none)'" if declared is None else f"CAST({columns[outcome]} AS VARCHAR)"
        if declared is not None and isinstance(declared.type, BooleanType):
            word = f"CASE {columns[outcome]} WHEN 1 THEN 'true' ELSE 'false' END"
        return f"CASE {columns[STATUS]} WHEN 'decided' THEN {word} ELSE '(' || {columns[STATUS]} || ')' END"


def differs(left: Mapping[str, str], right: Mapping[str, str]) -> str:
    """SQL that is true where the status or an outcome is another."""
    names = dict.fromkeys((*left, *right))
    pairs = [[_text(side.get(name)) for side in (left, right)] for name in names]
    return f"({' OR '.join(f'{one} IS DISTINCT FROM {other}' for one, other in pairs) or 'false'})"


def _text(column: str | None) -> str:
    return f"CAST({column} AS VARCHAR)" if column else "NULL"


def insert(connection: duckdb.DuckDBPyConnection, table: str, rows: pa.Table) -> None:
    """Add rows to a table, which the first ones make."""
    connection.register("rows_to_insert", rows)
    exists = connection.execute("SELECT 1 FROM duckdb_tables() WHERE table_name = ?", [table]).fetchone()
    verb = f"INSERT INTO {table}" if exists else f"CREATE TABLE {table} AS"
    connection.execute(f"{verb} SELECT * FROM rows_to_insert")  # noqa: S608  # names of our own
    connection.unregister("rows_to_insert")


def keep_answers(
    connection: duckdb.DuckDBPyConnection,
    part: pa.Table,
    facts: Sequence[str],
    sides: Iterable[Side],
    policies: Sequence[str],
) -> None:
    """Decide a part on both sides, and add it to the table."""
    arrays = {name: part[name] for name in (ROW, SUBJECT, *facts)}
    for side in sides:
        arrays.update(side.decide(part, policies))
    insert(connection, ANSWERS, pa.table(arrays))


def has_words(version: Policy | None, outcome: str) -> bool:
    """True if an outcome is one of few words."""
    if version is None or version.returns_list or outcome not in version.outcomes:
        return False
    return isinstance(version.outcomes[outcome].type, ChoiceType | BooleanType)
