"""Policies over populations answer as single decisions do, and are checked by the definition."""

from __future__ import annotations

import random
import shutil
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from policy_service.decisions.decider import Decider
from policy_service.errors import FactsRejected
from policy_service.language.load import load_bytes
from policy_service.language.types import format_value
from policy_service.population import engines
from policy_service.population.engines import EngineName
from policy_service.population.errors import PopulationRejected, RunFailed
from policy_service.population.mapping import Mapping
from tests.absence import SPARK, has_spark
from tests.conformance.facts import pools_of
from tests.effort import effort
from tests.population.files import DAY, HEADINGS, RFM, ROW, read_result, run_file, with_cells, write_csv
from tests.population.purchases import AS_OF, MEANS, write_purchases
from tests.shipped import NEWEST

CADENCE = "followup/contact_cadence"
BY_ID = {policy.id: policy for policy in NEWEST}


@pytest.fixture(scope="module")
def purchases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("purchases") / "purchases.csv"
    amount, orders = write_purchases(path)
    assert (round(amount, 2), round(orders, 4)) == (Decimal("45.37"), Decimal("1.1935"))
    return path


def test_real_purchases_are_tiered(purchases: Path, tmp_path: Path) -> None:
    report = run_file(purchases, tmp_path / "o.parquet", mapping=Mapping(constants=MEANS), as_of=AS_OF)
    tiers = Counter(pq.read_table(tmp_path / "o.parquet")[f"{RFM}.tier"].to_pylist())
    assert tiers == {"S": 1_028, "A": 1_113, "B": 3_358, "C": 18_071}
    assert report.manifest["subjects"] == 23_570
    assert report.manifest["statuses"] == {RFM: {"decided": 23_570}}
    assert report.manifest["checked_rows"] > 1_000
    assert not tmp_path.joinpath("o.parquet.parts").exists()


@pytest.mark.parametrize("engine", ["duckdb", "python"])
def test_chained_policies_answer_as_single_decisions_do(engine: EngineName, tmp_path: Path) -> None:
    """Facts at every edge, some missing, and tiers that were supplied, rightly or not."""
    policies = [BY_ID[RFM], BY_ID[CADENCE]]
    rng = random.Random(16)
    kinds = {name: fact.type for policy in policies for name, fact in policy.facts.items()}
    pools = {name: pool for policy in policies for name, pool in pools_of(policy).items()}
    subjects: list[dict[str, object]] = []
    for _ in range(effort(400, 20_000)):
        facts: dict[str, object] = {
            name: format_value(kinds[name], rng.choice(pool)) for name, pool in pools.items() if rng.random() > 0.05
        }
        if rng.random() < 0.8:
            facts.pop("tier", None)
        subjects.append(facts)
    headings = ("subject", *kinds)
    rows = [[f"C{index}", *(cell_text(facts.get(name)) for name in kinds)] for index, facts in enumerate(subjects)]
    report = run_file(write_csv(tmp_path / "p.csv", rows, headings), requested=(RFM, CADENCE), engine=engine)
    assert report.manifest["refused"] == 0
    found = {row["subject"]: row for row in read_result(report.paths[0])}
    statuses: Counter[str] = Counter()
    with Decider(policies, engine="python") as decider:
        for index, facts in enumerate(subjects):
            row = found[f"C{index}"]
            statuses[row[f"{CADENCE}.status"]] += 1
            if row[f"{CADENCE}.status"] == "contradiction":
                with pytest.raises(FactsRejected, match="contradiction"):
                    decider.decide(facts, as_of=DAY, policies=[CADENCE])
                continue
            answers = decider.decide(facts, as_of=DAY, policies=[RFM, CADENCE]).to_dict()
            for id_, answer in answers.items():
                assert row[f"{id_}.status"] == answer["status"]
                assert row[f"{id_}.rule"] == ", ".join(answer.get("rules", ()))
                for name, value in answer.get("outcome", {}).items():
                    assert row[f"{id_}.{name}"] == cell_text(value)
    assert statuses.keys() >= {"decided", "missing_facts", "contradiction"}


SUMS = """
policy: tests/sums
version: 1.0.0
title: {zh: 合计, en: Sums}
subject: customer
facts:
  a: {type: money, currency: CNY, min: 0, max: "45035996273704.96"}
  b: {type: money, currency: CNY, min: 0, max: "45035996273704.96"}
outcome:
  total: {type: money, currency: CNY}
rules:
  hit: COLLECT
  aggregate: sum
  rows:
    - {id: a, when: a > 0, then: ["a"], because: {zh: 一, en: a}}
    - {id: b, when: b > 0, then: ["b"], because: {zh: 二, en: b}}
"""


