"""Benchmark sets are read strictly, written the same each time, and asked for the figure of a group."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from policy_service.language.benchmark_set import (
    BenchmarkSet,
    is_benchmark_set,
    load_benchmark_set,
    load_benchmark_set_bytes,
    misplaced,
)
from policy_service.language.benchmark_set_text import write_benchmark_set
from policy_service.language.diagnostics import PolicyError
from policy_service.language.policy import Fact
from policy_service.language.types import NumberType
from tests.shipped import NEWEST

TEXT = f"""\
benchmark_set: benchmarks/customers
version: 2026.7.0
title: {{zh: "基准", en: "bench: marks"}}
source: [R-RFM-1]
subject: customer
as_of: 2026-06-30
population: {{name: "customers 1.csv", digest: "sha256:{"0" * 64}", subjects: 23570}}
method: {{rounding: half_even, quantiles: linear, smallest_group: 5}}
figures:
  - measure: "mean(amount_12m) by industry"
    type: money
    currency: CNY
    groups:
      - {{of: [it], subjects: 120, value: "45.37"}}
      - {{of: ["null"], subjects: 5}}
      - {{of: [retail], subjects: 4}}
  - measure: "mean(orders_12m) by industry"
    type: number
    scale: 4
    groups: []
  - measure: "quantile(amount_12m, 0.2)"
    type: money
    currency: CNY
    groups:
      - {{subjects: 9, value: "1.00"}}
  - measure: "quantile(amount_12m, 0.4)"
    type: money
    currency: CNY
    groups:
      - {{subjects: 9, value: "1.00"}}
  - measure: "quantile(orders_12m, 0.4)"
    type: integer
    groups:
      - {{subjects: 9, value: "1"}}
"""
RFM = next(policy for policy in NEWEST if policy.id == "tiering/rfm_value")
MEAN = RFM.facts["industry_mean_amount"]


def loaded(text: str = TEXT) -> BenchmarkSet:
    return load_benchmark_set_bytes(text.encode())


def test_a_set_is_written_as_it_was_read() -> None:
    one = loaded()
    text = write_benchmark_set(
        id_=one.id,
        version=one.version,
        title=one.title,
        source=one.source,
        subject=one.subject,
        as_of=one.as_of,
        population=one.population,
        method=one.method,
        figures=list(one.figures.values())[::-1],
    )
    assert text == TEXT
    assert loaded(text) == one
    assert "source" not in write_benchmark_set(
        id_=one.id,
        version=one.version,
        title=one.title,
        source=(),
        subject=one.subject,
        as_of=one.as_of,
        population=one.population,
        method=one.method,
        figures=[],
    )


def test_a_fact_takes_the_figure_of_its_group() -> None:
    figure = loaded().figure_for(RFM, MEAN)
    assert figure is not None
    values = [figure.value_for([word], MEAN.type) for word in ("it", "null", "retail", "finance", None)]
    assert values == [4537, None, None, None, None]
    assert figure.value_for(["it"], NumberType("money", 2, 5_000, currency="CNY")) is None
    assert [each.value_for([], MEAN.type) for each in loaded().figures.values() if not each.measure.groups] == [
        100,
        100,
        1,
    ]


def test_a_fact_takes_no_figure_of_another_type_or_about_others() -> None:
    one = loaded()
    assert one.figure_for(RFM, RFM.facts["amount_12m"]) is None
    assert one.figure_for(replace(RFM, subject="salesperson"), MEAN) is None
    yen = Fact("f", NumberType("money", 0, currency="JPY"), MEAN.title, measure=MEAN.measure)
    assert one.figure_for(RFM, yen) is None


def test_quantiles_that_are_equal_are_told() -> None:
    one, other = "quantile(amount_12m, 0.2)", "quantile(amount_12m, 0.4)"
    assert list(loaded().equal_quantiles()) == [f"{one} and {other}: no subject lies between them"]
    grouped = TEXT.replace("2)", "2) by industry").replace("4)", "4) by industry").replace("- {sub", "- {of: [it], sub")
    assert list(loaded(grouped).equal_quantiles()) == [
        f"{one} by industry and {other} by industry of it: no subject lies between them"
    ]
    assert list(loaded(TEXT.replace('9, value: "1.00"', "9", 1)).equal_quantiles()) == []


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("benchmarks/customers", "tiering/customers", "`tiering/customers` names no benchmark set"),
        ("2026.7.0", "2026.07", "`2026.07` is no version"),
        ("R-RFM-1", "R,", "missing"),
        ("subject: customer", "subject: Customer", "`Customer` names no subject"),
        ("2026-06-30", "2026-06-31", "`2026-06-31` is no day"),
        ("sha256:", "md5:", "is no digest"),
        ("23570", "-1", "`-1` is not a whole number"),
        ("half_even", "up", "expected `half_even`"),
        ("smallest_group: 5", "smallest_group: 5, other: 1", "unknown key `other`"),
        ("subjects: 4}", 'subjects: 4, value: "1.00"}', "a group of 4 is too small for a figure: the smallest has 5"),
        ('"45.37"', '"45.375"', "`45.375` is not an amount in CNY"),
        ("[it]", "[it, x]", "expected a word for each of industry; found 2"),
        ("{subjects: 9", "{of: [x], subjects: 9", "expected a word for each of no facts; found 1"),
        ("[retail]", "[it]", "the group `it` stands twice"),
        ("mean(amount_12m)", "avg(amount_12m)", "unknown statistic `avg`"),
        ("quantile(amount_12m, 0.4)", "quantile(amount_12m, 0.2)", "this measure stands twice"),
        ("type: integer", "type: number", "the type `number` needs `scale`"),
        ("type: integer", "type: boolean", "a figure is a number or an amount, and not true or false"),
    ],
)
def test_what_is_wrong_with_a_set_is_told(old: str, new: str, fault: str) -> None:
    with pytest.raises(PolicyError) as refused:
        loaded(TEXT.replace(old, new, 1) if fault != "missing" else TEXT.replace("[R-RFM-1]", '["R,"]'))
    assert ("is no citation" if fault == "missing" else fault) in str(refused.value)


def test_all_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(PolicyError) as refused:
        loaded(TEXT.replace("2026-06-30", "June").replace("2026.7.0", "7").replace("[it]", "[]"))
    assert len(refused.value.diagnostics) == 3
    with pytest.raises(PolicyError, match="expected"):
        loaded("benchmark_set: [x]")


def test_a_set_has_its_place(tmp_path: Path) -> None:
    folder = tmp_path / "benchmarks" / "customers"
    folder.mkdir(parents=True)
    path = folder / "2026.7.0.yaml"
    path.write_text(TEXT, encoding="utf-8")
    one = load_benchmark_set(path)
    assert one.digest == loaded().digest
    assert misplaced(one, path) is None
    assert "misplaced-file" in str(misplaced(one, tmp_path / "means.yaml"))
    assert is_benchmark_set(path)
    (tmp_path / "policy.yaml").write_text("policy: tiering/x\nnotes: {en: 'benchmark_set: x', zh: x}\n")
    assert not is_benchmark_set(tmp_path / "policy.yaml")
