"""The query engines of a run: DuckDB in this process, or Spark, local or in a cluster.

Spark must raise an error when a number overflows, not return null, so ANSI mode is required. The session is the one in
Spark's own settings (`SPARK_REMOTE`, `PYSPARK_SUBMIT_ARGS`, `spark-defaults.conf`), else a local one.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any, Literal, Protocol

import duckdb
import pyarrow as pa

from policy_service.compilers.columnar import door
from policy_service.compilers.columnar.door import Dialect
from policy_service.population.errors import PopulationRejected, RunFailed

EngineName = Literal["duckdb", "spark", "python", "postgresql"]
"""`postgresql` evaluates in place: see `in_place`."""
PART = "part"
"""The table that a query reads."""
_ELSEWHERE = ("SPARK_REMOTE", "PYSPARK_SUBMIT_ARGS", "SPARK_CONF_DIR")


class QueryEngine(Protocol):
    """Answers queries about one table."""

    dialect: Dialect
    version: str

    def query(self, sql: str, part: pa.Table) -> pa.Table:
        """Run a query on `part`, the table PART. Raises RunFailed."""


@contextmanager
def open_engine(name: EngineName) -> Iterator[QueryEngine]:
    """Open an engine; the Python engine computes what remains, filling facts of chained policies, in DuckDB.

    Raises PopulationRejected when it is not installed.
    """
    if name == "spark":
        session = spark_session()
        try:
            yield _Spark(session)
        finally:
            session.stop()
        return
    with duckdb.connect() as connection:
        yield DuckDB(connection)


class DuckDB:
    """DuckDB in this process."""

    dialect = door.DUCKDB
    version = f"DuckDB {duckdb.__version__}"

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        connection.execute(door.SETUP)
        self.connection = connection

    def query(self, sql: str, part: pa.Table) -> pa.Table:
        self.connection.register(PART, part)
        try:
            return self.connection.sql(sql).to_arrow_table()
        except duckdb.Error as error:
            raise RunFailed(f"DuckDB: {error}") from None


def spark_session() -> Any:  # noqa: ANN401  # pyspark is an extra
    """Open a session of Spark in ANSI mode. Raises PopulationRejected if it is not installed, or fails."""
    if find_spec("pyspark") is None:
        raise PopulationRejected(["Spark is not installed: `pip install 'policy-service[spark]'`, and Java 17"])
    if shutil.which("java") is None and "JAVA_HOME" not in os.environ and "SPARK_REMOTE" not in os.environ:
        raise PopulationRejected(
            ["Spark needs Java 17: install it (on Debian `openjdk-17-jre-headless`) or set JAVA_HOME"]
        )
    from pyspark.sql import SparkSession  # noqa: PLC0415  # an extra

    builder = SparkSession.builder.appName("policy-service")
    if not any(name in os.environ for name in _ELSEWHERE):
        builder = builder.master("local[*]").config("spark.ui.enabled", "false").config("spark.log.level", "OFF")
        builder = builder.config("spark.driver.host", "127.0.0.1").config("spark.driver.bindAddress", "127.0.0.1")
    session = builder.getOrCreate()
    session.conf.set("spark.sql.ansi.enabled", "true")
    session.conf.set("spark.sql.session.timeZone", "UTC")
    if session.conf.get("spark.sql.ansi.enabled") != "true":
        session.stop()
        raise PopulationRejected(["Spark does not run in ANSI mode: a number that does not fit would be null"])
    return session


class _Spark:
    """A session of Spark."""

    dialect = door.SPARK

    def __init__(self, session: Any) -> None:  # noqa: ANN401
        self._session = session
        self.version = f"Spark {session.version}"

    def query(self, sql: str, part: pa.Table) -> pa.Table:
        from pyspark.errors import PySparkException  # noqa: PLC0415  # an extra

        try:
            self._session.createDataFrame(part).createOrReplaceTempView(PART)
            return self._session.sql(sql).toArrow().sort_by("row")
        except PySparkException as error:
            raise RunFailed(f"Spark: {str(error).splitlines()[0]}") from None