def test_a_parquet_file_of_sums_reads_back_equal(tmp_path: Path) -> None:
    """Sums next to 2^53 fen, where a double leaves out each second number."""
    half, fen = Decimal("45035996273704.96"), Decimal("0.01")
    pairs = [(half - near * fen, half - far * fen) for near in range(4) for far in range(4)]
    rows = [(f"C{index}", str(a), str(b)) for index, (a, b) in enumerate(pairs)]
    path = write_csv(tmp_path / "p.csv", rows, ("subject", "a", "b"))
    run_file(path, tmp_path / "o.parquet", policies=[load_bytes(SUMS.encode())], requested=("tests/sums",))
    table = pq.read_table(tmp_path / "o.parquet")
    assert table["tests/sums.total"].to_pylist() == [a + b for a, b in pairs]
    assert not any(pa.types.is_floating(field.type) for field in table.schema)


def test_a_day_that_nobody_has_is_missing_at_the_edges_too(tmp_path: Path) -> None:
    rows = [("C1", "A", "", "")]
    path = write_csv(tmp_path / "p.csv", rows, ("subject", "tier", "last_contact_on", "last_order_on"))
    assert run_file(path, requested=(CADENCE,)).manifest["subjects"] == 1


def cell_text(value: object) -> str:
    """A value of JSON as CSV has it."""
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case list():
            return ";".join(value)
        case _:
            return str(value)


def test_a_policy_that_no_query_carries_runs_by_generated_python(tmp_path: Path) -> None:
    wide = load_bytes(
        BY_ID[RFM].text.replace('"> 1.3 * industry_mean_orders"', '"? ** 3 > 1.3 * industry_mean_orders ** 3"').encode()
    )
    big = with_cells(orders_12m=str(2**52), subject="C2")
    report = run_file(write_csv(tmp_path / "p.csv", [ROW, big]), policies=[wide])
    assert "bits, and not 126 at most" in report.manifest["by_python"][RFM]
    assert [row[f"{RFM}.tier"] for row in read_result(report.paths[0])] == ["A", "A"]
    small = run_file(write_csv(tmp_path / "p.csv", [ROW]), policies=[wide])
    assert small.manifest["by_python"] == {}


def test_without_names_all_policies_run_whose_facts_are_there(tmp_path: Path) -> None:
    report = run_file(write_csv(tmp_path / "p.csv", [ROW]), requested=None)
    assert RFM in report.manifest["statuses"]
    assert report.left_out["tiering/region"] == ("province",)
    with pytest.raises(PopulationRejected, match="the columns are enough for no policy about a customer"):
        run_file(write_csv(tmp_path / "p.csv", [("C1", "1")], ("subject", "nothing")), requested=None)
    with pytest.raises(PopulationRejected, match="no policy `tiering/rfm`, did you mean"):
        run_file(write_csv(tmp_path / "p.csv", [ROW]), requested=["tiering/rfm"])


NAMES = """
policy: rewards/names
version: 1.0.0
title: {zh: 名, en: Names}
subject: customer
facts:
  amount: {type: integer, min: 0}
outcome:
  rule: {type: choice, of: [A, B]}
  status: {type: integer, min: 0}
  bonus: {type: integer, min: 0}
table:
  hit: FIRST
  inputs: [amount]
  rows:
    - {id: much, when: ["> 5"], then: [A, 1, 2], because: {zh: 多, en: much}}
    - {id: few, when: ["-"], then: [B, 3, 4], because: {zh: 少, en: few}}
"""


@pytest.mark.parametrize("output", ["o.csv", "o.parquet"])
def test_an_outcome_may_be_called_like_a_column_of_each_answer(output: str, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "p.csv", [("C1", "9"), ("C2", "1")], ("subject", "amount"))
    result = run_file(path, tmp_path / output, policies=[load_bytes(NAMES.encode())], requested=None).paths[0]
    rows = read_result(result) if output.endswith(".csv") else pq.read_table(result).to_pylist()
    names = ("outcome.rule", "outcome.status", "bonus", "rule", "reason", "status", "missing")
    assert list(rows[0])[2:] == [f"rewards/names.{name}" for name in names]
    assert [[str(cell) for cell in list(row.values())[2:7]] for row in rows] == [
        ["A", "1", "2", "much", "much"],
        ["B", "3", "4", "few", "few"],
    ]


