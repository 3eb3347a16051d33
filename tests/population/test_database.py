"""Tables of databases are populations: read exactly, in one snapshot, with a digest of their rows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import psycopg
import pytest
from sqlalchemy.engine import make_url

from policy_service.population.database import open_table
from policy_service.population.errors import PopulationRejected
from policy_service.population.mapping import Mapping
from tests.databases import empty_url
from tests.population.files import RFM, read_result, run_file

TABLE = """CREATE TABLE customers (subject text, amount_12m numeric(12, 2), orders_12m int, recency_days bigint,
    industry text, since date, vip boolean)"""
ROWS = """INSERT INTO customers VALUES ('C2', 120000.10, 1, NULL, 'retail', '2020-02-29', true),
    ('C1', 800000, 3, 45, 'it', NULL, false), ('C3', 1.5, 2, 10, 'IT', NULL, NULL)"""
MEANS = Mapping(constants={"industry_mean_amount": "500000", "industry_mean_orders": "2"})


@pytest.fixture(params=["duckdb", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "duckdb":
        with duckdb.connect(str(tmp_path / "facts.duckdb")) as connection:
            connection.execute(TABLE)
            connection.execute(ROWS)
        yield str(tmp_path / "facts.duckdb")
        return
    with empty_url("postgresql") as url:
        address = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(address) as server:
            server.execute(TABLE)
            server.execute(ROWS)
        yield address


def test_a_table_is_decided_about_like_a_file(database: str, tmp_path: Path) -> None:
    report = run_file(database, tmp_path / "o.csv", table="customers", mapping=MEANS)
    rows = read_result(report.paths[0])
    assert [(row["subject"], row["amount_12m"], row["since"], row["vip"], row[f"{RFM}.tier"]) for row in rows] == [
        ("C1", "800000.00", "", "false", "A"),
        ("C2", "120000.10", "2020-02-29", "true", "C"),
    ]
    [rejected] = read_result(report.paths[1])
    assert (rejected["row"], rejected["subject"]) == ("3", "C3")
    assert report.manifest["population"]["name"] == "customers"
    again = run_file(database, tmp_path / "o.csv", table="customers", mapping=MEANS)
    assert again.manifest["population"] == report.manifest["population"]


@pytest.mark.parametrize(
    ("table", "subject", "problem"),
    [("nothing", "subject", "nothing: (DuckDB|PostgreSQL): "), ("customers", "id", "customers: no column `id`")],
)
def test_what_is_not_there_is_told(database: str, table: str, subject: str, problem: str, tmp_path: Path) -> None:
    with pytest.raises(PopulationRejected, match=problem):
        run_file(database, tmp_path / "o.csv", table=table, mapping=Mapping(subject=subject))


def test_rows_that_differ_have_other_digests_whatever_their_cells_hold(tmp_path: Path) -> None:
    sources = []
    for number, row in enumerate(
        [("C1", "a\x1fb", "c"), ("C1", "a", "b\x1fc"), ("C1", "\x00", "c"), ("C1", None, "c")]
    ):
        path = tmp_path / f"{number}.duckdb"
        with duckdb.connect(str(path)) as connection:
            connection.execute("CREATE TABLE customers (subject text, one text, other text)")
            connection.execute("INSERT INTO customers VALUES (?, ?, ?)", row)
        with open_table(str(path), "customers", Mapping()) as source:
            sources.append(source.digest)
    assert len(set(sources)) == len(sources)


def test_floats_are_refused(tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / "facts.duckdb")) as connection:
        connection.execute(TABLE.replace("numeric(12, 2)", "double"))
        connection.execute(ROWS)
    with pytest.raises(PopulationRejected, match="customers: `amount_12m` is binary floating point"):
        run_file(str(tmp_path / "facts.duckdb"), tmp_path / "o.csv", table="customers", mapping=MEANS)
