"""Policies decide inside PostgreSQL as they do beside it: the same answers and refusals, and no row comes out."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy.engine import make_url
from typer.testing import CliRunner

from policy_service.cli.app import app
from policy_service.language.load import load_bytes
from policy_service.language.policy import Policy
from policy_service.population import check
from policy_service.population.errors import PopulationRejected
from policy_service.population.mapping import Mapping
from policy_service.population.output import DETAILS
from policy_service.population.run import RunReport
from tests.databases import empty_url
from tests.effort import effort
from tests.population.files import RFM, read_result, run_file
from tests.shipped import NEWEST

CADENCE = "followup/contact_cadence"
KINDS = """
policy: tests/kinds
version: 1.0.0
title: {zh: 各类型, en: All types}
subject: customer
facts:
  amount: {type: money, currency: CNY, min: -5, max: 1000000}
  share: {type: number, scale: 3, optional: true}
  orders: {type: integer, min: 0, max: 100}
  vip: {type: boolean, optional: true}
  since: {type: date, optional: true, min: 2020-01-01}
  industry: {type: choice, of: [it, retail, "o'clock"], optional: true}
  remark: {type: text, optional: true}
  tags: {type: tags, of: [a, b, c], optional: true}
outcome:
  group: {type: integer, min: 0, max: 20}
  paid: {type: money, currency: CNY, min: -1000000, max: 1000000}
rules:
  hit: FIRST
  rows:
    - id: tagged
      when: tags is not missing and "b" in tags
      then: [1, 0]
      because: {zh: 理由, en: tagged}
    - id: remarked
      when: remark is not missing and starts with(remark, "x%_")
      then: [2, 0]
      because: {zh: 理由, en: remarked}
    - id: clock
      when: industry is not missing and industry = "o'clock"
      then: [3, 0]
      because: {zh: 理由, en: clock}
    - id: late
      when: since is not missing and since > date("2024-02-29")
      then: [4, 0]
      because: {zh: 理由, en: late}
    - id: vip
      when: vip is not missing and vip
      then: [5, 0]
      because: {zh: 理由, en: vip}
    - id: share
      when: share is not missing and share * orders > 1.5
      then: [6, "round(amount / 3, 2)"]
      because: {zh: 理由, en: share}
    - id: rest
      when: amount < 10 or orders >= 0
      then: [7, "round(amount / 3, 2)"]
      because: {zh: 理由, en: rest}