def test_an_answer_that_is_not_the_definitions_fails_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_csv(tmp_path / "p.csv", [ROW])
    query = engines.DuckDB.query
    monkeypatch.setattr(engines.DuckDB, "query", lambda self, sql, part: query(self, sql.replace("'A'", "'B'"), part))
    with pytest.raises(RunFailed, match=r"tiering/rfm_value, subject .* is not the definition's"):
        run_file(path)
    assert not tmp_path.joinpath("output.csv").exists()


def test_an_engine_that_fails_or_loses_a_row_is_told_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    query = engines.DuckDB.query
    path = write_csv(tmp_path / "p.csv", [ROW])
    overflow = "SELECT 9223372036854775807::BIGINT + row FROM"
    monkeypatch.setattr(engines.DuckDB, "query", lambda self, sql, part: query(self, f"{overflow} ({sql})", part))
    with pytest.raises(RunFailed, match="DuckDB: Out of Range Error: Overflow in addition"):
        run_file(path)
    monkeypatch.setattr(engines.DuckDB, "query", lambda self, sql, part: query(self, sql, part).slice(1))
    with pytest.raises(RunFailed, match="did not answer about each row once"):
        run_file(path)


@pytest.mark.skipif(not has_spark(), reason=SPARK)
def test_spark_answers_as_duckdb_does(tmp_path: Path) -> None:
    path = write_csv(
        tmp_path / "p.csv", [ROW, with_cells(subject="C2", recency_days=""), with_cells(subject="C3", amount_12m="")]
    )
    ours = run_file(path, requested=(RFM, CADENCE), mapping=Mapping(constants={"last_contact_on": "2026-11-01"}))
    answers = ours.paths[0].read_bytes()
    spark = run_file(
        path, requested=(RFM, CADENCE), mapping=Mapping(constants={"last_contact_on": "2026-11-01"}), engine="spark"
    )
    assert spark.manifest["engine"]["version"].startswith("Spark 4")
    assert spark.paths[0].read_bytes() == answers


def test_what_spark_lacks_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_csv(tmp_path / "p.csv", [ROW])
    monkeypatch.setattr(engines, "find_spec", lambda _: None)
    with pytest.raises(PopulationRejected, match="Spark is not installed"):
        run_file(path, engine="spark")
    monkeypatch.setattr(engines, "find_spec", lambda _: object())
    monkeypatch.setattr(shutil, "which", lambda _: None)
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(PopulationRejected, match="Spark needs Java 17"):
        run_file(path, engine="spark")


def test_texts_that_a_spreadsheet_would_run_are_guarded_and_numbers_are_not(tmp_path: Path) -> None:
    headings = (*HEADINGS, "note", "amount")
    rows = [(*ROW, "=1+1", "-1250.50"), (*with_cells(subject="C2"), "-2+3", "+86")]
    rows.append((*with_cells(subject="C3"), "＝1+1", "\n=1"))
    report = run_file(write_csv(tmp_path / "p.csv", rows, headings))
    assert [(row["note"], row["amount"]) for row in read_result(report.paths[0])] == [
        ("'=1+1", "-1250.50"),
        ("'-2+3", "+86"),
        ("'＝1+1", "'\n=1"),
    ]
    assert report.paths[0].read_bytes().startswith(b"\xef\xbb\xbf")


def test_a_text_that_a_workbook_does_not_hold_is_not_left_out(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "p.csv", [(*ROW, "x" * 32_768)], (*HEADINGS, "note"))
    with pytest.raises(PopulationRejected, match="a workbook holds no text of more than 32,767 characters"):
        run_file(path, tmp_path / "o.xlsx")
    assert not (tmp_path / "o.xlsx").exists()


def test_a_result_takes_the_place_of_no_population(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "p.csv", [ROW])
    content, link = path.read_bytes(), tmp_path / "link.csv"
    link.symlink_to(path)
    for population, output in [(path, path), (link, path), (path, link)]:
        with pytest.raises(PopulationRejected, match="would take the place of the population"):
            run_file(population, output)
    rejects = write_csv(tmp_path / "o.csv.rejects.csv", [ROW])
    with pytest.raises(PopulationRejected, match="would take the place of the population"):
        run_file(rejects, tmp_path / "o.csv")
    assert path.read_bytes() == content
