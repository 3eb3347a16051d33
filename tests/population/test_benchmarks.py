"""Benchmark sets are made from populations, exactly, and decide about everybody as about one."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from policy_service.decisions.decider import Decider
from policy_service.language.benchmark_set import BenchmarkSet, Method
from policy_service.language.load import load_bytes
from policy_service.language.policy import Bilingual, Policy
from policy_service.population.benchmarks import BenchmarkReport, BenchmarkRequest, make_benchmark_set
from policy_service.population.errors import PopulationRejected
from policy_service.population.mapping import Mapping
from policy_service.population.source import open_source
from tests.population.files import DAY, RFM, read_result, run_file, write_csv
from tests.population.purchases import AS_OF, write_purchases
from tests.shipped import NEWEST

ABC = "tiering/abc_class"
BY_ID = {policy.id: policy for policy in NEWEST}
FACTS = ("subject", "amount_12m", "orders_12m", "recency_days", "industry")
INDUSTRIES = {
    "C202405001": ("it", 45, 3, "800000.00", "A"),
    "C202405002": ("manufacturing", 15, 5, "1500000.00", "S"),
    "C202405003": ("retail", 75, 2, "300000.00", "B"),
    "C202405004": ("internet", 120, 1, "50000.00", "C"),
}
"""R-RFM-6."""
NEIGHBOURS = 9
"""Invented customers of the same industry as each."""


def make(
    path: Path,
    *,
    policies: tuple[Policy, ...] = NEWEST,
    requested: tuple[str, ...] | None = None,
    mapping: Mapping | None = None,
    method: Method | None = None,
) -> BenchmarkReport:
    request = BenchmarkRequest(
        id="benchmarks/customers",
        version="2026.7.0",
        policies=policies,
        requested=requested,
        kind="customer",
        as_of=DAY,
        mapping=mapping or Mapping(),
        method=method or Method(),
    )
    return make_benchmark_set(request, open_source(path, request.mapping), lambda _: None)


def figures(made: BenchmarkSet) -> dict[str, dict[tuple[str, ...], tuple[int, int | None]]]:
    return {
        str(figure.measure): {words: (group.subjects, group.value) for words, group in figure.groups.items()}
        for figure in made.figures.values()
    }


def write_regulation(path: Path) -> Path:
    """Write the regulation's four customers among others, so that the means are those of the policy's examples."""
    rows = []
    for example in BY_ID[RFM].examples:
        if example.name not in INDUSTRIES:
            continue
        industry, recency, orders, amount, _ = INDUSTRIES[example.name]
        rows.append((example.name, amount, str(orders), str(recency), industry))
        size = NEIGHBOURS + 1
        cents = int(str(example.facts["industry_mean_amount"])) * size - int(Decimal(amount) * 100)
        others = int(str(example.facts["industry_mean_orders"])) * size // 10_000 - orders
        for number in range(NEIGHBOURS):
            own = cents // NEIGHBOURS + (cents % NEIGHBOURS if number == 0 else 0)
            count = others // NEIGHBOURS + (number < others % NEIGHBOURS)
            rows.append((f"{industry}{number}", str(Decimal(own) / 100), str(count), "50", industry))
    return write_csv(path, rows, FACTS)


def test_the_regulations_customers_are_tiered_by_a_set_that_the_service_made(tmp_path: Path) -> None:
    path = write_regulation(tmp_path / "p.csv")
    made = make(path, requested=(RFM,)).benchmark_set
    assert figures(made)["mean(amount_12m) by industry"] == {
        ("internet",): (10, 26_000_000),
        ("it",): (10, 75_000_000),
        ("manufacturing",): (10, 90_000_000),
        ("retail",): (10, 42_000_000),
    }
    assert {group[1] for group in figures(made)["mean(orders_12m) by industry"].values()} == {
        24_000,
        26_000,
        32_000,
        35_000,
    }
    report = run_file(path, benchmark_set=made)
    assert report.manifest["benchmark_set"]["digest"] == made.digest
    tiers = {row["subject"]: row[f"{RFM}.tier"] for row in read_result(report.paths[0])}
    with Decider([BY_ID[RFM]], engine="python") as decider:
        for subject, (industry, recency, orders, amount, tier) in INDUSTRIES.items():
            facts = {"recency_days": recency, "orders_12m": orders, "amount_12m": amount, "industry": industry}
            decision = decider.decide(facts, as_of=DAY, benchmark_set=made)
            assert decision.to_dict()[RFM]["outcome"] == {"tier": tier}
            assert decision.benchmark_set == made.digest
            assert tiers[subject] == tier


def test_real_purchases_are_tiered_and_classed_by_their_own_figures(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    write_purchases(path)
    mapping = Mapping(constants={"industry": "retail", "channel": "other"})
    report = make(path, mapping=mapping)
    made = report.benchmark_set
    assert report.left_out == ("sum(amount_1m), which lacks amount_1m",)
    found = figures(made)
    assert found["mean(amount_12m) by industry"] == {("retail",): (23_570, 4_537)}
    assert found["mean(orders_12m) by industry"] == {("retail",): (23_570, 11_935)}
    assert found["sum(amount_12m)"] == {(): (23_570, 106_935_650)}
    run_file(path, tmp_path / "o.parquet", requested=(RFM, ABC), mapping=mapping, as_of=AS_OF, benchmark_set=made)
    result = pq.read_table(tmp_path / "o.parquet")
    assert Counter(result[f"{RFM}.tier"].to_pylist()) == {"S": 1_028, "A": 1_113, "B": 3_358, "C": 18_071}
    amounts = [int(Decimal(cell) * 100) for cell in result["amount_12m"].to_pylist()]
    total = before = 0
    total = sum(amounts)
    classes: dict[int, str] = {0: "C"}
    for value, count in sorted(Counter(amounts).items(), reverse=True):
        classes.setdefault(value, "A" if 100 * before < 75 * total else "B" if 100 * before < 95 * total else "C")
        before += value * count
    assert result[f"{ABC}.abc_class"].to_pylist() == [classes[amount] for amount in amounts]


def test_groups_that_are_too_small_and_subjects_without_a_fact_make_no_figure(tmp_path: Path) -> None:
    rows = [("C1", "1.00", "1", "1", "it"), ("C2", "2.01", "", "1", "it"), ("C3", "", "1", "1", "it")]
    rows += [("C4", "9.00", "1", "1", "retail"), ("C5", "5.00", "1", "1", ""), ("C6", "x", "1", "1", "it")]
    path = write_csv(tmp_path / "p.csv", rows, FACTS)
    report = make(path, requested=(RFM,), method=Method("linear", 2))
    assert figures(report.benchmark_set) == {
        "mean(amount_12m) by industry": {("it",): (2, 150), ("retail",): (1, None)},
        "mean(orders_12m) by industry": {("it",): (2, 10_000), ("retail",): (1, None)},
    }
    assert [(each.row, each.subject) for each in report.refused] == [(6, "C6")]
    assert make(path, requested=(RFM,), method=Method("linear", 2)).benchmark_set.text == report.benchmark_set.text
    answers = {row["subject"]: row for row in read_result(run_file(path, benchmark_set=report.benchmark_set).paths[0])}
    assert answers["C4"][f"{RFM}.missing"] == "industry_mean_amount, industry_mean_orders"


def test_a_file_that_says_something_else_than_the_set_is_refused_row_by_row(tmp_path: Path) -> None:
    made = make(write_regulation(tmp_path / "p.csv"), requested=(RFM,)).benchmark_set
    headings = (*FACTS, "industry_mean_amount")
    rows = [("C1", "1.00", "1", "1", "it", "750000.00"), ("C2", "1.00", "1", "1", "it", "7.00")]
    rows += [("C3", "1.00", "1", "1", "finance", "7.00")]
    path = write_csv(tmp_path / "q.csv", rows, headings)
    report = run_file(path, benchmark_set=made)
    assert [row["subject"] for row in read_result(report.paths[0])] == ["C1", "C3"]
    reasons = {row["subject"]: row["reason"] for row in read_result(report.paths[1])}
    assert reasons == {
        "C2": "industry_mean_amount: the benchmark set says 750000.00: leave it out",
        "C3": f"{RFM}: missing industry_mean_orders",
    }
    replaceable = load_bytes(BY_ID[RFM].text.replace("by industry\n", "by industry\n    replaceable: true\n").encode())
    report = run_file(path, policies=[replaceable], benchmark_set=made)
    assert [row["subject"] for row in read_result(report.paths[0])] == ["C1", "C2", "C3"]


MANY = """
policy: tiering/many
version: 1.0.0
title: {zh: 多, en: many}
subject: customer
facts:
  size: {type: choice, of: [small, large]}
  count_: {type: integer, from: benchmark, measure: count() by size}
  share_: {type: number, scale: 4, from: benchmark, measure: share() by size}
  part: {type: number, scale: 2, from: benchmark, measure: share(amount_12m) by size}
  low: {type: integer, from: benchmark, measure: "quantile(score_, 0.2)"}
  high: {type: integer, max: 5, from: benchmark, measure: max(score_)}