"""
COLUMNS = {
    "subject": "text",
    "amount": "numeric",
    "share": "numeric(10, 4)",
    "orders": "smallint",
    "vip": "boolean",
    "since": "date",
    "industry": "varchar(20)",
    "remark": "text",
    "tags": "text[]",
}
POOLS: dict[str, Sequence[str | None]] = {
    "amount": ("0", "1.00", "2.5000", "1000000", "1000000.01", "-5", "-5.01", "0.005", "NaN", "Infinity", None),
    "share": ("0", "1.5", "0.5001", "0.501", "-1", None),
    "orders": ("0", "1", "3", "100", "101", "-1", None),
    "vip": ("true", "false", None),
    "since": ("2024-02-29", "2024-03-01", "2019-12-31", "2199-12-31", "2200-01-01", None),
    "industry": ("it", "IT", "retail", "it ", "o'clock", "零售", "-", "", None),
    "remark": ("", "x%_y", "xyzy", "-", "x" * 1_000, "x" * 1_001, None),
    "tags": ("{}", "{b}", "{a,a}", "{c,b,a}", "{a,d}", "{a,NULL}", None),
}
MAPPING = Mapping(words={"industry": {"零售": "retail"}}, missing=["-"])


@pytest.fixture(scope="module")
def server() -> Iterator[psycopg.Connection[Any]]:
    with empty_url("postgresql") as url:
        address = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(address, autocommit=True) as connection:
            yield connection


def fill(server: psycopg.Connection[Any], columns: dict[str, str], rows: Sequence[Sequence[str | None]]) -> str:
    """Make the table `customers` anew; returns the address of its database."""
    server.execute("DROP TABLE IF EXISTS customers")
    server.execute(f"CREATE TABLE customers ({', '.join(f'{name} {kind}' for name, kind in columns.items())})".encode())
    with server.cursor().copy("COPY customers FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)
    info = server.info
    return f"postgresql://{info.user}@/{info.dbname}?host={info.host}&port={info.port}"


def run_both(address: str, folder: Path, policies: Sequence[Policy], mapping: Mapping) -> tuple[RunReport, RunReport]:
    """Run over the table in place, and by DuckDB over its rows."""
    names = [policy.id for policy in policies]
    first, second = (
        run_file(
            address,
            folder / f"{engine}.csv",
            requested=names,
            mapping=mapping,
            policies=policies,
            table="customers",
            engine=engine,
        )
        for engine in ("postgresql", "duckdb")
    )
    return first, second


def test_rows_of_every_type_are_judged_and_decided_alike(server: psycopg.Connection[Any], tmp_path: Path) -> None:
    rng = random.Random(16)
    rows = [
        [f"C{index:05}", *(rng.choice(pool if rng.random() < 0.3 else pool[:2]) for pool in POOLS.values())]
        for index in range(effort(2_000, 50_000))
    ]
    rows.append(["C/../1", *("1" if name in {"amount", "orders"} else None for name in POOLS)])
    address = fill(server, COLUMNS, rows)
    there, here = run_both(address, tmp_path, [load_bytes(KINDS.encode())], MAPPING)
    answers, expected = read_result(there.paths[0]), read_result(here.paths[0])
    kept = ("subject", *(name for name in expected[0] if name.startswith("tests/kinds.")))
    assert answers == [{name: row[name] for name in kept} for row in expected]
    assert {row["tests/kinds.rule"] for row in answers} >= {
        "tagged",
        "remarked",
        "clock",
        "late",
        "vip",
        "share",
        "rest",
    }
    refused = [{(row["row"], row["subject"]) for row in read_result(each.paths[1])} for each in (there, here)]
    assert refused[0] == refused[1]
    for name in ("subjects", "refused", "statuses"):
        assert there.manifest[name] == here.manifest[name]
    assert there.manifest["refused"] > 100
    assert there.manifest["checked_edges"] == check.EDGE_ROWS


def test_chained_policies_are_decided_in_place(server: psycopg.Connection[Any], tmp_path: Path) -> None:
    policies = [policy for policy in NEWEST if policy.id in {RFM, CADENCE}]
    columns = {
        "subject": "bigint",
        "amount_12m": "numeric(14, 2)",
        "orders_12m": "integer",
        "recency_days": "integer",
        "industry": "text",
        "last_contact_on": "date",
        "tier": "text",
    }
    rng = random.Random(7)
    pools = [
        ("999999.99", "500000", "650000.01", "0"),
        ("0", "2", "3"),
        ("29", "30", "59", "60", "90", None),
        ("it", "retail", None),
        ("2026-11-01", None),
        (None, None, "S", "C"),
    ]
    rows = [[str(index), *map(rng.choice, pools)] for index in range(300)]
    mapping = Mapping(constants={"industry_mean_amount": "500000", "industry_mean_orders": "2"})
    there, here = run_both(fill(server, columns, rows), tmp_path, policies, mapping)
    answers = {row["subject"]: row for row in read_result(there.paths[0])}
    for row in read_result(here.paths[0]):
        assert answers[row["subject"]] == {name: row[name] for name in answers[row["subject"]]}
    reasons = [sorted((row["subject"], row["reason"]) for row in read_result(each.paths[1])) for each in (there, here)]
    assert reasons[0] == reasons[1]
    assert there.manifest["statuses"] == here.manifest["statuses"]
    assert there.manifest["statuses"][CADENCE].keys() >= {"decided", "contradiction"}


def test_everything_that_cannot_be_carried_is_named(server: psycopg.Connection[Any], tmp_path: Path) -> None:
    columns = {**COLUMNS, "subject": "real", "amount": "double precision", "orders": "text", "since": "timestamp"}
    address = fill(server, {**columns, "industry": "char(8)"}, [])
    with pytest.raises(PopulationRejected) as refused:
        run_both(address, tmp_path, [load_bytes(KINDS.encode())], Mapping())
    assert [problem.split(", which")[0] for problem in refused.value.problems] == [
        "customers: `subject` is float4: name subjects by texts or whole numbers",
        "customers: `amount` is float8",
        "customers: `orders` is text",
        "customers: `since` is timestamp",
        "customers: `industry` is bpchar(8)",
    ]


def test_a_policy_that_no_query_carries_is_refused_by_name(server: psycopg.Connection[Any], tmp_path: Path) -> None:
    wide = load_bytes(KINDS.replace("share * orders", "share ** 3 * orders ** 9").encode())
    row = ["C1", "1", "999999.999", "100", None, None, None, None, None]
    with pytest.raises(PopulationRejected, match=r"tests/kinds: a number of it may need \d+ bits.*run it by duckdb"):
        run_both(fill(server, COLUMNS, [row]), tmp_path, [wide], Mapping())


@pytest.mark.parametrize(
    ("rows", "problem"),
    [([], "customers: there are no rows"), ([["C1"], ["C1"], ["C2"]], "customers: subject `C1` has 2 rows")],
)
def test_a_table_is_refused_as_a_whole(
    rows: list[list[str]], problem: str, server: psycopg.Connection[Any], tmp_path: Path
) -> None:
    whole = [[*row, "1", None, "1", None, None, None, None, None] for row in rows]
    with pytest.raises(PopulationRejected, match=problem):
        run_both(fill(server, COLUMNS, whole), tmp_path, [load_bytes(KINDS.encode())], Mapping())
    assert not list(tmp_path.iterdir())


def test_the_digest_is_of_the_facts(server: psycopg.Connection[Any], tmp_path: Path) -> None:
    policy = load_bytes(KINDS.encode())

    def digest(amount: str) -> str:
        address = fill(server, COLUMNS, [["C1", amount, None, "1", None, None, None, None, None]])
        report = run_file(
            address,
            tmp_path / "o.csv",
            policies=[policy],
            requested=[policy.id],
            table="customers",
            engine="postgresql",
        )
        return str(report.manifest["population"])

    assert digest("1.00") == digest("1") != digest("1.01")


def test_the_command_decides_in_place(server: psycopg.Connection[Any], tmp_path: Path) -> None:
    address = fill(server, COLUMNS, [["C1", "1", None, "1", None, None, None, None, "{b}"]])
    folder = tmp_path / "tests" / "kinds"
    folder.mkdir(parents=True)
    folder.joinpath("1.0.0.yaml").write_text(KINDS, encoding="utf-8")
    command = ["run", "--engine", "postgresql", "--population", address, "--table", "public.customers"]
    command += ["--policies", str(tmp_path), "--output", str(tmp_path / "o.csv"), "--json"]
    told = json.loads(CliRunner().invoke(app, command).output)
    assert told["engine"]["name"] == "postgresql"
    assert told["statuses"] == {"tests/kinds": {"decided": 1}}
    [row] = read_result(tmp_path / "o.csv")
    assert list(row) == ["subject", *(f"tests/kinds.{name}" for name in ("group", "paid", *DETAILS))]


def test_a_file_is_not_in_place(tmp_path: Path) -> None:
    with pytest.raises(PopulationRejected, match="name the address of a database, and a table of it"):
        run_file(tmp_path / "o.csv", engine="postgresql")
