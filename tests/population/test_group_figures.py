"""Groups compared by the numbers of a file: sums and means exact, few subjects marked, everything wrong told."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from policy_service.population.errors import PopulationRejected
from policy_service.population.group_figures import GroupComparison, compare_groups
from policy_service.population.mapping import Mapping
from policy_service.population.source import open_source
from tests.population.files import write_csv

HEADINGS = ("subject", "tier", "sales", "conversion")
ROWS = [
    ("C1", "S", "0.10", "0.3333"),
    ("C2", "S", "0.20", "0.3333"),
    ("C3", "S", "", "0.3334"),
    ("C4", "A", "-9007199254.0001", "1"),
    ("C5", "", "7", "0"),
]


def compared(
    path: Path, rows: Sequence[Sequence[str]], columns: Sequence[str], by: str | dict[str, str]
) -> GroupComparison:
    return compare_groups(open_source(write_csv(path / "p.csv", rows, HEADINGS), Mapping()), columns, by, smallest=2)


def test_sums_and_means_are_exact_and_few_are_marked(tmp_path: Path) -> None:
    found = compared(tmp_path, ROWS, ["sales", "conversion"], "tier")
    assert [(each.group, each.subjects, each.is_small) for each in found.groups] == [
        ("A", 1, True),
        ("S", 3, False),
        ("(none)", 1, True),
    ]
    best, sales = found.groups[1], found.groups[1].columns[0]
    assert (sales.values, sales.total, sales.mean) == (2, Decimal("0.3000"), Fraction(3, 20))
    assert (best.columns[1].mean, best.columns[1].rounded_mean) == (Fraction(1, 3), Decimal("0.3333"))
    assert found.everybody.columns[0].total == Decimal("-9007199246.7001")
    assert b"\r\nA,1,yes,sales,1,-9007199254.0001,-9007199254.0001," in found.to_csv(), "numbers, and no texts"
    assert found.to_dict()["groups"][1]["columns"]["conversion"] == {
        "values": 3,
        "sum": "1.0000",
        "mean": "0.3333",
        "mean_fraction": "1/3",
    }


def test_groups_of_lists_count_who_is_absent_and_who_is_in_none(tmp_path: Path) -> None:
    groups = {"C1": "tier:S", "C2": "tier:A", "C9": "tier:S"}
    found = compared(tmp_path, ROWS[:3], ["sales"], groups)
    assert [(each.group, each.subjects) for each in found.groups] == [("tier:A", 1), ("tier:S", 1), ("(none)", 1)]
    assert found.absent == 1
    assert found.groups[2].columns[0].mean is None, "nobody in it has a value"
    assert ("tier:S", 1, "yes", "sales", 1, Decimal("0.1000"), Decimal("0.1000"), "1/10") in found.rows()


def test_everything_wrong_is_told(tmp_path: Path) -> None:
    with pytest.raises(PopulationRejected) as refused:
        compared(tmp_path, ROWS, ["sale", "tier"], "tier")
    assert refused.value.problems == (
        "p.csv: no column `sale`, did you mean `sales`?",
        "`tier` makes the groups, so it is not compared",
    )
    with pytest.raises(PopulationRejected, match="name a column of numbers"):
        compared(tmp_path, ROWS, [], "tier")
    with pytest.raises(PopulationRejected, match="subject `C1` has the rows 1, 6"):
        compared(tmp_path, [*ROWS, ROWS[0]], ["sales"], "tier")
    table = pa.table({"subject": ["C1"], "tier": ["S"], "sales": [0.1]})
    pq.write_table(table, tmp_path / "p.parquet")
    with pytest.raises(PopulationRejected, match="binary floating point"):
        compare_groups(open_source(tmp_path / "p.parquet", Mapping()), ["sales"], "tier")


def test_a_number_that_is_none_is_refused_by_its_row(tmp_path: Path) -> None:
    found = compared(tmp_path, [*ROWS, ("C6", "S", "1e3", "0.12345")], ["sales", "conversion"], "tier")
    [rejected] = found.rejected
    assert (rejected.row, rejected.subject) == (6, "C6")
    assert "sales" in rejected.reason
    assert "conversion" in rejected.reason
    assert found.everybody.subjects == 5