outcome:
  x: {type: integer}
rules:
  hit: FIRST
  rows:
    - {id: a, when: count_ > 1 and share_ < 1 and part < 1 and low < high, then: [1], because: {zh: 一, en: one}}
    - {id: b, when: "true", then: [2], because: {zh: 二, en: two}}
"""
OTHER = """
policy: tiering/score
version: 1.0.0
title: {zh: 分, en: score}
subject: customer
facts:
  score_: {type: integer}
outcome:
  x: {type: integer}
rules:
  hit: FIRST
  rows:
    - {id: b, when: score_ > 1, then: [2], because: {zh: 二, en: two}}
"""


def test_counts_shares_and_quantiles(tmp_path: Path) -> None:
    """The type of a fact that is measured is that of another policy where its own does not declare it."""
    policies = tuple(load_bytes(text.encode()) for text in (MANY, OTHER))
    rows = [("C1", "small", "1"), ("C2", "small", "2"), ("C3", "large", "5")]
    path = write_csv(tmp_path / "p.csv", rows, ("subject", "size", "score_"))
    report = make(path, policies=policies, method=Method("inverted", 1))
    assert figures(report.benchmark_set) == {
        "count() by size": {("large",): (1, 1), ("small",): (2, 2)},
        "share() by size": {("large",): (1, 3_333), ("small",): (2, 6_667)},
        "quantile(score_, 0.2)": {(): (3, 1)},
        "max(score_)": {(): (3, 5)},
    }
    path = write_csv(tmp_path / "p.csv", [("C1", "small", "6")], ("subject", "size", "score_"))
    with pytest.raises(PopulationRejected, match=r"max\(score_\) is 6, which is not a whole number, at most 5"):
        make(path, policies=policies, method=Method("linear", 1))


def test_what_is_wrong_with_the_question_is_told_at_once(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "p.csv", [("C1", "1")], ("customer", "orders_12m"))
    with pytest.raises(PopulationRejected) as refused:
        make(path, requested=(RFM, "tiering/no"))
    assert refused.value.problems == (
        "no policy `tiering/no` about a customer",
        f"{RFM}: mean(amount_12m) by industry needs the columns `amount_12m`, `industry`",
        f"{RFM}: mean(orders_12m) by industry needs the columns `industry`",
        "no column `subject`, which names the subjects",
    )
    inexact = tmp_path / "p.parquet"
    pq.write_table(pa.table({"subject": [1.0], "orders_12m": [0.5]}), inexact)
    with pytest.raises(PopulationRejected) as refused:
        make(inexact, requested=(RFM,))
    lacking, *others = refused.value.problems[1:]
    assert lacking == f"{RFM}: mean(orders_12m) by industry needs the columns `industry`"
    assert [each.split("`")[1] for each in others] == ["subject", "orders_12m"], "told with what is lacking"
    path = write_csv(tmp_path / "p.csv", [("C1", "1")], ("subject", "x"))
    with pytest.raises(PopulationRejected, match="the columns are enough for no figure: least"):
        make(path)
    with pytest.raises(PopulationRejected, match="no policy has a benchmark fact"):
        make(path, policies=())
    facts = "score_: {type: number, scale: 2}\n  a: {type: integer, from: benchmark, measure: max(score_)}"
    one = OTHER.replace("score_: {type: integer}", facts)
    other = one.replace("scale: 2", "scale: 1").replace("tiering/score", "tiering/other")
    policies = tuple(load_bytes(text.encode()) for text in (one, other))
    path = write_csv(tmp_path / "p.csv", [("C1", "1")], ("subject", "score_"))
    with pytest.raises(PopulationRejected, match=r"tiering/other and tiering/score measure max\(score_\) of facts of"):
        make(path, policies=policies)


def test_a_set_has_a_title_in_both_languages(tmp_path: Path) -> None:
    made = make(write_regulation(tmp_path / "p.csv"), requested=(RFM,)).benchmark_set
    assert made.title == Bilingual("2026-11-21 基准数据（customer）", "benchmark figures of 2026-11-21 (customer)")
