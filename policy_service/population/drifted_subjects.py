"""Counts the subjects whose outcomes by their latest records differ from those by the records up to a number."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import duckdb

from policy_service.database import Database
from policy_service.decisions.subjects import FactCipher
from policy_service.language.policy import Policy
from policy_service.language.requirements import bind_figures
from policy_service.population.engines import DuckDB
from policy_service.population.errors import RunFailed
from policy_service.population.mapping import Mapping
from policy_service.population.parts import ROWS, PartTable
from policy_service.population.plan import make_plan
from policy_service.population.population import SUBJECT, register
from policy_service.population.records import RecordSource, open_records
from policy_service.population.sides import Side
from policy_service.population.stages import FEW, compile_stages

THEN, NOW = "b_", "a_"


def count_drifted(  # noqa: PLR0913, PLR0917  # whom, when, and by which records
    database: Database, cipher: FactCipher, policies: Sequence[Policy], kind: str, day: date, last: int
) -> int:
    """Count the subjects of a kind whose outcomes differ; one without a record up to `last` counts as different."""
    try:
        return _count(database, cipher, policies, kind, day, last)
    except duckdb.Error as error:
        raise RunFailed(f"DuckDB: {error}") from None


def _count(  # noqa: PLR0913, PLR0917  # as above
    database: Database, cipher: FactCipher, policies: Sequence[Policy], kind: str, day: date, last: int
) -> int:
    names = [policy.id for policy in policies]
    with duckdb.connect() as connection:
        connection.execute("SET temp_directory = ''")  # facts stay in memory
        sides: dict[str, Side] = {}
        for prefix, until in ((THEN, last), (NOW, None)):
            with open_records(
                database, cipher, kind, day, until=until, decided_after=last, policies=policies
            ) as source:
                if source.count:
                    sides[prefix] = _decide(connection, source, policies, names, kind, day, prefix)
        if len(sides) < len((THEN, NOW)):  # all of them have come since
            query = " UNION ALL ".join(f"SELECT count(*) FROM {prefix}answers" for prefix in sides)  # noqa: S608
        else:
            differences = " OR ".join(sides[THEN].differs(sides[NOW], name) for name in names)
            query = (
                f"SELECT count(*) FROM {NOW}answers AS a FULL JOIN {THEN}answers AS b USING (subject) "  # noqa: S608
                f"WHERE a.subject IS NULL OR b.subject IS NULL OR {differences}"
            )
        found = connection.execute(query).fetchone()
    return int(found[0]) if found else 0


def _decide(  # noqa: PLR0913, PLR0917  # what decides about whom
    connection: duckdb.DuckDBPyConnection,
    source: RecordSource,
    policies: Sequence[Policy],
    names: Sequence[str],
    kind: str,
    day: date,
    prefix: str,
) -> Side:
    """Evaluate a population, and store the answers in a table whose name and columns begin with `prefix`."""
    plan = make_plan(source.headings, Mapping(), bind_figures(policies), names, kind)
    kept = PartTable(connection)
    population = register(source, plan, kept, lambda _: None)
    stages = compile_stages(
        {prefix: plan},
        population.bounds,
        day.toordinal(),
        DuckDB(connection),
        by_python=source.count <= FEW,
        names_subjects=True,
    )
    side = Side(prefix, stages)
    answered = stages.within(connection, f"FROM {ROWS}")
    columns = ", ".join([SUBJECT, *(column for name in names for column in side.columns(name).values())])
    connection.execute(f"CREATE TABLE {prefix}answers AS SELECT {columns} FROM ({answered})")  # noqa: S608  # our names
    kept.remove()
    return side
