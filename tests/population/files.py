"""Small populations, and runs over them."""

from __future__ import annotations

import csv
import datetime
from collections.abc import Sequence
from pathlib import Path

import pytest

from policy_service.language.benchmark_set import BenchmarkSet
from policy_service.language.policy import Policy
from policy_service.population.engines import EngineName
from policy_service.population.errors import PopulationRejected
from policy_service.population.in_place import run_in_place
from policy_service.population.mapping import Mapping
from policy_service.population.run import RunReport, RunRequest, run_policies
from tests.shipped import NEWEST

DAY = datetime.date(2026, 11, 21)
RFM = "tiering/rfm_value"
HEADINGS = (
    "subject",
    "amount_12m",
    "orders_12m",
    "recency_days",
    "industry",
    "industry_mean_amount",
    "industry_mean_orders",
)
ROW = ("C1", "800000.00", "3", "45", "it", "500000.00", "2.0000")
"""A customer of tier A."""


def write_csv(
    path: Path, rows: Sequence[Sequence[str]], headings: Sequence[str] = HEADINGS, encoding: str = "utf-8"
) -> Path:
    """Write a population as CSV."""
    with path.open("w", encoding=encoding, newline="") as file:
        csv.writer(file).writerows([headings, *rows])
    return path


def with_cells(**cells: str) -> tuple[str, ...]:
    """The row ROW with other cells."""
    return tuple(cells.get(heading, cell) for heading, cell in zip(HEADINGS, ROW, strict=True))


def run_file(
    path: Path | str,
    output: Path | None = None,
    *,
    requested: Sequence[str] | None = (RFM,),
    mapping: Mapping | None = None,
    policies: Sequence[Policy] = NEWEST,
    as_of: datetime.date = DAY,
    engine: EngineName = "duckdb",
    table: str | None = None,
    benchmark_set: BenchmarkSet | None = None,
) -> RunReport:
    """Run policies over a file."""
    request = RunRequest(
        population=path,
        output=output or Path(path).with_name("output.csv"),
        policies=policies,
        requested=requested,
        kind="customer",
        as_of=as_of,
        mapping=mapping or Mapping(),
        engine=engine,
        table=table,
        benchmark_set=benchmark_set,
    )
    return (run_in_place if engine == "postgresql" else run_policies)(request, lambda *_: None)


def read_result(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file that was written."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def rejects(report: RunReport) -> list[str]:
    """The reasons of the rows that a run refused."""
    return [row["reason"] for row in read_result(report.paths[1])]


def problems(path: Path, mapping: Mapping | None = None) -> tuple[str, ...]:
    """Why a file is refused as a whole."""
    with pytest.raises(PopulationRejected) as refused:
        run_file(path, mapping=mapping)
    return refused.value.problems
