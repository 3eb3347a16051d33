"""Counts the subjects whom policies decide otherwise by their latest records than by those up to a number."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import duckdb
import pyarrow as pa

from policy_service.database import Database
from policy_service.decisions.subjects import FactCipher
from policy_service.language.policy import Policy
from policy_service.language.requirements import bind_figures
from policy_service.population.engines import QueryEngine, open_engine
from policy_service.population.errors import RunFailed
from policy_service.population.mapping import Mapping
from policy_service.population.parts import PartFolder
from policy_service.population.plan import make_plan
from policy_service.population.population import SUBJECT, register
from policy_service.population.records import open_records
from policy_service.population.sides import Side, differs, insert
from policy_service.population.source import RowSource
from policy_service.population.stages import compile_stages

THEN, NOW = "b_", "a_"


def count_drifted(  # noqa: PLR0913, PLR0917  # whom, when, and by which records
    database: Database, cipher: FactCipher, policies: Sequence[Policy], kind: str, day: date, last: int
) -> int:
    """Count the subjects of a kind whose outcomes differ; one that was not there up to the record `last` differs.

    Raises PopulationRejected, RunFailed, DamagedRecord, OSError.
    """
    try:
        return _count(database, cipher, policies, kind, day, last)
    except duckdb.Error as error:
        raise RunFailed(f"DuckDB: {error}") from None


def _count(  # noqa: PLR0913, PLR0917  # as above
    database: Database, cipher: FactCipher, policies: Sequence[Policy], kind: str, day: date, last: int
) -> int:
    names = [policy.id for policy in policies]
    with duckdb.connect() as connection, open_engine("duckdb") as engine:
        sides = []
        for prefix, until in ((THEN, last), (NOW, None)):
            with open_records(database, cipher, kind, day, until=until) as source:
                sides.append(_decide(connection, engine, source, policies, names, kind, day, prefix))
        differences = " OR ".join(differs(sides[0].columns(name), sides[1].columns(name)) for name in names)
        query = (
            f"SELECT count(*) FROM {NOW}answers AS a FULL JOIN {THEN}answers AS b USING (subject) "  # noqa: S608
            f"WHERE a.subject IS NULL OR b.subject IS NULL OR {differences}"
        )
        found = connection.execute(query).fetchone()
    return int(found[0]) if found else 0


def _decide(  # noqa: PLR0913, PLR0917  # what decides about whom
    connection: duckdb.DuckDBPyConnection,
    engine: QueryEngine,
    source: RowSource,
    policies: Sequence[Policy],
    names: Sequence[str],
    kind: str,
    day: date,
    prefix: str,
) -> Side:
    """Decide a population, and put the answers into a table whose name and columns begin with `prefix`."""
    plan = make_plan(source.headings, Mapping(), bind_figures(policies), names, kind)
    with tempfile.TemporaryDirectory() as folder:
        parts = PartFolder(Path(folder), is_encrypted=source.is_encrypted)
        population = register(source, plan, parts, lambda _: None)
        side = Side(prefix, compile_stages(plan, population.bounds, day.toordinal(), engine))
        for name in population.parts:
            part = parts.table(name)
            insert(connection, f"{prefix}answers", pa.table({"subject": part[SUBJECT], **side.decide(part, names)}))
    return side
